//! The same market, written to be read: lists that are searched from one end to the other.

mod checks;
mod trading;

use ordo_core::venue::{Cancel, Event, Kind, Life, NewOrder, OrderView, Phase, Reject, Rules, Side};

use crate::commands::Command;

/// An order that is open: on the book if it has no trigger, else waiting. `kind` is that of the order once it trades.
#[derive(Debug, Clone, Copy)]
struct Open {
    id: u64,
    account: u32,
    side: Side,
    kind: Kind,
    life: Life,
    left: u64,
    trigger: Option<i64>,
}

impl Open {
    fn of(order: &NewOrder) -> Open {
        let (kind, trigger) = match order.kind {
            Kind::Stop { trigger } => (Kind::Market, Some(trigger)),
            Kind::StopLimit { trigger, price } => (Kind::Limit { price }, Some(trigger)),
            kind => (kind, None),
        };
        let &NewOrder { id, account, side, life, quantity, .. } = order;
        Open { id, account, side, kind, life, left: quantity, trigger }
    }

    /// Where it stands: its trigger while it waits, its price afterwards.
    fn price(&self) -> i64 {
        match (self.trigger, self.kind) {
            (Some(trigger), _) => trigger,
            (None, Kind::Limit { price }) => price,
            (None, kind) => panic!("{kind:?} stands on no price"),
        }
    }

    fn stands_on(&self, side: Side) -> bool {
        self.trigger.is_none() && self.side == side
    }

    fn waits_on(&self, side: Side) -> bool {
        self.trigger.is_some() && self.side == side
    }
}

pub(crate) struct Market {
    rules: Rules,
    phase: Phase,
    halted: bool,
    now: u64,
    last: Option<i64>,
    /// In the order in which they came to their price.
    open: Vec<Open>,
    reached: Vec<Open>,
    /// Trades that stops have not been held against.
    trades: Vec<i64>,
    events: Vec<Event>,
}

impl Market {
    pub(crate) fn new(rules: Rules) -> Market {
        Market {
            rules,
            phase: Phase::Continuous,
            halted: false,
            now: 0,
            last: None,
            open: Vec::new(),
            reached: Vec::new(),
            trades: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn apply(&mut self, command: &Command) -> Vec<Event> {
        match *command {
            Command::New(order) => self.submit(&order),
            Command::Restore(order) => self.restore(&order),
            Command::Amend { id, price, left } => self.amend(id, price, left),
            Command::AmendStop { id, trigger, price, left } => self.amend_stop(id, trigger, price, left),
            Command::Cancel(id) => self.cancel(id),
            Command::Reassign { id, account } => self.reassign(id, account),
            Command::CancelAll { account, side } => self.cancel_where(Cancel::Mass, |open| {
                account.is_none_or(|it| open.account == it) && side.is_none_or(|it| open.side == it)
            }),
            Command::EndDay => self.cancel_where(Cancel::Expired, |open| open.life == Life::Day),
            Command::Expire(now) => self.expire(now),
            Command::Phase(phase) => {
                self.phase = phase;
                self.changed();
            }
            Command::Halted(halted) => {
                self.halted = halted;
                self.changed();
            }
            Command::Rules(rules) => self.rules = rules,
        }
        std::mem::take(&mut self.events)
    }

    /// Orders of a side in priority, on the book or waiting.
    pub(crate) fn orders(&self, side: Side, waiting: bool) -> Vec<OrderView> {
        let picked = self.open.iter().filter(|it| it.side == side && it.trigger.is_some() == waiting);
        let mut picked: Vec<&Open> = picked.collect();
        let highest_first = (side == Side::Buy) != waiting;
        picked.sort_by_key(|it| if highest_first { !it.price() } else { it.price() });
        let view =
            |it: &Open| OrderView { id: it.id, account: it.account, side, price: it.price(), left: it.left, waiting };
        picked.into_iter().map(view).collect()
    }

    fn find(&self, id: u64) -> Result<usize, Reject> {
        self.open.iter().position(|open| open.id == id).ok_or(Reject::UnknownId)
    }

    fn refuse_or(&mut self, id: u64, checked: Result<(), Reject>) -> bool {
        if let Err(reason) = checked {
            self.events.push(Event::Rejected { id, reason });
        }
        checked.is_ok()
    }

    fn submit(&mut self, order: &NewOrder) {
        let checked = self.check_new(order);
        if !self.refuse_or(order.id, checked) {
            return;
        }
        self.events.push(Event::Accepted { id: order.id });
        let open = Open::of(order);
        if self.phase == Phase::Auction || open.trigger.is_some() {
            self.open.push(open);
            self.trades.extend(self.last);
        } else {
            self.trade(open);
        }
        self.start_reached();
    }

    fn restore(&mut self, order: &NewOrder) {
        let checked = if can_be_open(order) { self.check_any(order) } else { Err(Reject::Phase) };
        if self.refuse_or(order.id, checked) {
            self.events.push(Event::Accepted { id: order.id });
            self.open.push(Open::of(order));
        }
    }

    fn amend(&mut self, id: u64, price: i64, left: u64) {
        let checked = self.check_amend(id, price, left);
        if !self.refuse_or(id, checked) {
            return;
        }
        self.events.push(Event::Amended { id, price, left });
        let at = self.find(id).expect("it was checked");
        if self.open[at].price() == price && left <= self.open[at].left {
            self.open[at].left = left;
            return;
        }
        let amended = Open { kind: Kind::Limit { price }, left, ..self.open.remove(at) };
        if self.phase == Phase::Auction {
            self.open.push(amended);
        } else {
            self.trade(amended);
            self.start_reached();
        }
    }

    fn amend_stop(&mut self, id: u64, trigger: i64, price: Option<i64>, left: u64) {
        let checked = self.check_amend_stop(id, trigger, price, left);
        if !self.refuse_or(id, checked) {
            return;
        }
        let at = self.find(id).expect("it was checked");
        if let Some(price) = price {
            self.open[at].kind = Kind::Limit { price };
        }
        let now_at = match self.open[at].kind {
            Kind::Limit { price } => Some(price),
            _ => None,
        };
        self.events.push(Event::StopAmended { id, trigger, price: now_at, left });
        if self.open[at].trigger == Some(trigger) && left <= self.open[at].left {
            self.open[at].left = left;
            return;
        }
        let amended = Open { trigger: Some(trigger), left, ..self.open.remove(at) };
        self.open.push(amended);
        self.trades.extend(self.last);
        self.start_reached();
    }

    fn cancel(&mut self, id: u64) {
        match self.find(id) {
            Ok(at) => {
                let open = self.open.remove(at);
                self.end(&open, Cancel::Requested);
            }
            Err(reason) => self.events.push(Event::Rejected { id, reason }),
        }
    }

    fn reassign(&mut self, id: u64, account: u32) {
        let found = self.check_open().and_then(|()| self.find(id));
        if self.refuse_or(id, found.map(drop)) {
            let at = found.expect("it was checked");
            self.open[at].account = account;
            self.events.push(Event::Reassigned { id, account });
        }
    }

    fn cancel_where(&mut self, reason: Cancel, matches: impl Fn(&Open) -> bool) {
        for (side, waiting) in [(Side::Buy, false), (Side::Sell, false), (Side::Buy, true), (Side::Sell, true)] {
            for order in self.orders(side, waiting) {
                let at = self.find(order.id).expect("it is open");
                if matches(&self.open[at]) {
                    let open = self.open.remove(at);
                    self.end(&open, reason);
                }
            }
        }
    }

    fn expire(&mut self, now: u64) {
        self.now = self.now.max(now);
        let instant = |open: &Open| match open.life {
            Life::GoodTill(instant) => Some(instant),
            _ => None,
        };
        let due = |it: &Open| instant(it).filter(|instant| *instant <= self.now).map(|instant| (instant, it.id));
        let mut ids: Vec<(u64, u64)> = self.open.iter().filter_map(due).collect();
        ids.sort_unstable();
        for (_, id) in ids {
            let at = self.find(id).expect("it is open");
            let open = self.open.remove(at);
            self.end(&open, Cancel::Expired);
        }
    }

    fn changed(&mut self) {
        self.events.push(Event::PhaseChanged { phase: self.phase, halted: self.halted });
        if self.phase == Phase::Continuous && !self.halted {
            self.uncross();
            self.trades.clear();
            self.trades.extend(self.last);
            self.start_reached();
        }
    }

    fn end(&mut self, open: &Open, reason: Cancel) {
        self.events.push(Event::Cancelled { id: open.id, left: open.left, reason });
    }
}

fn can_be_open(order: &NewOrder) -> bool {
    let trades_at_once = matches!(order.life, Life::ImmediateOrCancel | Life::FillOrKill);
    match order.kind {
        Kind::Market | Kind::MarketToLimit => false,
        Kind::Limit { .. } => !trades_at_once,
        Kind::Stop { .. } | Kind::StopLimit { .. } => true,
    }
}
