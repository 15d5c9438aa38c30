//! Engine and naive model over random desks: clients that repeat themselves, adapters that come, go, answer late, twice,
//! never and wrongly, operators, time-outs, and restarts from an image in between.

mod desk;
mod naive;

use desk::{Desk, SECOND, figure, new, order, queued, status, target};
use naive::for_seeds;
use naive::requests::{Requests, Stands};
use naive::rng::Rng;
use ordo_core::engine::{Engine, Input};
use ordo_core::outcome::Outcome;
use ordo_core::proto::{ClientRequest, ClientRequestUpdate, OrderUpdateReason, TimestampWithTimeZone};
use ordo_core::wire;

struct Run {
    desk: Desk,
    twin: Requests,
    rng: Rng,
    ids: u64,
    decisions: u64,
    /// How often each thing happened that must.
    delivered: usize,
    redelivered: usize,
    timed_out: usize,
    repeated: usize,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut desk = Desk::new();
        desk.offline("XNAS");
        let (twin, rng) = (Requests::default(), Rng::new(seed));
        Run { desk, twin, rng, ids: 0, decisions: 0, delivered: 0, redelivered: 0, timed_out: 0, repeated: 0 }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng.below(bound as usize) as u64
    }

    /// One of the newest ids, most of them open; sometimes one that nobody gave.
    fn id(&mut self) -> String {
        let back = self.below(12);
        format!("R{}", (self.ids + 1).saturating_sub(back))
    }

    fn step(&mut self) {
        match self.below(20) {
            0..=4 => self.submit(),
            5..=7 => self.dispatch(),
            8 => self.feed(),
            9 => self.time_out(),
            10 | 11 => self.decide(),
            12..=15 => self.progress(),
            16 | 17 => self.order(),
            18 => {
                let seconds = self.below(12);
                self.desk.wait(seconds);
            }
            _ => self.desk.engine = Engine::from_image(&self.desk.engine.image()).expect("just made"),
        }
    }

    fn submit(&mut self) {
        let id = if self.below(4) == 0 { self.id() } else { self.next_id() };
        let quantity = self.below(4) as u32;
        let expires_ns = (self.below(3) == 0).then_some(self.desk.now_ns / SECOND * SECOND + 9 * SECOND + self.ids);
        let request = request(&id, quantity, expires_ns);
        let known = self.twin.get(&id).map(|known| known.quantity);
        // A repetition is the same request, queue and all.
        let request = match known {
            Some(same) if same == quantity => self.first(&id).unwrap_or(request),
            _ => request,
        };
        let response = self.desk.submit(&request);
        let now_ns = self.desk.now_ns;
        let (status, errors) = self.twin.submit(&id, quantity, expires_ns, now_ns);
        assert_eq!((response.status, response.errors), (status, errors), "{id}");
        assert_eq!(self.desk.outcome.is_silent(), known.is_some(), "a repetition is not recorded");
        self.repeated += usize::from(known.is_some());
    }

    /// The request as it was first submitted.
    fn first(&self, id: &str) -> Option<ClientRequest> {
        use prost::Message;
        let requests = self.desk.log.iter().filter_map(|(stamp, bytes)| {
            let request = ordo_core::proto::FeedRequest::decode(&bytes[..]).ok()?.request?;
            (stamp.origin.is_client && request.request_id == id).then_some(*request)
        });
        requests.into_iter().next()
    }

    fn next_id(&mut self) -> String {
        self.ids += 1;
        format!("R{}", self.ids)
    }

    fn dispatch(&mut self) {
        let id = (self.below(2) == 0).then(|| self.id());
        match &id {
            Some(id) => self.desk.dispatch(id),
            None => self.desk.backlog("XNAS"),
        }
        let expected = self.twin.dispatch(id.as_deref());
        let delivered: Vec<String> = self.desk.delivered().into_iter().map(|(_, id)| id).collect();
        assert_eq!(delivered, expected.into_iter().collect::<Vec<_>>());
        self.delivered += delivered.len();
    }

    fn feed(&mut self) {
        let is_online = self.below(3) > 0;
        if is_online {
            self.desk.online("XNAS")
        } else {
            self.desk.offline("XNAS")
        }
        let expected = self.twin.feed(is_online);
        let delivered: Vec<String> = self.desk.delivered().into_iter().map(|(_, id)| id).collect();
        assert_eq!(delivered, expected, "what was delivered comes again in its order");
        self.redelivered += delivered.len();
    }

    fn time_out(&mut self) {
        self.desk.time_out();
        let expected = self.twin.time_out(self.desk.now_ns);
        let ended = self.desk.shown().into_iter().map(|shown| shown.id).next();
        assert_eq!(ended, expected);
        self.timed_out += usize::from(ended.is_some());
    }

    fn decide(&mut self) {
        let (id, releases) = (self.id(), self.below(3) > 0);
        self.decisions += 1;
        let update = if releases { target(None) } else { status("Rejected") };
        let response = self.desk.decide(&format!("D{}", self.decisions), &id, update);
        assert_eq!(response.errors, self.twin.decide(&id, releases, self.desk.now_ns), "{id}");
    }

    fn progress(&mut self) {
        let word = ["Completed", "Rejected", "Working", "Submitted"][self.below(4) as usize];
        let id = self.id();
        self.desk.progress("XNAS", &id, status(word));
        assert_eq!(self.desk.outcome.is_accepted(), self.twin.progress(&id, word), "{id}");
    }

    fn order(&mut self) {
        let (id, is_rejected) = (self.id(), self.below(4) == 0);
        let number = format!("#{id}");
        let reason = if is_rejected { OrderUpdateReason::Rejected } else { OrderUpdateReason::New };
        self.desk.act("XNAS", order(&number, &id), reason);
        self.twin.order(&id, &number, is_rejected);
    }

    fn check(&self) {
        let open = self.twin.all.iter().filter(|it| !matches!(it.stands, Stands::Completed | Stands::Rejected));
        let mut expected: Vec<(&str, &str)> = open.map(|request| (&*request.id, &*request.status)).collect();
        expected.sort_unstable();
        let active = self.desk.active();
        let statuses: Vec<String> = active.iter().map(|id| self.desk.status(id)).collect();
        let found: Vec<(&str, &str)> =
            active.iter().map(String::as_str).zip(statuses.iter().map(String::as_str)).collect();
        assert_eq!(found, expected);
        self.desk.assert_same_again();
    }
}

fn request(id: &str, quantity: u32, expires_ns: Option<u64>) -> ClientRequest {
    let mut request = if expires_ns.is_some() { queued(id, "DTR") } else { new(id) };
    request.new.as_mut().expect("given").quantity = figure(&quantity.to_string());
    if let Some(queue) = &mut request.queue {
        queue.expire_after = expires_ns.map(TimestampWithTimeZone::from_unix_nanos);
    }
    request
}

#[test]
fn every_request_is_what_the_naive_model_says() {
    for_seeds(0..12, |seed| {
        let mut run = Run::new(seed);
        for at in 0..1_500 {
            run.step();
            if at % 16 == 0 {
                run.check();
            }
        }
        let Run { delivered, redelivered, timed_out, repeated, .. } = run;
        assert!(delivered > 50 && redelivered > 20 && timed_out > 5 && repeated > 20, "seed {seed} is too quiet");
        let live = &run.desk.engine;
        let (mut replayed, mut outcome) = (Engine::new(0), Outcome::with_room());
        for (stamp, bytes) in &run.desk.log {
            let request = wire::FeedRequest::decode(bytes).expect("it was applied");
            replayed.apply(Input { stamp: *stamp, bytes, request: &request }, &mut outcome);
        }
        assert_eq!((replayed.state_hash(), replayed.events_hash()), (live.state_hash(), live.events_hash()));
    });
}

/// Each end is final and known: what an adapter says after it, and a repetition, change nothing.
#[test]
fn nothing_brings_an_ended_request_back() {
    for_seeds(20..24, |seed| {
        let mut run = Run::new(seed);
        (0..800).for_each(|_| run.step());
        let ended = run.twin.all.iter().filter(|it| matches!(it.stands, Stands::Completed | Stands::Rejected));
        let ended: Vec<String> = ended.map(|request| request.id.clone()).collect();
        assert!(ended.len() > 50);
        let active = run.desk.active();
        for id in ended {
            let late = ClientRequestUpdate { text: Some("late".into()), ..status("Working") };
            run.desk.progress("XNAS", &id, late);
            assert_eq!(run.desk.told(), "");
        }
        assert_eq!(run.desk.active(), active);
    });
}
