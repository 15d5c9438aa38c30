//! `ordo replay --what-if`: the same history with changes, and how its outcome differs.

use std::path::Path;

use ordo_core::json::Style;
use ordo_history::investigation::{Change, Parted, WhatIf, changes_from_json_lines, changes_from_toml, what_if};

use super::{Progress, diff, of_replay, open_beginning};
use crate::Failure;
use crate::input_file::{CHANGES_BYTES_MAX, read_text};
use crate::journal::time;
use crate::logging::note;
use crate::table::Output;

pub(super) fn run(dir: &Path, file: &Path, output: Output) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", file.display()));
    let changes = changes(&read_text(file, CHANGES_BYTES_MAX)?).map_err(|why| failed(&why))?;
    let bar = Progress::new();
    let outlook = what_if(open_beginning(dir, &[])?, &changes, |_| bar.tick()).map_err(|error| match error {
        WhatIf::Replay(error) => of_replay(error),
        WhatIf::Update(_) | WhatIf::Contradiction(_) => failed(&error),
    })?;
    drop(bar);
    if let Some(place) = outlook.unmatched.first() {
        return Err(failed(&format!("{place}: the record has no such update")));
    }
    print_point("the runs part at", outlook.parted.as_ref());
    print_point("the first unchanged update with another outcome is", outlook.consequence.as_ref());
    let found = diff::print(output, |each| outlook.differences(Style::default(), each))?;
    note!("{found} fields differ at the end");
    Ok(())
}

/// The changes of a file, in either form: a line of JSON begins with a brace, and TOML never does.
fn changes(text: &str) -> Result<Vec<Change>, String> {
    let is_json = text.trim_start().starts_with('{');
    let (form, changes) = match is_json {
        true => ("JSON lines", changes_from_json_lines(text)),
        false => ("TOML", changes_from_toml(text)),
    };
    match changes {
        Ok(changes) if changes.is_empty() => Err(format!("read as {form}, it has no change; {EXAMPLES}")),
        Ok(changes) => Ok(changes),
        Err(error) => Err(format!("read as {form}: {error}; {EXAMPLES}")),
    }
}

const EXAMPLES: &str = "'ordo replay --help' shows a file of changes";

fn print_point(what: &str, point: Option<&Parted>) {
    let Some(point) = point else { return };
    let words = &point.what;
    let about: Vec<&str> = [&words.account, &words.order_id, &words.reference].map(String::as_str).into();
    let about = about.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    note!("{what} {} at {}: {} {about}", point.place, time(point.time_ns), words.kind);
    if point.errors_before != point.errors_after {
        note!("  refused before: {:?}, now: {:?}", point.errors_before, point.errors_after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_file_is_seen_from_its_text() {
        let toml = changes("# a bust\n[[change]]\nleave_out = \"F:1\"\n").expect("TOML");
        assert_eq!(changes("\n{\"leave_out\": \"F:1\"}\n").expect("JSON lines"), toml);
    }

    #[test]
    fn what_is_no_change_is_named_with_the_form_that_was_expected() {
        for (text, why) in [
            ("", "read as TOML: missing field `change`"),
            ("change = []\n", "read as TOML, it has no change"),
            ("leave_out F:1\n", "read as TOML: line 1"),
            ("{\"leave_out\": 1}\n", "read as JSON lines: line 1"),
        ] {
            let refused = changes(text).expect_err(text);
            assert!(refused.starts_with(why) && refused.ends_with(EXAMPLES), "{refused}");
        }
    }
}
