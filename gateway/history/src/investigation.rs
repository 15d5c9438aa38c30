//! Investigation: why a figure is what it is, what changed between two points, and what would have come of it.
//!
//! For those who must find out, after an incident, exactly what happened. All of it is a fold of the record by the
//! engine that made it; nothing is written, and the folder may be that of a running hub.

mod altered;
mod begin;
mod changes;
mod differences;
mod explain;
mod fields;
mod moved;
mod value;
mod what_if;
mod words;

pub use begin::{BeginError, Begun, begin};
pub use changes::{
    Change, ChangeError, Contradiction, SettingsChange, changes_from_json_lines, changes_from_toml, toml_error,
};
pub use differences::{Difference, RecordKind, differences};
pub use explain::{Step, Subject, explain};
pub use fields::Fields;
pub use moved::Moved;
pub use value::Value;
pub use what_if::{Outlook, Parted, WhatIf, what_if};
pub use words::{Words, kinds, words};
