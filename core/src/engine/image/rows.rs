//! The rows of the state as an image holds them, each writer beside its reader.

use super::ImageError;
use super::bytes::{Reader, Writer};
use crate::engine::byte_store::Handle;
use crate::engine::retention::Gone;
use crate::engine::rows::{CashFigures, CashRow, HoldingRow, OrderRow, TradeRow};
use crate::engine::state::State;
use crate::names::{AccountNo, CurrencyNo, InstrumentNo};
use crate::proto::TimestampWithTimeZone;
use crate::wire::field::order_state;
use crate::wire::{OrderTrade, TopFields};

pub(super) fn write_cash(w: &mut Writer, row: &CashRow) {
    w.u32(row.account.0);
    w.u32(row.currency.0);
    let figures = &row.figures;
    [figures.balance, figures.unbooked, figures.unfilled_buys, figures.margin]
        .into_iter()
        .for_each(|figure| w.dec(figure));
    w.count(row.pools.len());
    for (pool, value) in &row.pools {
        w.text(pool.as_bytes());
        w.dec(*value);
    }
}

pub(super) fn read_cash(r: &mut Reader<'_>) -> Result<CashRow, ImageError> {
    let (account, currency) = (AccountNo(r.u32()?), CurrencyNo(r.u32()?));
    let figures = CashFigures { balance: r.dec()?, unbooked: r.dec()?, unfilled_buys: r.dec()?, margin: r.dec()? };
    let pools = (0..r.u32()?).map(|_| Ok((r.text()?.into(), r.dec()?))).collect::<Result<_, ImageError>>()?;
    Ok(CashRow { account, currency, figures, pools, hash: 0 })
}

pub(super) fn write_holding(w: &mut Writer, row: &HoldingRow) {
    [row.account.0, row.instrument.0, row.currency.0].into_iter().for_each(|number| w.u32(number));
    w.dec(row.quantity);
    w.dec(row.unfilled_sells);
    w.option(row.cost.is_some());
    row.cost.into_iter().for_each(|cost| w.dec(cost));
}

pub(super) fn read_holding(r: &mut Reader<'_>) -> Result<HoldingRow, ImageError> {
    let (account, instrument) = (AccountNo(r.u32()?), InstrumentNo(r.u32()?));
    let currency = CurrencyNo(r.u32()?);
    let (quantity, unfilled_sells) = (r.dec()?, r.dec()?);
    let cost = if r.flag()? { Some(r.dec()?) } else { None };
    Ok(HoldingRow { account, instrument, quantity, unfilled_sells, cost, currency, hash: 0 })
}

pub(super) fn write_order(w: &mut Writer, row: &OrderRow, state: &State) {
    w.u128(row.key);
    w.u128(row.lineage);
    [row.account.0, row.instrument.0, row.currency.0, row.cash, row.holding]
        .into_iter()
        .for_each(|number| w.u32(number));
    w.put(&[u8::from(row.completed), u8::from(row.has_executed_funds)]);
    [row.executed_quantity, row.executed_value, row.reserved_cash, row.reserved_stock]
        .into_iter()
        .for_each(|figure| w.dec(figure));
    w.u64(row.created.seconds);
    w.u32(row.created.nanoseconds);
    w.u32(row.created.tz_offset as u32);
    w.u64(row.completed_ns);
    w.u64(row.remove_ns);
    w.u32(row.last_trade);
    w.text(state.bytes.get(row.state));
}

pub(super) fn read_order(r: &mut Reader<'_>, state: &mut State) -> Result<OrderRow, ImageError> {
    let mut row = OrderRow {
        key: r.u128()?,
        lineage: r.u128()?,
        account: AccountNo(r.u32()?),
        instrument: InstrumentNo(r.u32()?),
        currency: CurrencyNo(r.u32()?),
        cash: r.u32()?,
        holding: r.u32()?,
        completed: r.flag()?,
        has_executed_funds: r.flag()?,
        has_executed_quantity: false,
        has_executed_value: false,
        executed_quantity: r.dec()?,
        executed_value: r.dec()?,
        reserved_cash: r.dec()?,
        reserved_stock: r.dec()?,
        created: TimestampWithTimeZone { seconds: r.u64()?, nanoseconds: r.u32()?, tz_offset: r.u32()? as i32 },
        completed_ns: r.u64()?,
        remove_ns: r.u64()?,
        last_trade: r.u32()?,
        state: Handle::NONE,
        hash: 0,
    };
    let bytes = r.bytes()?;
    for field in TopFields::of(bytes) {
        row.has_executed_quantity |= field.number == order_state::EXECUTED_QUANTITY;
        row.has_executed_value |= field.number == order_state::EXECUTED_VALUE;
    }
    row.state = state.bytes.insert(bytes);
    Ok(row)
}

pub(super) fn write_gone(w: &mut Writer, gone: &Gone) {
    w.u128(gone.lineage);
    w.u32(gone.last_trade);
    w.u64(gone.since_ns);
}

pub(super) fn read_gone(r: &mut Reader<'_>) -> Result<Gone, ImageError> {
    Ok(Gone { lineage: r.u128()?, last_trade: r.u32()?, since_ns: r.u64()? })
}

pub(super) fn write_trade(w: &mut Writer, row: &TradeRow, state: &State) {
    w.u128(row.key);
    [row.cash, row.holding, row.revisions].into_iter().for_each(|number| w.u32(number));
    w.put(&[u8::from(row.is_sale), u8::from(row.is_cancelled), u8::from(row.fund_entries.is_some())]);
    [row.price, row.quantity, row.funds].into_iter().for_each(|figure| w.dec(figure));
    row.fund_entries.into_iter().for_each(|entries| w.text(state.bytes.get(entries)));
    w.u64(row.time_ns);
    w.u32(row.previous);
}

pub(super) fn read_trade(r: &mut Reader<'_>, state: &mut State) -> Result<TradeRow, ImageError> {
    let (key, cash, holding, revisions) = (r.u128()?, r.u32()?, r.u32()?, r.u32()?);
    let (is_sale, is_cancelled, has_entries) = (r.flag()?, r.flag()?, r.flag()?);
    let (price, quantity, funds) = (r.dec()?, r.dec()?, r.dec()?);
    let fund_entries = if has_entries {
        let (at, entries) = (r.at, r.bytes()?);
        OrderTrade::decode(entries).map_err(|_| ImageError::Malformed(at))?;
        Some(state.bytes.insert(entries))
    } else {
        None
    };
    let (time_ns, previous) = (r.u64()?, r.u32()?);
    Ok(TradeRow {
        key,
        cash,
        holding,
        is_sale,
        is_cancelled,
        revisions,
        price,
        quantity,
        funds,
        fund_entries,
        time_ns,
        previous,
        hash: 0,
    })
}
