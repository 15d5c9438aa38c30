//! The table of settings: meaning, unit, range, and the cost of larger and smaller values.
//!
//! Setting by key, validation, listing and explanations all read this table and nothing else.

use super::{Choice, Config, ConfigError, Durability, Layout, Wait, WritePath};

/// One setting.
#[derive(Debug)]
pub struct Setting {
    pub key: &'static str,
    pub meaning: &'static str,
    /// Unit of a number; for other settings, their kind.
    pub unit: &'static str,
    /// Cost of a larger value; of a name further right in the range; of `true`.
    pub up: &'static str,
    /// Cost of a smaller value; of a name further left in the range; of `false`.
    pub down: &'static str,
    takes: Takes,
}

/// How a setting is read and written.
#[derive(Debug)]
enum Takes {
    Number { least: u64, most: u64, step: Step, get: fn(&Config) -> u64, set: fn(&mut Config, u64) },
    Flag { get: fn(&Config) -> bool, set: fn(&mut Config, bool) },
    Word { words: fn() -> Vec<&'static str>, get: fn(&Config) -> &'static str, set: fn(&mut Config, &str) -> bool },
    Text { range: &'static str, get: fn(&Config) -> String, set: fn(&mut Config, &str) -> Result<(), String> },
}

/// Which numbers of a range are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Any,
    PowerOfTwo,
    Blocks,
}

const BLOCK: u64 = 4096;
/// The value of a list without a member.
const NONE: &str = "none";

macro_rules! number {
    ($field:ident, $step:ident, $least:expr, $most:expr) => {
        Takes::Number {
            least: $least,
            most: $most,
            step: Step::$step,
            get: |config| config.$field as u64,
            set: |config, value| config.$field = value as _,
        }
    };
}

macro_rules! list {
    ($field:ident, $range:expr) => {
        Takes::Text {
            range: $range,
            get: |config| if config.$field.is_empty() { NONE.to_owned() } else { config.$field.join(",") },
            set: |config, value| {
                let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != NONE);
                config.$field = parts.map(str::to_owned).collect();
                Ok(())
            },
        }
    };
}

macro_rules! flag {
    ($field:ident) => {
        Takes::Flag { get: |config| config.$field, set: |config, value| config.$field = value }
    };
}

macro_rules! word {
    ($field:ident, $choice:ty) => {
        Takes::Word {
            words: || <$choice>::ALL.iter().map(|choice| choice.name()).collect(),
            get: |config| config.$field.name(),
            set: |config, value| <$choice>::of_name(value).map(|choice| config.$field = choice).is_some(),
        }
    };
}

/// All settings, in the order of [`Config`]'s fields.
pub static SETTINGS: [Setting; 36] = [
    Setting {
        key: "data",
        meaning: "folder of the journal and the snapshots; made if it is not there",
        unit: "path",
        up: "a faster disk makes every durable update faster",
        down: "a slower disk holds every durable update up",
        takes: Takes::Text {
            range: "a folder",
            get: |config| config.data.display().to_string(),
            set: |config, value| {
                config.data = value.into();
                Ok(())
            },
        },
    },
    Setting {
        key: "listen",
        meaning: "where to listen, REST and WebSocket alike; port 0 picks a free one",
        unit: "address:port",
        up: "an address that others reach: they can knock, and traffic crosses a network",
        down: "a loopback address: nobody else can reach the hub",
        takes: Takes::Text {
            range: "an address and port",
            get: |config| config.listen.to_string(),
            set: |config, value| {
                value.parse().map(|addr| config.listen = addr).map_err(|_| "an address and port".to_owned())
            },
        },
    },
    Setting {
        key: "dev",
        meaning: "callers from the loopback interface need no token while no identity source is registered",
        unit: "flag",
        up: "every user of this machine may do everything",
        down: "nobody gets in without a token",
        takes: flag!(dev),
    },
    Setting {
        key: "access.hosts",
        meaning: "names beside the loopback ones by which callers that need no token may address the hub, with a port or \
                  for any; other names are answered 403",
        unit: "host",
        up: "a name that others control lets the pages of their site act through a user's browser",
        down: "callers that use another name are refused",
        takes: list!(access_hosts, "names parted by commas, or none"),
    },
    Setting {
        key: "access.origins",
        meaning: "origins (https://desk.example) of the pages that may ask from a browser; those of others get 403",
        unit: "origin",
        up: "each page of such a site acts for its user",
        down: "no page can ask",
        takes: list!(access_origins, "origins parted by commas, or none"),
    },
    Setting {
        key: "durability",
        meaning: "when an update counts as recorded and may be published: on stable storage (one by one, or many at a \
                  time), or in memory that survives the process",
        unit: "word",
        up: "async: a power loss may take the last 10 ms or 1 MiB of what was acknowledged",
        down: "sync: every acknowledgement waits for the disk (0.1 to 1 ms); sync-each: for a write of its own",
        takes: word!(durability, Durability),
    },
    Setting {
        key: "require_durable",
        meaning: "refuses to start where nothing shows that a write survives a power loss: on a file system in memory, or \
                  one that does not write past its cache",
        unit: "flag",
        up: "no start on such a file system",
        down: "a warning at the start, and in health",
        takes: flag!(require_durable),
    },
    Setting {
        key: "layout",
        meaning: "which stages run on which threads, and on which cores: by the number of cores (auto), a preset, or \
                  spelled out (receiver+publisher@0,journal+engine@1:busy)",
        unit: "layout",
        up: "more threads: more at the same time, and every update crosses between cores more often",
        down: "fewer threads: fewer crossings, and stages wait for each other",
        takes: Takes::Text {
            range: Layout::RANGE,
            get: |config| config.layout.to_string(),
            set: |config, value| value.parse().map(|layout| config.layout = layout),
        },
    },
    Setting {
        key: "wait",
        meaning: "what a pipeline thread does when there is nothing to do; a layout may say it for each thread",
        unit: "word",
        up: "a core is taken: with yield while there is traffic, with busy for ever; a core that spins starves the disk \
             where none is left over",
        down: "the first update after a pause waits: with park up to 100 us; after minutes of nothing, up to 500 us, with yield too",
        takes: word!(wait, Wait),
    },
    Setting {
        key: "pin",
        meaning: "pins threads to the cores that the layout names",
        unit: "flag",
        up: "pinned threads fight whoever else is pinned there",
        down: "threads move between cores and lose their caches",
        takes: flag!(pin),
    },
    Setting {
        key: "write_path",
        meaning: "how groups get to the disk; auto: thread on two cores or fewer, else uring",
        unit: "word",
        up: "uring: the end of a write needs a kernel worker, which threads that spin on all cores keep waiting",
        down: "thread: 40 us more for an update that comes alone",
        takes: word!(write_path, WritePath),
    },
    Setting {
        key: "ring_slots",
        meaning: "updates on their way through the pipeline at a time",
        unit: "slots",
        up: "falls out of the cache: 4,096 cost a fifth of the throughput; 5 KB of memory each",
        down: "absorbs less: 256 cost a third of the durable throughput",
        takes: number!(ring_slots, PowerOfTwo, 64, 65_536),
    },
    Setting {
        key: "segment_bytes",
        meaning: "size of one file of the journal; counts when the journal is made",
        unit: "bytes",
        up: "a fuller disk (one more is always made ahead), and more to check at once",
        down: "more changes of segment, and less time to make the next",
        takes: number!(segment_bytes, Blocks, 64 << 10, 4 << 30),
    },
    Setting {
        key: "tail_dir",
        meaning: "folder of the journal's tail, memory that outlives the process; auto: a memory file system where there \
                  is one, else the data folder",
        unit: "path",
        up: "on a disk: the kernel writes it back now and then, for nothing",
        down: "on a memory file system: takes memory for as long as the hub runs",
        takes: Takes::Text {
            range: "a folder, or auto",
            get: |config| config.tail_dir.as_ref().map_or_else(|| "auto".to_owned(), |dir| dir.display().to_string()),
            set: |config, value| {
                config.tail_dir = (value != "auto").then(|| value.into());
                Ok(())
            },
        },
    },
    Setting {
        key: "tail_bytes",
        meaning: "size of the journal's tail: what may wait for the disk",
        unit: "bytes",
        up: "falls out of the cache",
        down: "a shorter stall of the disk holds the senders back; the largest message must fit",
        takes: number!(tail_bytes, PowerOfTwo, 64 << 10, 1 << 30),
    },
    Setting {
        key: "message_bytes_max",
        meaning: "the largest message on a WebSocket; a larger one is answered with close code 1009",
        unit: "bytes",
        up: "one message can hold all others up for longer",
        down: "large messages are refused",
        takes: number!(message_bytes_max, Any, 1 << 10, 16 << 20),
    },
    Setting {
        key: "body_bytes_max",
        meaning: "the largest body of a REST request; a larger one is answered with 413",
        unit: "bytes",
        up: "a client can take so much memory, and a long import holds others up",
        down: "imports must be cut into pieces",
        takes: number!(body_bytes_max, Any, 1 << 10, 1 << 30),
    },
    Setting {
        key: "batch_records_max",
        meaning: "records of one array (a settlement, several transfers, ids asked for); more are answered with 413",
        unit: "records",
        up: "all of a batch is checked at once: others wait, about 1 us and some kilobytes of memory a record",
        down: "imports must be cut into pieces",
        takes: number!(batch_records_max, Any, 1, 1_000_000),
    },
    Setting {
        key: "memory_bytes_max",
        meaning: "memory that the hub is to take; requests under way get an eighth of it, four bytes for each of their \
                  bodies. Where either is used up, further bodies are answered with 503, and health is Degraded",
        unit: "bytes",
        up: "the system may run out of memory first, and end the hub",
        down: "bodies are refused sooner, for good once the record itself takes that much",
        takes: number!(memory_bytes_max, Any, 64 << 20, 1 << 50),
    },
    Setting {
        key: "outbound_bytes_max",
        meaning: "what may wait for a subscriber; one that falls further behind is closed with 4408",
        unit: "bytes",
        up: "a slow subscriber can take so much memory",
        down: "a subscriber that pauses is closed sooner",
        takes: number!(outbound_bytes_max, Any, 64 << 10, 1 << 30),
    },
    Setting {
        key: "limits.connections",
        meaning: "connections at once, REST and WebSocket alike, as far as there are descriptors; 64 of these are kept for \
                  files. On further connections only health is answered",
        unit: "connections",
        up: "memory: some kilobytes each, and what their subscriptions keep",
        down: "clients are turned away sooner",
        takes: number!(limits_connections, Any, 1, 1_000_000),
    },
    Setting {
        key: "limits.header_bytes",
        meaning: "the largest head of a request; a larger one is answered with 431",
        unit: "bytes",
        up: "memory: each connection may take so much",
        down: "long queries and tokens are refused",
        takes: number!(limits_header_bytes, Any, 8 << 10, 1 << 20),
    },
    Setting {
        key: "limits.header_ms",
        meaning: "a connection ends that has not sent its first request, or all of a request's head, after so long; on \
                  HTTP/1.1 one that sends no further request, too",
        unit: "ms",
        up: "connections that send nothing hold their places for longer",
        down: "slow clients are turned away, and connections are made anew more often",
        takes: number!(limits_header_ms, Any, 10, 3_600_000),
    },
    Setting {
        key: "limits.idle_ms",
        meaning: "an HTTP/2 connection ends that has had no request for so long since the last answer",
        unit: "ms",
        up: "idle connections hold their places for longer",
        down: "connections are made anew more often",
        takes: number!(limits_idle_ms, Any, 10, 86_400_000),
    },
    Setting {
        key: "orders_expected",
        meaning: "orders, and trades, that fit before a table grows",
        unit: "orders",
        up: "400 bytes of memory each, at the start",
        down: "a table that grows holds the engine up, now and then",
        takes: number!(orders_expected, Any, 64, 100_000_000),
    },
    Setting {
        key: "snapshot_every_updates",
        meaning: "updates from one snapshot of the state to the next; 0: none for that reason",
        unit: "updates",
        up: "a start after a crash, and a question about the past, fold more",
        down: "more is written, and folded twice",
        takes: number!(snapshot_every_updates, Any, 0, 1_000_000_000_000),
    },
    Setting {
        key: "snapshot_every_s",
        meaning: "a hub that records less than that makes a snapshot all the same after so long; 0: not for that reason",
        unit: "s",
        up: "as snapshot_every_updates",
        down: "as snapshot_every_updates",
        takes: number!(snapshot_every_s, Any, 0, 31_536_000),
    },
    Setting {
        key: "snapshots_max",
        meaning: "snapshots that are kept, spread over the whole record",
        unit: "snapshots",
        up: "disk: each takes as much as the state",
        down: "questions about the past fold more",
        takes: number!(snapshots_max, Any, 2, 10_000),
    },
    Setting {
        key: "snapshots_bytes_max",
        meaning: "bytes that snapshots may take together; the newest two are kept whatever they take",
        unit: "bytes",
        up: "disk",
        down: "as snapshots_max",
        takes: number!(snapshots_bytes_max, Any, 0, 1_000_000_000_000_000),
    },
    Setting {
        key: "archive_dir",
        meaning: "folder that the oldest segments are moved to once the data folder has more than journal_bytes_max of \
                  them, none that a start or a reader needs; none: all stay",
        unit: "path",
        up: "what is archived is not answered any more (410): tools read it there",
        down: "a fuller disk, and more to check at a start",
        takes: Takes::Text {
            range: "a folder, or none",
            get: |config| {
                config.archive_dir.as_ref().map_or_else(|| "none".to_owned(), |dir| dir.display().to_string())
            },
            set: |config, value| {
                config.archive_dir = (value != "none").then(|| value.into());
                Ok(())
            },
        },
    },
    Setting {
        key: "journal_bytes_max",
        meaning: "bytes of segments that stay in the data folder where there is an archive_dir",
        unit: "bytes",
        up: "more of the past can be asked for",
        down: "less disk, and less to check at a start",
        takes: number!(journal_bytes_max, Any, 0, 1_000_000_000_000_000),
    },
    Setting {
        key: "history_requests_max",
        meaning: "looks at the past at once, each on a thread of its own; the next is answered 429",
        unit: "requests",
        up: "the present gets less of the cores; each takes the memory of a state while it runs",
        down: "who looks at the past is sent away more often",
        takes: number!(history_requests_max, Any, 1, 1_024),
    },
    Setting {
        key: "history_states_max",
        meaning: "past states kept in memory for a minute, for who asks again; half as many engines",
        unit: "states",
        up: "memory: each takes as much as the state",
        down: "the same question is folded again; 0: always",
        takes: number!(history_states_max, Any, 0, 1_024),
    },
    Setting {
        key: "trade_retention_s",
        meaning: "how long a trade can be corrected or cancelled, and a second one with its id is taken for a duplicate",
        unit: "s",
        up: "memory: about 100 bytes a trade",
        down: "a late correction or cancellation is refused, a late duplicate is booked",
        takes: number!(trade_retention_s, Any, 1, 315_360_000),
    },
    Setting {
        key: "completed_order_retention_s",
        meaning: "how long a completed order stays in the book, if it does not say so itself; 0: until it is removed",
        unit: "s",
        up: "memory: about 500 bytes an order",
        down: "completed orders are shown for a shorter time",
        takes: number!(completed_order_retention_s, Any, 0, 315_360_000),
    },
    Setting {
        key: "idempotency_retention_s",
        meaning: "how long a request or transaction that comes again is known by its id",
        unit: "s",
        up: "memory: 32 bytes each",
        down: "one that comes again later than that is carried out twice",
        takes: number!(idempotency_retention_s, Any, 60, 315_360_000),
    },
];

impl Setting {
    /// # Errors
    /// If no setting has that key.
    pub fn find(key: &str) -> Result<&'static Setting, ConfigError> {
        SETTINGS
            .iter()
            .find(|setting| setting.key == key)
            .ok_or_else(|| ConfigError::Unknown { key: key.to_owned(), nearest: nearest(key) })
    }

    /// The present value, as text that `Config::set` takes.
    pub fn value(&self, config: &Config) -> String {
        match &self.takes {
            Takes::Number { get, .. } => get(config).to_string(),
            Takes::Flag { get, .. } => get(config).to_string(),
            Takes::Word { get, .. } => get(config).to_owned(),
            Takes::Text { get, .. } => get(config),
        }
    }

    /// The range, as text.
    pub fn range(&self) -> String {
        match &self.takes {
            Takes::Number { least, most, step, .. } => {
                let which = match step {
                    Step::Any => "",
                    Step::PowerOfTwo => "a power of two, ",
                    Step::Blocks => "a multiple of 4096, ",
                };
                format!("{which}{least} to {most}")
            }
            Takes::Flag { .. } => "false, true".to_owned(),
            Takes::Word { words, .. } => words().join(", "),
            Takes::Text { range, .. } => (*range).to_owned(),
        }
    }

    pub(super) fn put(&self, config: &mut Config, value: &str) -> Result<(), ConfigError> {
        let refused = |expected: String| self.refused(value, expected);
        match &self.takes {
            Takes::Number { set, .. } => {
                let number = value.replace('_', "").parse().ok().filter(|number| self.is_in_range(*number));
                set(config, number.ok_or_else(|| refused(self.range()))?);
            }
            Takes::Flag { set, .. } => set(config, value.parse().map_err(|_| refused(self.range()))?),
            Takes::Word { set, .. } if set(config, value) => {}
            Takes::Word { .. } => return Err(refused(self.range())),
            Takes::Text { set, .. } => set(config, value).map_err(refused)?,
        }
        Ok(())
    }

    /// Whether the present value is valid: fields can be set without this table.
    pub(super) fn check(&self, config: &Config) -> Result<(), ConfigError> {
        match &self.takes {
            Takes::Number { get, .. } if !self.is_in_range(get(config)) => {
                Err(self.refused(&get(config).to_string(), self.range()))
            }
            // A layout may have been built by code.
            Takes::Text { set, .. } => {
                let value = self.value(config);
                set(&mut config.clone(), &value).map_err(|expected| self.refused(&value, expected))
            }
            _ => Ok(()),
        }
    }

    fn is_in_range(&self, number: u64) -> bool {
        let Takes::Number { least, most, step, .. } = &self.takes else { return false };
        let counts = match step {
            Step::Any => true,
            Step::PowerOfTwo => number.is_power_of_two(),
            Step::Blocks => number.is_multiple_of(BLOCK),
        };
        counts && (*least..=*most).contains(&number)
    }

    fn refused(&self, value: &str, expected: String) -> ConfigError {
        ConfigError::Value { key: self.key.to_owned(), value: value.to_owned(), expected }
    }
}

/// The known key within two edits of a misspelt one.
fn nearest(key: &str) -> Option<&'static str> {
    let keys = SETTINGS.iter().map(|setting| (distance(key, setting.key), setting.key));
    keys.min().filter(|(distance, _)| *distance <= 2).map(|(_, key)| key)
}

/// Edit distance: letters to insert, remove or replace.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (place, wanted) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(letter != wanted);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
