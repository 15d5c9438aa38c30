//! Commands as values, so that two books can be given the same.

use ordo_core::venue::{Book, Event, NewOrder, Phase, Rules, Side};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Command {
    New(NewOrder),
    Restore(NewOrder),
    Amend { id: u64, price: i64, left: u64 },
    AmendStop { id: u64, trigger: i64, price: Option<i64>, left: u64 },
    Cancel(u64),
    Reassign { id: u64, account: u32 },
    CancelAll { account: Option<u32>, side: Option<Side> },
    EndDay,
    Expire(u64),
    Phase(Phase),
    Halted(bool),
    Rules(Rules),
}

pub(crate) fn apply(book: &mut Book, command: &Command, events: &mut Vec<Event>) {
    match *command {
        Command::New(order) => book.submit(&order, events),
        Command::Restore(order) => book.restore(&order, events),
        Command::Amend { id, price, left } => book.amend(id, price, left, events),
        Command::AmendStop { id, trigger, price, left } => book.amend_stop(id, trigger, price, left, events),
        Command::Cancel(id) => book.cancel(id, events),
        Command::Reassign { id, account } => book.reassign(id, account, events),
        Command::CancelAll { account, side } => book.cancel_all(account, side, events),
        Command::EndDay => book.end_day(events),
        Command::Expire(now) => book.expire(now, events),
        Command::Phase(phase) => book.set_phase(phase, events),
        Command::Halted(halted) => book.set_halted(halted, events),
        Command::Rules(rules) => book.set_rules(rules),
    }
}
