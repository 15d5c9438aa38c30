//! The engine's settings: part of the record, and so of the state.

use prost::Message;

use super::Engine;
use super::rows::bytes_hash;
use super::state::State;
use crate::outcome::{Outcome, Stamp};
use crate::record::Settings;

impl Engine {
    /// Puts settings in force from here on. The outcome takes no position.
    ///
    /// # Panics
    /// As [`Engine::apply`].
    pub(crate) fn set_settings(&mut self, stamp: Stamp, settings: &Settings, out: &mut Outcome) {
        self.begin(stamp, out);
        self.state.put_settings(settings.clone());
        self.state.schedule_all();
        self.end_without_position(stamp, out);
    }

    pub fn settings(&self) -> &Settings {
        &self.state.settings
    }
}

impl State {
    pub(super) fn put_settings(&mut self, settings: Settings) {
        let (old, new) = (settings_hash(&self.settings), settings_hash(&settings));
        self.rehash(old, new);
        self.settings = settings;
    }
}

/// The initial settings hash to 0.
fn settings_hash(settings: &Settings) -> u128 {
    if *settings == Settings::initial() { 0 } else { bytes_hash(b'S', 0, &settings.encode_to_vec()) }
}
