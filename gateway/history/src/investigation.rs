//! Investigation: why a figure has its value, what changed between two points, and what a changed history would have
//! given.
//!
//! For the analysis of incidents. Everything is a fold of the record by the engine that made it. Nothing is written,
//! and the folder may belong to a running hub.

mod alternate_run;
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
