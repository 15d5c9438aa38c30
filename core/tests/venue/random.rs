//! Random commands of all kinds to the book and to its naive twin: the same events, the same orders, and the invariants.
//!
//! `ORDO_SEED` names the first seed, `ORDO_COMMANDS` how many commands the long test gives.

use std::collections::BTreeMap;

use ordo_core::venue::{Book, Event, Kind, Life, NewOrder, PRICE_MAX, PRICE_MIN, Phase, Rules, SelfTrade, Side};

use crate::commands::{Command, apply};
use crate::ledger::Ledger;
use crate::naive::Market;

/// Commands of one seed; then the books start anew, at other prices and rules.
const A_SEED: u64 = 2_000;

#[test]
fn the_book_equals_its_naive_twin() {
    let kinds = run(first_seed(1), 500_000);
    println!("{kinds:?}");
    for kind in KINDS {
        assert!(kinds.get(kind).is_some_and(|count| *count > 20), "{kind} is hardly tried: {kinds:?}");
    }
}

/// What the commands must bring about to have tried everything.
const KINDS: [&str; 27] = [
    "Accepted",
    "Amended",
    "Fill",
    "PhaseChanged",
    "Priced",
    "Reassigned",
    "StopAmended",
    "Triggered",
    "Uncrossed",
    "Cancelled Expired",
    "Cancelled Immediate",
    "Cancelled Mass",
    "Cancelled Requested",
    "Cancelled SelfTrade",
    "Cancelled Unfillable",
    "Rejected Collar",
    "Rejected DuplicateId",
    "Rejected Expiry",
    "Rejected Full",
    "Rejected Halted",
    "Rejected Lot",
    "Rejected Phase",
    "Rejected Price",
    "Rejected Quantity",
    "Rejected Tick",
    "Rejected UnknownId",
    "Rejected Waiting",
];

fn kind(event: &Event) -> String {
    let text = format!("{event:?}");
    let name = text.split(' ').next().unwrap_or_default();
    match event {
        Event::Cancelled { reason, .. } => format!("{name} {reason:?}"),
        Event::Rejected { reason, .. } => format!("{name} {reason:?}"),
        _ => name.to_string(),
    }
}

/// The same in long; `perf/matching.sh` runs it.
#[test]
#[ignore = "a hundred million commands take minutes"]
fn the_book_equals_its_naive_twin_for_long() {
    run(first_seed(1_000_000), asked("ORDO_COMMANDS").unwrap_or(100_000_000));
}

fn first_seed(otherwise: u64) -> u64 {
    asked("ORDO_SEED").unwrap_or(otherwise)
}

#[allow(clippy::disallowed_methods, reason = "a test is asked by hand to run another seed; nothing of the core is")]
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// How many events there were, by kind, of one seed in ten.
fn run(first_seed: u64, commands: u64) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for seed in first_seed..first_seed + commands.div_ceil(A_SEED) {
        let mut seen = Vec::new();
        compare(seed, &mut seen);
        if seed % 10 == 0 {
            seen.iter().for_each(|event| *kinds.entry(kind(event)).or_default() += 1);
        }
    }
    kinds
}

fn compare(seed: u64, seen: &mut Vec<Event>) {
    let mut random = Random(seed);
    let mut stream = Stream::new(&mut random);
    let (mut book, mut market, mut ledger) = (Book::new(stream.rules), Market::new(stream.rules), Ledger::default());
    let mut events = Vec::new();
    for at in 0..A_SEED {
        let command = stream.command(&mut random, &ledger);
        events.clear();
        apply(&mut book, &command, &mut events);
        assert_eq!(events, market.apply(&command), "seed {seed}, command {at}: {command:?}");
        ledger.fold(&command, &events);
        seen.extend_from_slice(&events);
        check_touch(&book, seed);
        if at % 50 == 0 || at + 1 == A_SEED {
            check(&book, &market, &ledger, seed);
        }
    }
}

/// Never crossed while orders trade.
fn check_touch(book: &Book, seed: u64) {
    if let (Phase::Continuous, false, Some(bid), Some(ask)) =
        (book.phase(), book.is_halted(), book.best(Side::Buy), book.best(Side::Sell))
    {
        assert!(bid.price < ask.price, "seed {seed}, crossed: {bid:?} {ask:?}");
    }
}

fn check(book: &Book, market: &Market, ledger: &Ledger, seed: u64) {
    ledger.assert_same_as(book);
    for side in [Side::Buy, Side::Sell] {
        let orders = market.orders(side, false);
        assert_eq!(book.orders(side).collect::<Vec<_>>(), orders, "seed {seed}");
        assert_eq!(book.waiting_stops(side).collect::<Vec<_>>(), market.orders(side, true), "seed {seed}");
        assert_eq!(book.open_quantity(side), orders.iter().map(|it| it.left).sum::<u64>());
        assert_eq!(book.best(side), book.depth(side).next());
        for depth in book.depth(side) {
            let here: Vec<u64> = orders.iter().filter(|it| it.price == depth.price).map(|it| it.left).collect();
            assert!(!here.is_empty(), "a level without orders: {depth:?}");
            assert_eq!(depth.quantity, here.iter().sum::<u64>());
            assert_eq!(book.depth_at(side, depth.price), depth.quantity);
        }
        for order in orders {
            assert_eq!(book.order(order.id), Some(order));
        }
    }
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Commands that meet each other: few ids, few accounts, prices around a middle that wanders.
struct Stream {
    rules: Rules,
    middle: i64,
    now: u64,
    phase: Phase,
    halted: bool,
}

impl Stream {
    fn new(random: &mut Random) -> Stream {
        let rules = rules(random);
        let middles = [0, 64, 10_000, 1 << 40, PRICE_MAX - 30, PRICE_MIN + 30];
        Stream { rules, middle: random.of(&middles), now: 0, phase: Phase::Continuous, halted: false }
    }

    fn command(&mut self, random: &mut Random, ledger: &Ledger) -> Command {
        if let Some(back) = self.back_to_trading(random) {
            return back;
        }
        match random.below(1_000) {
            0..500 => Command::New(self.order(random)),
            500..680 => Command::Cancel(id(random, ledger)),
            680..860 => Command::Amend { id: id(random, ledger), price: self.price(random), left: quantity(random) },
            860..900 => self.amend_stop(random, ledger),
            900..930 => Command::Reassign { id: id(random, ledger), account: account(random) },
            930..940 => Command::Restore(self.restored(random)),
            940..960 => self.expire(random),
            960..965 => Command::EndDay,
            965..970 => self.cancel_all(random),
            970..980 => self.set_rules(random),
            980..990 => self.set_phase(random),
            _ => {
                self.halted = !self.halted;
                Command::Halted(self.halted)
            }
        }
    }

    /// Ends a halt and a phase without trading soon.
    fn back_to_trading(&mut self, random: &mut Random) -> Option<Command> {
        if self.halted && random.one_in(8) {
            self.halted = false;
            return Some(Command::Halted(false));
        }
        let stays = if self.phase == Phase::Auction { 40 } else { 8 };
        if self.phase != Phase::Continuous && random.one_in(stays) {
            self.phase = Phase::Continuous;
            return Some(Command::Phase(Phase::Continuous));
        }
        None
    }

    fn order(&mut self, random: &mut Random) -> NewOrder {
        self.middle = self.middle.saturating_add(random.below(3) as i64 - 1);
        let side = random.of(&[Side::Buy, Side::Sell]);
        let kind = match random.below(20) {
            0 => Kind::Market,
            1 => Kind::MarketToLimit,
            2 => Kind::Stop { trigger: self.price(random) },
            3..5 => Kind::StopLimit { trigger: self.price(random), price: self.price(random) },
            // Three of four do not cross.
            _ => Kind::Limit { price: self.price(random).saturating_add(if side == Side::Buy { -4 } else { 4 }) },
        };
        let life = match random.below(20) {
            0..3 => Life::ImmediateOrCancel,
            3 => Life::FillOrKill,
            4..7 => Life::Day,
            7..9 => Life::GoodTill((self.now + random.below(60)).saturating_sub(2)),
            _ => Life::GoodTillCancel,
        };
        NewOrder { id: random.below(150), account: account(random), side, kind, life, quantity: quantity(random) }
    }

    /// One that leaves trading as it is: a restored order may cross, and stops may have been reached.
    fn restored(&mut self, random: &mut Random) -> NewOrder {
        let order = self.order(random);
        if self.phase != Phase::Continuous || self.halted {
            return order;
        }
        NewOrder { kind: Kind::Market, ..order }
    }

    fn amend_stop(&mut self, random: &mut Random, ledger: &Ledger) -> Command {
        let price = random.one_in(2).then(|| self.price(random));
        Command::AmendStop { id: id(random, ledger), trigger: self.price(random), price, left: quantity(random) }
    }

    fn expire(&mut self, random: &mut Random) -> Command {
        self.now += random.below(10);
        Command::Expire(self.now - self.now.min(random.below(2)))
    }

    fn cancel_all(&mut self, random: &mut Random) -> Command {
        let account = random.one_in(2).then(|| account(random));
        Command::CancelAll { account, side: random.of(&[None, Some(Side::Buy), Some(Side::Sell)]) }
    }

    fn set_rules(&mut self, random: &mut Random) -> Command {
        let self_trade = rules(random).self_trade;
        let distance = random.of(&[i64::MAX, 20, 5]);
        let (collar_low, collar_high) = (self.middle.saturating_sub(distance), self.middle.saturating_add(distance));
        self.rules = Rules {
            self_trade,
            collar_low: collar_low.max(PRICE_MIN),
            collar_high: collar_high.min(PRICE_MAX),
            ..self.rules
        };
        Command::Rules(self.rules)
    }

    fn set_phase(&mut self, random: &mut Random) -> Command {
        self.phase = random.of(&[Phase::PreOpen, Phase::Auction, Phase::Auction, Phase::Closed]);
        Command::Phase(self.phase)
    }

    fn price(&self, random: &mut Random) -> i64 {
        let price = match random.below(200) {
            0 => random.of(&[i64::MIN, PRICE_MIN, PRICE_MIN + 1, PRICE_MAX - 1, PRICE_MAX, i64::MAX, 0, -1]),
            1..8 => self.middle.saturating_add(random.below(20_000) as i64 - 10_000),
            8..20 => self.middle.saturating_add(random.below(200) as i64 - 100),
            _ => self.middle.saturating_add(random.below(14) as i64 - 7),
        };
        // Now and then off the tick.
        if random.one_in(30) { price } else { price - price % self.rules.tick }
    }
}

/// That of an open order, nearly always.
fn id(random: &mut Random, ledger: &Ledger) -> u64 {
    let open = ledger.len() as u64;
    if open == 0 || random.one_in(10) { random.below(150) } else { ledger.id(random.below(open) as usize) }
}

fn rules(random: &mut Random) -> Rules {
    Rules {
        tick: random.of(&[1, 1, 1, 2, 5]),
        lot: random.of(&[1, 1, 1, 2]),
        self_trade: random.of(&[
            SelfTrade::Allow,
            SelfTrade::CancelResting,
            SelfTrade::CancelIncoming,
            SelfTrade::CancelBoth,
        ]),
        orders_max: random.of(&[u32::MAX - 1, u32::MAX - 1, 12]),
        ..Rules::default()
    }
}

fn account(random: &mut Random) -> u32 {
    random.below(4) as u32
}

fn quantity(random: &mut Random) -> u64 {
    match random.below(100) {
        0 => random.of(&[0, u64::MAX, u64::MAX - 50, 1 << 63]),
        _ => 2 * (1 + random.below(15)) - u64::from(random.one_in(5)),
    }
}
