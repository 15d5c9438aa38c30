//! Every setting of a hub, in one place: the struct here, what each means and costs in `config/settings.rs`.

mod layout;
mod settings;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ordo_core::record::Settings as EngineSettings;
use ordo_journal::Disk;
use thiserror::Error;

pub use self::layout::{Layout, Preset, StageName, ThreadPlan};
pub use self::settings::{SETTINGS, Setting};

/// A setting that is one of a few words.
pub trait Choice: Copy + PartialEq + 'static {
    /// All of them, in the order in which they are told.
    const ALL: &'static [Self];

    /// The word for it in settings, health and metrics.
    fn name(self) -> &'static str;

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|choice| choice.name() == name)
    }
}

/// When an update counts as recorded: from then on it may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On stable storage, one by one: the slowest, for measuring what group commit is worth.
    SyncEach,
    /// On stable storage, many at a time (group commit).
    Sync,
    /// In memory that survives the process: kill -9 loses nothing, power loss up to the last 10 ms or 1 MiB.
    Async,
}

impl Durability {
    pub const fn name(self) -> &'static str {
        match self {
            Durability::SyncEach => "sync-each",
            Durability::Sync => "sync",
            Durability::Async => "async",
        }
    }
}

impl Choice for Durability {
    const ALL: &'static [Durability] = &[Durability::SyncEach, Durability::Sync, Durability::Async];

    fn name(self) -> &'static str {
        self.name()
    }
}

/// What a pipeline thread does when there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Sleeps after a short while: an idle hub takes next to no processor, the first update after a pause waits up
    /// to 100 us.
    Park,
    /// Gives its core to whoever else is ready, and naps after some milliseconds of nothing: right where stages
    /// outnumber cores. Takes a whole core while there is traffic.
    Yield,
    /// Spins: the shortest way, and a core for itself for ever. Only where cores outnumber the threads that spin.
    Busy,
}

impl Choice for Wait {
    const ALL: &'static [Wait] = &[Wait::Park, Wait::Yield, Wait::Busy];

    fn name(self) -> &'static str {
        match self {
            Wait::Park => "park",
            Wait::Yield => "yield",
            Wait::Busy => "busy",
        }
    }
}

/// How groups get to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WritePath {
    /// `thread` on two cores or fewer, else `uring`.
    Auto,
    /// A thread that blocks in the write: 40 us more an idle update, and no such worker.
    Thread,
    /// io_uring, polled by the journal's thread: the shortest way to the disk and no thread to wake. The end of a durable
    /// write is then the work of a kernel worker, which pipeline threads on all cores can keep waiting for seconds.
    Uring,
}

impl Choice for WritePath {
    const ALL: &'static [WritePath] = &[WritePath::Auto, WritePath::Thread, WritePath::Uring];

    fn name(self) -> &'static str {
        match self {
            WritePath::Auto => "auto",
            WritePath::Thread => "thread",
            WritePath::Uring => "uring",
        }
    }
}

/// See the module. What each setting means and costs, its unit and its range: [`SETTINGS`].
#[derive(Debug, Clone)]
pub struct Config {
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub dev: bool,
    pub durability: Durability,
    pub layout: Layout,
    pub wait: Wait,
    pub pin: bool,
    pub write_path: WritePath,
    pub ring_slots: usize,
    pub segment_bytes: u64,
    pub tail_dir: Option<PathBuf>,
    pub tail_bytes: u64,
    pub message_bytes_max: usize,
    pub body_bytes_max: usize,
    pub outbound_bytes_max: usize,
    pub orders_expected: usize,
    pub snapshot_every_updates: u64,
    pub snapshot_every_s: u64,
    pub snapshots_max: usize,
    pub snapshots_bytes_max: u64,
    pub archive_dir: Option<PathBuf>,
    pub journal_bytes_max: u64,
    pub history_requests_max: usize,
    pub history_states_max: usize,
    pub request_timeout_ms: u64,
    pub trade_retention_s: u64,
    pub completed_order_retention_s: u64,
    pub idempotency_retention_s: u64,
    /// A reader of a long answer that takes nothing for so long loses it. No setting: a seam for tests.
    pub reader_patience: Duration,
    /// The disk that the journal is written to: none, the machine's. No setting: a seam for tests, which put one there
    /// that fails. It is asked for no descriptor where `write_path` is `thread`.
    pub disk: Option<Arc<dyn Disk>>,
}

/// A setting that cannot be.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum ConfigError {
    #[error("unknown setting '{key}'{}", nearest.map_or_else(String::new, |it| format!("; is it '{it}'?")))]
    Unknown { key: String, nearest: Option<&'static str> },
    #[error("setting {key} = '{value}': {expected}")]
    Value { key: String, value: String, expected: String },
    #[error("settings {0}")]
    Contradiction(String),
}

/// Longer than a network stutters or a client thinks; a reader that is gone keeps its place among those who look at the
/// past no longer than that.
const READER_PATIENCE: Duration = Duration::from_secs(30);
/// What a message takes in a group beside itself, at most.
const GROUP_BYTES_BESIDE: u64 = 32 << 10;

impl Default for Config {
    fn default() -> Config {
        Config {
            data: "./data".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8700)),
            dev: false,
            durability: Durability::Sync,
            layout: Layout::Auto,
            wait: Wait::Yield,
            pin: true,
            write_path: WritePath::Auto,
            ring_slots: 2048,
            segment_bytes: 64 << 20,
            tail_dir: None,
            tail_bytes: 8 << 20,
            message_bytes_max: 1 << 20,
            body_bytes_max: 16 << 20,
            outbound_bytes_max: 8 << 20,
            orders_expected: 1 << 16,
            snapshot_every_updates: 250_000,
            snapshot_every_s: 600,
            snapshots_max: 64,
            snapshots_bytes_max: 8 << 30,
            archive_dir: None,
            journal_bytes_max: 64 << 30,
            history_requests_max: 4,
            history_states_max: 4,
            request_timeout_ms: 30_000,
            trade_retention_s: 10 * 86_400,
            completed_order_retention_s: 0,
            idempotency_retention_s: 30 * 86_400,
            reader_patience: READER_PATIENCE,
            disk: None,
        }
    }
}

impl Config {
    /// The defaults for a hub inside another program: on a folder, and on a port that is free.
    pub fn new(data: impl Into<PathBuf>) -> Config {
        Config { data: data.into(), listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Config::default() }
    }

    /// Those that the engine's results depend on.
    pub(crate) fn settings(&self) -> EngineSettings {
        EngineSettings {
            trade_retention_s: self.trade_retention_s,
            completed_order_retention_s: self.completed_order_retention_s,
            idempotency_retention_s: self.idempotency_retention_s,
            ..EngineSettings::initial()
        }
    }

    /// Sets one setting from its text.
    ///
    /// # Errors
    /// An unknown key, or a value that the setting does not take; nothing is changed then. Whether settings go
    /// together is `validate`'s to say, once all are set.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        Setting::find(key)?.put(self, value)
    }

    /// # Errors
    /// The first setting that is out of its range, or contradicts another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for setting in &SETTINGS {
            setting.check(self)?;
        }
        let message = self.message_bytes_max as u64 + GROUP_BYTES_BESIDE;
        for (key, bytes) in [("tail_bytes", self.tail_bytes), ("segment_bytes", self.segment_bytes)] {
            if message > bytes {
                return Err(ConfigError::Contradiction(format!(
                    "message_bytes_max = {} and {key} = {bytes}: the largest message and {GROUP_BYTES_BESIDE} bytes \
                     beside it must fit",
                    self.message_bytes_max
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_go_together() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn every_setting_takes_its_own_default_and_keeps_it() {
        let defaults = Config::default();
        let mut config = Config { ring_slots: 64, dev: true, ..Config::new("elsewhere") };
        for setting in &SETTINGS {
            config.set(setting.key, &setting.value(&defaults)).unwrap_or_else(|error| panic!("{error}"));
        }
        for setting in &SETTINGS {
            assert_eq!(setting.value(&config), setting.value(&defaults), "{}", setting.key);
        }
    }

    #[test]
    fn every_setting_says_what_it_means_and_costs_both_ways() {
        for setting in &SETTINGS {
            let texts = [setting.meaning, setting.unit, setting.up, setting.down, &setting.range()];
            assert!(texts.iter().all(|text| !text.is_empty()), "{}", setting.key);
        }
        let mut keys: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), SETTINGS.len(), "each once");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_nearest() {
        let mut config = Config::default();
        let unknown = |key: &str, nearest| ConfigError::Unknown { key: key.into(), nearest };
        assert_eq!(config.set("ring_slotz", "64"), Err(unknown("ring_slotz", Some("ring_slots"))));
        assert_eq!(config.set("durabilty", "async"), Err(unknown("durabilty", Some("durability"))));
        assert_eq!(config.set("colour", "blue"), Err(unknown("colour", None)));
    }

    #[test]
    fn values_out_of_range_change_nothing_and_say_what_is_expected() {
        let mut config = Config::default();
        let refused = [
            ("ring_slots", "1000"),
            ("ring_slots", "32"),
            ("segment_bytes", "1"),
            ("tail_bytes", "3_000_000"),
            ("durability", "fast"),
            ("wait", "spin"),
            ("dev", "yes"),
            ("listen", "here"),
            ("snapshots_max", "1"),
            ("snapshot_every_updates", "-1"),
            ("layout", "receiver"),
        ];
        for (key, value) in refused {
            let before = format!("{config:?}");
            let Err(ConfigError::Value { key: said, expected, .. }) = config.set(key, value) else {
                panic!("{key} = {value} was taken");
            };
            assert!(said == key && !expected.is_empty());
            assert_eq!(format!("{config:?}"), before, "{key} = {value}");
        }
    }

    #[test]
    fn a_message_that_fits_no_segment_is_a_contradiction() {
        let config = Config { message_bytes_max: 2 << 20, segment_bytes: 1 << 20, ..Config::default() };
        let Err(ConfigError::Contradiction(why)) = config.validate() else { panic!("it was taken") };
        assert!(why.contains("message_bytes_max") && why.contains("segment_bytes"), "{why}");
    }

    #[test]
    fn fields_set_past_the_table_are_checked_by_it() {
        let config = Config { ring_slots: 1000, ..Config::default() };
        assert!(matches!(config.validate(), Err(ConfigError::Value { key, .. }) if key == "ring_slots"));
    }
}
