//! Markets as tables: a command, and the events that it makes.
//!
//! ```text
//! sell #1 5 @100 | buy #2 3 market ioc by 7 | buy #3 5 stop 105 @106 | amend #1 4 @99 | cancel #1 | move #1 to 3
//! +1  accepted     2x1 3@100  #2 trades with resting #1     -1 5 Requested  cancelled with 5 left
//! !1 Tick refused  ~1 4@99    amended                       ^3  a stop starts
//! ```

use ordo_core::venue::{Book, Event, Kind, Life, NewOrder, Phase, Rules, Side};

use crate::commands::{Command, apply};
use crate::ledger::Ledger;
use crate::naive::Market;

/// Gives the commands to a book and to its naive twin and compares the events of each.
pub(crate) fn check(rules: Rules, table: &[(&str, &str)]) -> Book {
    let (mut book, mut market, mut ledger) = (Book::new(rules), Market::new(rules), Ledger::default());
    for (text, expected) in table {
        let command = command(text);
        let mut events = Vec::new();
        apply(&mut book, &command, &mut events);
        assert_eq!(written(&events), *expected, "{text}");
        assert_eq!(events, market.apply(&command), "the naive twin, {text}");
        ledger.fold(&command, &events);
        ledger.assert_same_as(&book);
    }
    book
}

pub(crate) fn command(text: &str) -> Command {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["cancel", "all"] => Command::CancelAll { account: None, side: None },
        ["cancel", "all", "by", account] => Command::CancelAll { account: Some(number(account)), side: None },
        ["cancel", "all", side] => Command::CancelAll { account: None, side: Some(side_named(side)) },
        ["cancel", id] => Command::Cancel(number(id)),
        ["amend", id, left, price] => Command::Amend { id: number(id), price: number(price), left: number(left) },
        ["amend", id, left, "stop", trigger] => {
            Command::AmendStop { id: number(id), trigger: number(trigger), price: None, left: number(left) }
        }
        ["amend", id, left, "stop", trigger, price] => {
            let price = Some(number(price));
            Command::AmendStop { id: number(id), trigger: number(trigger), price, left: number(left) }
        }
        ["move", id, "to", account] => Command::Reassign { id: number(id), account: number(account) },
        ["end", "day"] => Command::EndDay,
        ["expire", now] => Command::Expire(number(now)),
        ["halt"] => Command::Halted(true),
        ["resume"] => Command::Halted(false),
        ["preopen"] => Command::Phase(Phase::PreOpen),
        ["auction"] => Command::Phase(Phase::Auction),
        ["open"] => Command::Phase(Phase::Continuous),
        ["close"] => Command::Phase(Phase::Closed),
        ["restore", ref order @ ..] => Command::Restore(order_of(order)),
        ref order => Command::New(order_of(order)),
    }
}

fn order_of(words: &[&str]) -> NewOrder {
    let mut order = NewOrder {
        id: number(words[1]),
        account: number(words[1]),
        side: side_named(words[0]),
        kind: Kind::Market,
        life: Life::GoodTillCancel,
        quantity: number(words[2]),
    };
    let mut words = words[3..].iter();
    while let Some(word) = words.next() {
        let mut next = || words.next().expect("a word follows");
        match *word {
            "market" => order.kind = Kind::Market,
            "mtl" => order.kind = Kind::MarketToLimit,
            "stop" => order.kind = Kind::Stop { trigger: number(next()) },
            "ioc" => order.life = Life::ImmediateOrCancel,
            "fok" => order.life = Life::FillOrKill,
            "day" => order.life = Life::Day,
            "till" => order.life = Life::GoodTill(number(next())),
            "by" => order.account = number(next()),
            price => {
                let price = number(price);
                order.kind = match order.kind {
                    Kind::Stop { trigger } => Kind::StopLimit { trigger, price },
                    _ => Kind::Limit { price },
                };
            }
        }
    }
    order
}

fn side_named(word: &str) -> Side {
    match word {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        other => panic!("no side: {other}"),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    let digits = word.trim_start_matches(['#', '@']);
    digits.parse().unwrap_or_else(|_| panic!("no number: {word}"))
}

fn written(events: &[Event]) -> String {
    events.iter().map(one).collect::<Vec<_>>().join("  ")
}

fn one(event: &Event) -> String {
    match event {
        Event::Accepted { id } => format!("+{id}"),
        Event::Rejected { id, reason } => format!("!{id} {reason:?}"),
        Event::Fill { resting, incoming, price, quantity, .. } => format!("{incoming}x{resting} {quantity}@{price}"),
        Event::Priced { id, price, left } => format!("={id} {left}@{price}"),
        Event::Cancelled { id, left, reason } => format!("-{id} {left} {reason:?}"),
        Event::Amended { id, price, left } => format!("~{id} {left}@{price}"),
        Event::StopAmended { id, trigger, price: None, left } => format!("~{id} {left} stop {trigger}"),
        Event::StopAmended { id, trigger, price: Some(price), left } => format!("~{id} {left} stop {trigger} @{price}"),
        Event::Reassigned { id, account } => format!("{id} to {account}"),
        Event::Triggered { id } => format!("^{id}"),
        Event::Uncrossed { price, quantity } => format!("all {quantity}@{price}"),
        Event::PhaseChanged { phase, halted } => format!("{phase:?}{}", if *halted { " halted" } else { "" }),
    }
}
