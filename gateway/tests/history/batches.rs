//! A batch is one frame of several updates: the past is told update by update, and cut between any two.

use ordo_client::rest;
use ordo_core::json::message::{AUDIT_RECORD, EVENT_MESSAGE};
use ordo_core::proto::EventMessage;
use ordo_core::proto::model::AuditRecord;

use crate::heard::*;
use ordo_testkit::hub::*;

#[test]
fn the_updates_of_a_batch_are_told_one_by_one_and_a_state_may_lie_between_them() {
    let mut rig = Rig::start_with(|config| config.snapshot_every_updates = 1);
    let mut listener = listener(&rig);
    let transfer = |value: &str| {
        format!(
            r#"{{"Transaction":{{"Account":{{"OwnerID":"XS","AccountID":"A"}}}},"Transfer":{{"Currency":"AUD","Value":{value}}}}}"#
        )
    };
    let bulk = format!("[{},{},{}]", transfer("1"), transfer("20"), transfer("300"));
    let answer = rest::post(rig.addr(), "/balance/bulk", &bulk).expect("an answer");
    assert_eq!(answer.status, 204, "{}", answer.text());
    let mut recording = Recording { told: Vec::new() };
    recording.hear_all(&mut listener);
    let times = times(&recording.told);
    let last_three = times[times.len() - 3..].to_vec();
    assert_eq!(last_three[2] - last_three[0], 2, "a nanosecond apart");
    for round in ["live", "restarted"] {
        for time_ns in &last_three {
            let asked = State::asked(&rig, &format!("?asAt={}", iso(*time_ns)));
            asked.assert_same(&recording.state_at(*time_ns), &format!("{round}, at {}", iso(*time_ns)));
        }
        let since = iso(last_three[0] - 1);
        let audit: Vec<AuditRecord> = rig
            .get(&format!("/audit/fromdate?from={since}&to={}", iso(last_three[1])))
            .records(AUDIT_RECORD)
            .expect("two");
        assert_eq!(audit.len(), 2, "{round}");
        assert_eq!(audit[1].id, audit[0].id + 1, "{round}: each has a position of its own");
        let target = format!("/event/fromdate?for=Balances&from={since}");
        let events: Vec<EventMessage> = rig.get(&target).records(EVENT_MESSAGE).expect("three");
        let figures: Vec<String> = events
            .iter()
            .map(|message| figure(message.updates[0].balance.as_ref().expect("a balance").balance).to_string())
            .collect();
        assert_eq!(figures, ["1", "21", "321"], "{round}");
        if round == "live" {
            rig.stop();
            rig.start_again();
        }
    }
}
