//! Every setting of a hub, in one place.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// When an update counts as recorded: from then on it may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On stable storage, many at a time (group commit).
    Sync,
    /// On stable storage, one by one: the slowest, for measuring what group commit is worth.
    SyncEach,
    /// In memory that survives the process: kill -9 loses nothing, power loss up to the last 10 ms or 1 MiB.
    Async,
}

impl Durability {
    /// The word for it in settings, health and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Durability::Sync => "sync",
            Durability::SyncEach => "sync-each",
            Durability::Async => "async",
        }
    }
}

/// What a pinned thread does when there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Gives its core to whoever else is ready, and naps after some milliseconds of nothing: right where stages
    /// outnumber cores. Takes a whole core while there is traffic.
    Yield,
    /// Sleeps after a short while: an idle hub takes next to no processor, the first update after a pause waits up
    /// to 100 us.
    Park,
}

/// How groups get to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WritePath {
    /// `thread` on two cores or fewer, else `uring`.
    Auto,
    /// io_uring, polled by the record thread: the shortest way to the disk and no thread to wake. The end of a durable
    /// write is then the work of a kernel worker, which pipeline threads on all cores can keep waiting for seconds.
    Uring,
    /// A thread that blocks in the write: 40 us more an idle update, and no such worker.
    Thread,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the journal and the snapshots; made if it is not there.
    pub data: PathBuf,
    /// Where to listen, REST and WebSocket alike. Port 0 picks a free one. Default 127.0.0.1:0.
    pub listen: SocketAddr,
    /// Callers from the loopback interface need no token while no identity source is registered. Default false.
    pub dev: bool,
    /// Default `sync`. Less durable is faster; see [`Durability`].
    pub durability: Durability,
    /// Default `yield`. `park` costs latency after a pause and saves the processor.
    pub wait: Wait,
    /// Default `auto`.
    pub write_path: WritePath,
    /// Slots in each ring; a power of two, 64 to 65,536. Larger absorbs bursts (256 costs a third when durable),
    /// smaller stays in cache (4,096 cost a fifth). Default 2,048.
    pub ring_slots: usize,
    /// Pins the two pipeline threads to cores of their own where there are two. Default true; unpinned they move
    /// and lose their caches, pinned they fight whoever else is pinned there.
    pub pin: bool,
    /// Bytes of one journal segment; a multiple of 4,096. Larger: fewer roll-overs; smaller: less zeroed ahead.
    /// Default 64 MiB.
    pub segment_bytes: u64,
    /// Folder of the journal's tail, the memory that outlives the process. Default: a memory file system where there is
    /// one, else the data folder. On a disk the kernel writes it back now and then, for nothing.
    pub tail_dir: Option<PathBuf>,
    /// Bytes of the tail; a power of two, 64 KiB to 1 GiB, and room for the largest message. Default 8 MiB. Larger: a
    /// longer stall of the disk passes unnoticed; smaller: stays in the cache.
    pub tail_bytes: u64,
    /// Bytes of the largest message a client may send. Default 1 MiB. Larger ones are answered with close code 1009.
    pub message_bytes_max: usize,
    /// Bytes that may wait for a subscriber. Default 8 MiB; one that falls further behind is closed with 4408.
    pub outbound_bytes_max: usize,
    /// Orders, and trades, that fit before a table grows. Default 65,536; more costs 400 bytes each at the start, fewer
    /// an allocation now and then on the record thread.
    pub orders_expected: usize,
    /// Updates from one snapshot to the next. Default 250,000. Fewer: past states and starts come sooner; more: less is
    /// written, and folded twice.
    pub snapshot_every_updates: u64,
    /// Seconds after which a hub that records less than that makes a snapshot all the same. Default 600.
    pub snapshot_every_s: u64,
    /// Snapshots that are kept, spread over the whole record. Default 64, at least 2. More: past states come sooner.
    pub snapshots_max: usize,
    /// Bytes that they may take together. Default 8 GiB; the newest two are kept whatever they take.
    pub snapshots_bytes_max: u64,
    /// Looks at the past at once, each on a thread of its own; the next is answered 429. Default 4. More: the present
    /// gets less of the cores.
    pub history_requests_max: usize,
    /// Past states kept in memory for who asks again: so many answers, and half as many engines, each about as large as
    /// the live state. Let go after a minute. Default 4; 0: none.
    pub history_states_max: usize,
}

/// A setting that cannot be.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum ConfigError {
    #[error("unknown setting '{0}'")]
    Unknown(String),
    #[error("setting {key} = '{value}': {expected}")]
    Value { key: String, value: String, expected: &'static str },
}

impl Config {
    /// The keys that [`Config::set`] takes, in the order of the fields.
    pub const KEYS: [&str; 20] = [
        "data",
        "listen",
        "dev",
        "durability",
        "wait",
        "write_path",
        "ring_slots",
        "pin",
        "segment_bytes",
        "tail_dir",
        "tail_bytes",
        "message_bytes_max",
        "outbound_bytes_max",
        "orders_expected",
        "snapshot_every_updates",
        "snapshot_every_s",
        "snapshots_max",
        "snapshots_bytes_max",
        "history_requests_max",
        "history_states_max",
    ];

    pub fn new(data: impl Into<PathBuf>) -> Config {
        Config {
            data: data.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            dev: false,
            durability: Durability::Sync,
            wait: Wait::Yield,
            write_path: WritePath::Auto,
            ring_slots: 2048,
            pin: true,
            segment_bytes: 64 << 20,
            tail_dir: None,
            tail_bytes: 8 << 20,
            message_bytes_max: 1 << 20,
            outbound_bytes_max: 8 << 20,
            orders_expected: 1 << 16,
            snapshot_every_updates: 250_000,
            snapshot_every_s: 600,
            snapshots_max: 64,
            snapshots_bytes_max: 8 << 30,
            history_requests_max: 4,
            history_states_max: 4,
        }
    }

    /// Sets one setting from its text.
    ///
    /// # Errors
    /// An unknown key, or a value that the setting does not take; nothing is changed then.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let mut changed = self.clone();
        changed.put(key, value)?;
        changed.validate()?;
        *self = changed;
        Ok(())
    }

    fn put(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let bad = |expected| ConfigError::Value { key: key.into(), value: value.into(), expected };
        let number = || value.replace('_', "").parse::<usize>().map_err(|_| bad("a whole number"));
        let flag = || value.parse::<bool>().map_err(|_| bad("true or false"));
        match key {
            "data" => self.data = value.into(),
            "listen" => self.listen = value.parse().map_err(|_| bad("an address and port"))?,
            "dev" => self.dev = flag()?,
            "durability" => {
                self.durability = match value {
                    "sync" => Durability::Sync,
                    "sync-each" => Durability::SyncEach,
                    "async" => Durability::Async,
                    _ => return Err(bad("sync, sync-each or async")),
                }
            }
            "wait" => {
                self.wait = match value {
                    "yield" => Wait::Yield,
                    "park" => Wait::Park,
                    _ => return Err(bad("yield or park")),
                }
            }
            "write_path" => {
                self.write_path = match value {
                    "auto" => WritePath::Auto,
                    "uring" => WritePath::Uring,
                    "thread" => WritePath::Thread,
                    _ => return Err(bad("auto, uring or thread")),
                }
            }
            "ring_slots" => self.ring_slots = number()?,
            "pin" => self.pin = flag()?,
            "segment_bytes" => self.segment_bytes = number()? as u64,
            "tail_dir" => self.tail_dir = Some(value.into()),
            "tail_bytes" => self.tail_bytes = number()? as u64,
            "message_bytes_max" => self.message_bytes_max = number()?,
            "outbound_bytes_max" => self.outbound_bytes_max = number()?,
            "orders_expected" => self.orders_expected = number()?,
            "snapshot_every_updates" => self.snapshot_every_updates = number()? as u64,
            "snapshot_every_s" => self.snapshot_every_s = number()? as u64,
            "snapshots_max" => self.snapshots_max = number()?,
            "snapshots_bytes_max" => self.snapshots_bytes_max = number()? as u64,
            "history_requests_max" => self.history_requests_max = number()?,
            "history_states_max" => self.history_states_max = number()?,
            _ => return Err(ConfigError::Unknown(key.into())),
        }
        Ok(())
    }

    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = |holds: bool, key: &str, value: String, expected| {
            if holds { Ok(()) } else { Err(ConfigError::Value { key: key.into(), value, expected }) }
        };
        let slots = self.ring_slots;
        check(
            slots.is_power_of_two() && (64..=65_536).contains(&slots),
            "ring_slots",
            slots.to_string(),
            "a power of two from 64 to 65536",
        )?;
        let segment = self.segment_bytes;
        check(
            segment.is_multiple_of(4096) && (64 << 10..=4 << 30).contains(&segment),
            "segment_bytes",
            segment.to_string(),
            "a multiple of 4096 from 64 KiB to 4 GiB",
        )?;
        let every = self.snapshot_every_updates;
        check(every >= 1_000, "snapshot_every_updates", every.to_string(), "1000 or more")?;
        let every_s = self.snapshot_every_s;
        check(every_s >= 1, "snapshot_every_s", every_s.to_string(), "1 or more")?;
        let requests = self.history_requests_max;
        check((1..=1024).contains(&requests), "history_requests_max", requests.to_string(), "1 to 1024")?;
        let message = self.message_bytes_max;
        check((1 << 10..=16 << 20).contains(&message), "message_bytes_max", message.to_string(), "1 KiB to 16 MiB")?;
        let outbound = self.outbound_bytes_max;
        let least = "64 KiB or more";
        check(outbound >= 64 << 10, "outbound_bytes_max", outbound.to_string(), least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_known_and_no_other() {
        let mut config = Config::new("data");
        for key in Config::KEYS {
            let unknown = matches!(config.set(key, "?"), Err(ConfigError::Unknown(_)));
            assert!(!unknown, "{key}");
        }
        assert_eq!(config.set("ring_slotz", "64"), Err(ConfigError::Unknown("ring_slotz".into())));
    }

    #[test]
    fn values_out_of_range_say_what_is_expected() {
        let mut config = Config::new("data");
        for (key, value) in [("ring_slots", "1000"), ("segment_bytes", "1"), ("durability", "fast"), ("dev", "yes")] {
            let Err(ConfigError::Value { key: said, expected, .. }) = config.set(key, value) else {
                panic!("{key} = {value} was taken");
            };
            assert!(said == key && !expected.is_empty());
        }
    }
}
