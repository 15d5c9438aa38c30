//! The life of a request: every status and every happening, by the table, by the page that prints it, and by the engine.

mod desk;

use desk::{Desk, decision, new, queued, status, target};
use ordo_core::engine::requests::life::{Happening, Next, PHASES, Phase, TABLE, next};
use ordo_core::metadata::Details;
use ordo_core::proto::{ClientQueueUpdateType, ClientRequestUpdate, OwnerDetails};

#[test]
fn the_table_has_a_line_for_every_happening() {
    for (at, (happening, line)) in TABLE.iter().enumerate() {
        assert_eq!(*happening as usize, at, "looked up by its number");
        for (phase, cell) in PHASES.into_iter().zip(line) {
            assert_eq!(next(phase, *happening), *cell);
            assert!(!phase.is_end() || !matches!(cell, Next::To(_)), "{happening:?}: an end is final");
        }
    }
}

/// The line of a happening as `core/REQUESTS.md` has it.
fn printed(happening: Happening) -> String {
    let cells = PHASES.map(|phase| match next(phase, happening) {
        Next::To(phase) => phase.code().to_owned(),
        Next::Ignored => "-".to_owned(),
        Next::Refused(code) => format!("`{}`", code.code()),
    });
    format!("| {happening:?} | {} |", cells.join(" | "))
}

#[test]
fn the_page_prints_the_table() {
    let page = include_str!("../REQUESTS.md");
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    for (happening, _) in TABLE {
        let (line, found) = (printed(happening), format!("| {happening:?} |"));
        let page_line = lines.iter().find(|known| known.starts_with(&found));
        assert_eq!(page_line.map(|known| (**known).to_owned()), Some(line));
    }
}

/// A desk with the request R1 in a phase.
fn in_phase(phase: Phase) -> Desk {
    let mut desk = Desk::new();
    desk.online("XNAS");
    let request = if phase == Phase::Queued { expiring() } else { new("R1") };
    desk.submit(&request);
    match phase {
        Phase::Pending | Phase::Queued => {}
        Phase::Submitted => desk.dispatch("R1"),
        Phase::Completed | Phase::Rejected => {
            desk.dispatch("R1");
            desk.progress("XNAS", "R1", status(phase.code()));
        }
    }
    desk
}

fn expiring() -> ordo_core::proto::ClientRequest {
    let mut request = queued("R1", "DTR");
    let at = ordo_core::proto::TimestampWithTimeZone { seconds: 1_795_323_900, ..Default::default() };
    request.queue.as_mut().expect("given").expire_after = Some(at);
    request
}

/// Lets something happen to R1; the codes of a refusal.
fn happen(desk: &mut Desk, happening: Happening) -> Vec<String> {
    let decided = |desk: &mut Desk, update| desk.decide("D1", "R1", update).errors;
    match happening {
        Happening::Deliver => desk.dispatch("R1"),
        Happening::Redeliver => {
            desk.offline("XNAS");
            desk.online("XNAS");
        }
        Happening::TimeOut => {
            desk.wait(100);
            desk.time_out();
        }
        Happening::Authorise => return decided(desk, target(None)),
        Happening::MoveQueue => return decided(desk, target(Some("LATER"))),
        Happening::Refuse => return decided(desk, status("Rejected")),
        Happening::FailRelease => {
            let metadata = [("Halted".to_owned(), "true".to_owned())].into();
            desk.define(Details::Owner(Box::new(OwnerDetails {
                owner_id: "O".into(),
                metadata,
                ..Default::default()
            })));
            return decided(desk, target(None)).into_iter().filter(|code| code != "Halted owner").collect();
        }
        Happening::Replace => {
            let named = ClientRequestUpdate { request_id: "R1".into(), ..Default::default() };
            let mut replace = decision("D1", ClientQueueUpdateType::Replace, named);
            replace.new = new("x").new;
            return desk.submit(&replace).errors;
        }
        Happening::Progress => desk.progress("XNAS", "R1", status("Working")),
        Happening::Enqueue => desk.progress("XNAS", "R1", ClientRequestUpdate { ..target(Some("DESK")) }),
        Happening::Release => desk.progress("XNAS", "R1", target(None)),
        Happening::Complete => desk.progress("XNAS", "R1", status("Completed")),
        Happening::Reject => desk.progress("XNAS", "R1", status("Rejected")),
        Happening::Report => desk.report("XNAS", &new("R1")),
    }
    desk.outcome.codes().map(|code| code.into_owned()).collect()
}

/// The status of R1, active or ended: what its client is answered who asks again.
fn present(desk: &mut Desk, was_queued: bool) -> String {
    match desk.state("R1") {
        Some(state) => state.status,
        None => desk.submit(&if was_queued { expiring() } else { new("R1") }).status,
    }
}

#[test]
fn the_engine_does_what_the_table_says() {
    for (happening, line) in TABLE {
        for (phase, expected) in PHASES.into_iter().zip(line) {
            let mut desk = in_phase(phase);
            let codes = happen(&mut desk, happening);
            let found = present(&mut desk, phase == Phase::Queued);
            let (status, code) = match expected {
                Next::To(to) if happening == Happening::Progress && !to.is_end() => ("Working", None),
                Next::To(to) => (to.code(), None),
                Next::Ignored => (phase.code(), None),
                Next::Refused(code) => (phase.code(), Some(code.code().to_owned())),
            };
            assert_eq!((&*found, codes), (status, code.into_iter().collect()), "{happening:?} of a {phase:?} one");
            desk.assert_same_again();
        }
    }
}
