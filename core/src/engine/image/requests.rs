//! Client requests as an image holds them: those that are active by number, and what is kept of those that ended.

use super::bytes::{Reader, Writer};
use super::{ImageError, read_slab, write_slab};
use crate::engine::requests::{EndedRequest, Link, Phase, RequestRow, is_state};
use crate::engine::state::State;
use crate::names::{AccountNo, FeedNo, InstrumentNo};

/// No instrument.
const NONE: u32 = u32::MAX;

pub(super) fn write_requests(w: &mut Writer, state: &State) {
    write_slab(w, &state.requests.rows, |w, row| write_request(w, row, state));
    w.count(state.requests.ended.len());
    for entry in state.requests.ended.iter() {
        w.u128(entry.key());
        w.u64(entry.content);
        w.u64(entry.at_ns);
        w.put(&[entry.phase as u8]);
    }
}

pub(super) fn read_requests(r: &mut Reader<'_>, state: &mut State) -> Result<(), ImageError> {
    state.requests.rows = read_slab(r, |r| read_request(r, state))?;
    let mut latest_ns = 0;
    for _ in 0..r.u32()? {
        let (key, content, at_ns, phase) = (r.u128()?, r.u64()?, r.u64()?, read_phase(r)?);
        if at_ns < latest_ns || !phase.is_end() {
            return Err(ImageError::Malformed(r.at));
        }
        latest_ns = at_ns;
        state.note_ended(EndedRequest::new(key, content, at_ns, phase));
    }
    Ok(())
}

fn write_request(w: &mut Writer, row: &RequestRow, state: &State) {
    w.u128(row.key);
    w.u128(row.order);
    w.u64(row.content);
    [row.account.0, row.instrument.map_or(NONE, |instrument| instrument.0), row.feed.0]
        .into_iter()
        .for_each(|number| w.u32(number));
    w.put(&[row.phase as u8, u8::from(row.is_reported)]);
    [row.since_sequence, row.since_ns, row.rpc as u64, row.expire_ns].into_iter().for_each(|number| w.u64(number));
    w.text(state.bytes.get(row.state));
}

fn read_request(r: &mut Reader<'_>, state: &mut State) -> Result<RequestRow, ImageError> {
    let (key, order, content) = (r.u128()?, r.u128()?, r.u64()?);
    let (account, instrument, feed) = (AccountNo(r.u32()?), r.u32()?, FeedNo(r.u32()?));
    let instrument = (instrument != NONE).then_some(InstrumentNo(instrument));
    let (phase, is_reported) = (read_phase(r)?, r.flag()?);
    let (since_sequence, since_ns, rpc, expire_ns) = (r.u64()?, r.u64()?, r.u64()? as i64, r.u64()?);
    let bytes = r.bytes()?;
    let is_named = account.index() < state.names.accounts.len()
        && instrument.is_none_or(|instrument| instrument.index() < state.names.instruments.len())
        && feed.index() < state.names.feeds.len();
    if phase.is_end() || !is_named || !is_state(bytes) {
        return Err(ImageError::Malformed(r.at));
    }
    let state = state.bytes.insert(bytes);
    Ok(RequestRow {
        key,
        order,
        content,
        account,
        instrument,
        feed,
        phase,
        is_reported,
        since_sequence,
        since_ns,
        rpc,
        expire_ns,
        state,
        hash: 0,
        in_feed: Link::FREE,
        in_pending: Link::FREE,
    })
}

fn read_phase(r: &mut Reader<'_>) -> Result<Phase, ImageError> {
    let at = r.at;
    let [number] = r.array()?;
    Phase::from_number(number).ok_or(ImageError::Malformed(at))
}
