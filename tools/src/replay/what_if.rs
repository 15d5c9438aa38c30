//! `ordo replay --what-if`: the same history with changes, and what would have come of it.

use std::path::Path;

use ordo_core::json::Style;
use ordo_history::investigation::{Parted, WhatIf, changes_from_json_lines, changes_from_toml, what_if};

use super::{Progress, diff, of_replay, open_beginning};
use crate::Failure;
use crate::journal::time;
use crate::logging::note;
use crate::table::Output;

pub(super) fn run(dir: &Path, file: &Path, output: Output) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let changes = match file.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => changes_from_toml(&text),
        _ => changes_from_json_lines(&text),
    };
    let changes = changes.map_err(|error| failed(&error))?;
    let bar = Progress::new();
    let outlook = what_if(open_beginning(dir, &[])?, &changes, |_| bar.tick()).map_err(|error| match error {
        WhatIf::Replay(error) => of_replay(error),
        WhatIf::Update(_) | WhatIf::Contradiction(_) => failed(&error),
    })?;
    drop(bar);
    if let Some(place) = outlook.unmatched.first() {
        return Err(failed(&format!("{place}: the record has no such update")));
    }
    say("the runs part at", outlook.parted.as_ref());
    say("the first other update that came out differently is", outlook.consequence.as_ref());
    let found = diff::print(output, |tell| outlook.differences(Style::default(), tell))?;
    note!("{found} fields differ at the end");
    Ok(())
}

fn say(what: &str, point: Option<&Parted>) {
    let Some(point) = point else { return };
    let words = &point.what;
    let about: Vec<&str> = [&words.account, &words.order_id, &words.reference].map(String::as_str).into();
    let about = about.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    note!("{what} {} at {}: {} {about}", point.place, time(point.time_ns), words.kind);
    if point.errors_before != point.errors_after {
        note!("  refused before: {:?}, now: {:?}", point.errors_before, point.errors_after);
    }
}
