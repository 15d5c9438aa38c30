//! Investigation: why a figure is what it is, what changed between two points, and what would have come of it.
//!
//! For those who must find out, after an incident, exactly what happened. All of it is a fold of the record by the
//! engine that made it; nothing is written, and the folder may be that of a running hub.

mod differences;
mod explain;
mod fields;
mod what_if;
mod words;

pub use differences::{Difference, RecordKind, differences};
pub use explain::{Explanation, Moved, Step, Subject, explain};
pub use what_if::{
    Change, ChangeError, Outlook, Parted, Place, SettingsChange, WhatIf, changes_from_json_lines, changes_from_toml,
    what_if,
};
pub use words::{Words, words};
