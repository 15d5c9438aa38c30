//! `Change`: what is done otherwise in another run of the same history, and the files that say so.

use std::collections::BTreeMap;

use ordo_core::json::{self, message};
use ordo_core::record::Settings;
use serde::Deserialize;
use thiserror::Error;

use super::place::Place;

/// What is done otherwise. Bodies are FeedRequests in binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    LeaveOut(Place),
    Replace(Place, Vec<u8>),
    InsertAfter(Place, Vec<u8>),
    /// From the beginning on, whatever the record says of settings.
    Settings(SettingsChange),
}

/// Settings that are others; those not named are as recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    pub trade_retention_s: Option<u64>,
    pub completed_order_retention_s: Option<u64>,
    pub idempotency_retention_s: Option<u64>,
}

/// Why a file of changes is none.
#[derive(Debug, Error)]
pub enum ChangeError {
    #[error(
        "change {0}: one of leave_out, replace, insert_after or settings is wanted, with an update for replace and \
         insert_after"
    )]
    Shape(usize),
    #[error("change {at}: '{text}' is no sequence:position")]
    Place { at: usize, text: String },
    #[error("change {at}: {why}")]
    Update { at: usize, why: String },
    #[error("{0}")]
    Toml(String),
    #[error("line {line}: {error}")]
    Json { line: usize, error: serde_json::Error },
}

/// Changes that cannot all be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Contradiction {
    #[error("{0} is left out or replaced more than once: say once what becomes of it")]
    Twice(Place),
    #[error("settings are changed more than once: name all of them in one change")]
    Settings,
}

/// What is done at a place.
#[derive(Debug, Default)]
pub(super) struct AtPlace {
    pub(super) instead: Option<Instead>,
    /// Put behind it, in this order.
    pub(super) inserts: Vec<Vec<u8>>,
}

/// What becomes of an update.
#[derive(Debug)]
pub(super) enum Instead {
    Nothing,
    Update(Vec<u8>),
}

/// All of them, by place.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) places: BTreeMap<Place, AtPlace>,
    pub(super) settings: Option<SettingsChange>,
}

impl Changes {
    /// # Errors
    /// [`Contradiction`].
    pub(super) fn of(changes: &[Change]) -> Result<Changes, Contradiction> {
        let mut all = Changes::default();
        for change in changes {
            match change {
                Change::LeaveOut(place) => all.set(place, Instead::Nothing)?,
                Change::Replace(place, body) => all.set(place, Instead::Update(body.clone()))?,
                Change::InsertAfter(place, body) => {
                    all.places.entry(place.clone()).or_default().inserts.push(body.clone());
                }
                Change::Settings(settings) => {
                    if all.settings.replace(settings.clone()).is_some() {
                        return Err(Contradiction::Settings);
                    }
                }
            }
        }
        Ok(all)
    }

    fn set(&mut self, place: &Place, instead: Instead) -> Result<(), Contradiction> {
        let at = self.places.entry(place.clone()).or_default();
        if at.instead.replace(instead).is_some() { Err(Contradiction::Twice(place.clone())) } else { Ok(()) }
    }
}

impl SettingsChange {
    pub(super) fn of(&self, recorded: &Settings) -> Settings {
        Settings {
            trade_retention_s: self.trade_retention_s.unwrap_or(recorded.trade_retention_s),
            completed_order_retention_s: self
                .completed_order_retention_s
                .unwrap_or(recorded.completed_order_retention_s),
            idempotency_retention_s: self.idempotency_retention_s.unwrap_or(recorded.idempotency_retention_s),
            ..recorded.clone()
        }
    }
}

/// A change as a file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said<U> {
    leave_out: Option<String>,
    replace: Option<String>,
    insert_after: Option<String>,
    update: Option<U>,
    settings: Option<SettingsChange>,
}

/// A TOML file: `[[change]]` tables, the update as JSON text (its figures must not go through a double).
///
/// # Errors
/// [`ChangeError`].
pub fn changes_from_toml(text: &str) -> Result<Vec<Change>, ChangeError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        change: Vec<Said<String>>,
    }
    let file: File = toml::from_str(text).map_err(|error| ChangeError::Toml(toml_error(text, &error)))?;
    file.change.into_iter().enumerate().map(|(at, said)| said.change(at + 1, |update| update)).collect()
}

/// JSON lines: an object each, with `leave_out`, or `replace` or `insert_after` and `update`.
///
/// # Errors
/// [`ChangeError`].
pub fn changes_from_json_lines(text: &str) -> Result<Vec<Change>, ChangeError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            let said: Said<Box<serde_json::value::RawValue>> =
                serde_json::from_str(line).map_err(|error| ChangeError::Json { line: at + 1, error })?;
            said.change(at + 1, |update| update.get().to_owned())
        })
        .collect()
}

/// Why a text is no TOML, or not the one that is wanted: in one line, with its number in the text.
pub fn toml_error(text: &str, error: &toml::de::Error) -> String {
    let why = error.message().replace('\n', ", ");
    // What is wrong with the whole has no place.
    match error.span().filter(|span| *span != (0..0)) {
        Some(span) => format!("line {}: {why}", text[..span.start].matches('\n').count() + 1),
        None => why,
    }
}

impl<U> Said<U> {
    fn change(self, at: usize, text: impl Fn(U) -> String) -> Result<Change, ChangeError> {
        let place = |text: String| text.parse().map_err(|text| ChangeError::Place { at, text });
        let body = |update: U| {
            let mut bytes = Vec::new();
            let read =
                json::to_binary(message::FEED_REQUEST, text(update).as_bytes(), json::Read::default(), &mut bytes);
            read.map_err(|error| ChangeError::Update { at, why: error.to_string() })?;
            Ok::<_, ChangeError>(bytes)
        };
        match (self.leave_out, self.replace, self.insert_after, self.update, self.settings) {
            (Some(at), None, None, None, None) => Ok(Change::LeaveOut(place(at)?)),
            (None, Some(at), None, Some(update), None) => Ok(Change::Replace(place(at)?, body(update)?)),
            (None, None, Some(at), Some(update), None) => Ok(Change::InsertAfter(place(at)?, body(update)?)),
            (None, None, None, None, Some(settings)) => Ok(Change::Settings(settings)),
            _ => Err(ChangeError::Shape(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: i64) -> Place {
        Place { sequence: "f".into(), position }
    }

    #[test]
    fn inserts_at_one_place_keep_their_order_and_go_with_what_becomes_of_it() {
        let insert = |body: u8| Change::InsertAfter(at(1), vec![body]);
        let changes = Changes::of(&[insert(2), Change::LeaveOut(at(1)), insert(1)]).expect("they go together");
        let here = &changes.places[&at(1)];
        assert_eq!(here.inserts, [[2], [1]]);
        assert!(matches!(here.instead, Some(Instead::Nothing)));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_a_line_with_its_place() {
        for (text, line, why) in [
            ("[[change]]\nleave_out = \n", "line 2: ", "quote"),
            ("[[change]]\n\nleave = \"f:1\"\n", "line 3: unknown field `leave`", "insert_after"),
            ("[[change]]\nleave_out = 7\n", "line 2: invalid type", "string"),
            ("", "missing field `change`", ""),
        ] {
            let said = changes_from_toml(text).err().unwrap().to_string();
            assert!(said.starts_with(line) && said.contains(why) && said.lines().count() == 1, "{text}: {said}");
        }
    }

    #[test]
    fn what_cannot_both_be_done_is_refused_by_place() {
        let replace = Change::Replace(at(1), Vec::new());
        for pair in [
            [Change::LeaveOut(at(1)), replace.clone()],
            [replace.clone(), Change::LeaveOut(at(1))],
            [Change::LeaveOut(at(1)), Change::LeaveOut(at(1))],
        ] {
            let refused = Changes::of(&pair).expect_err("one of them would be lost");
            assert_eq!(refused, Contradiction::Twice(at(1)));
            assert!(refused.to_string().starts_with("f:1 "), "{refused}");
        }
        let settings = || Change::Settings(SettingsChange::default());
        assert_eq!(Changes::of(&[settings(), settings()]).err(), Some(Contradiction::Settings));
        assert!(Changes::of(&[replace, Change::LeaveOut(at(2)), settings()]).is_ok());
    }
}
