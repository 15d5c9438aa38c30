//! The report: figures by name, and the machine they were made on.

use std::collections::BTreeMap;
use std::io;

use ordo_gateway::hub::{Config, Durability, Hub};
use serde::{Deserialize, Serialize};

use crate::latency::Latencies;
use crate::load;
use crate::{floors, html, ingest, latency, parts, rest, slow};

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Updates of an ingest run.
    pub updates: u64,
    /// Round trips of an unloaded latency run.
    pub round_trips: u64,
    /// Updates a second of the paced latency run, and how many.
    pub paced: (u64, u64),
    /// Ingest runs of each durability; the median counts.
    pub runs: usize,
    /// Reads of each kind over REST, and blocks written to the disk alone.
    pub reads: u64,
    /// Fifty subscribers, with one among them that does not read, take a while to connect.
    pub with_slow: bool,
}

impl Scale {
    /// Under 50 seconds.
    pub const QUICK: Scale = Scale {
        updates: 200_000,
        round_trips: 5_000,
        paced: (50_000, 50_000),
        runs: 3,
        reads: 2_000,
        with_slow: false,
    };
    pub const FULL: Scale = Scale {
        updates: 1_000_000,
        round_trips: 50_000,
        paced: (100_000, 500_000),
        runs: 5,
        reads: 20_000,
        with_slow: true,
    };
}

/// Figures by name, unit last in the name; floors begin with `floor_`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    pub machine: BTreeMap<String, String>,
    pub figures: BTreeMap<String, f64>,
    /// For the page: more than anybody compares by name.
    #[serde(skip)]
    pub curves: Vec<Curve>,
}

/// A latency's percentiles: quantile and microseconds.
#[derive(Debug, Clone)]
pub struct Curve {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Report {
    /// How often [`Report::measure`] says what it is at.
    pub const STEPS: u64 = 7;

    /// # Errors
    /// If the text is no result.
    pub fn from_json(text: &str) -> serde_json::Result<Report> {
        serde_json::from_str(text)
    }

    /// One object, ending with a line.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("invariant: texts and numbers are JSON") + "\n"
    }

    /// A page with percentile plots.
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// Measures everything, saying what it is at.
    ///
    /// # Errors
    /// If a hub does not start or a connection fails.
    pub fn measure(scale: Scale, mut say: impl FnMut(&str)) -> io::Result<Report> {
        let mut report = Report { machine: machine(), ..Report::default() };
        say("floors");
        report.floors(scale)?;
        say("codec and engine");
        report.parts(scale);
        for durability in [Durability::Async, Durability::Sync] {
            say(&format!("ingest, {}", durability.name()));
            report.ingest(durability, scale)?;
        }
        if scale.with_slow {
            say("one slow subscriber among fifty");
            let slow = slow::run(Durability::Async, scale.updates)?;
            report.put("ingest_async_one_slow_of_fifty_ratio", slow.ratio());
        }
        say("latency");
        report.latencies(scale)?;
        say("replay");
        report.replay(scale)?;
        say("REST");
        report.rest(scale)?;
        Ok(report)
    }

    fn put(&mut self, name: &str, value: f64) {
        self.figures.insert(name.to_owned(), value);
    }

    fn floors(&mut self, scale: Scale) -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let block = floors::durable_block(folder.path(), scale.reads / 4)?;
        self.percentiles("floor_durable_4k_write", &block);
        self.put("floor_durable_stream_mb_per_s", floors::durable_stream_mb_per_s(folder.path(), 128)?);
        self.put("floor_memory_copy_gb_per_s", floors::memory_copy_gb_per_s());
        Ok(())
    }

    fn rest(&mut self, scale: Scale) -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut config = Config::new(folder.path());
        config.dev = true;
        config.durability = Durability::Async;
        let hub = Hub::start(config).map_err(io::Error::other)?;
        ingest::drive(hub.addr(), 1_000)?;
        let smallest = rest::get(hub.addr(), "/diagnostics/ping", scale.reads)?;
        let balance = rest::get(hub.addr(), &format!("/balance/for/{}/0001", load::OWNER), scale.reads)?;
        hub.stop().map_err(io::Error::other)?;
        self.percentiles("floor_rest_ping", &smallest);
        self.percentiles("rest_balance_get", &balance);
        let ratio = smallest.value_at_quantile(0.5) as f64 / balance.value_at_quantile(0.5) as f64;
        self.put("rest_balance_get_rate_to_ping", ratio);
        Ok(())
    }

    fn parts(&mut self, scale: Scale) {
        let codec = parts::codec(scale.updates);
        self.put("codec_decode_ns", codec.decode);
        self.put("codec_decode_prost_ns", codec.decode_prost);
        self.put("codec_encode_ns", codec.encode);
        self.put("codec_encode_prost_ns", codec.encode_prost);
        self.put("engine_updates_per_s", parts::engine(scale.updates));
    }

    fn ingest(&mut self, durability: Durability, scale: Scale) -> io::Result<()> {
        let mut rates = Vec::new();
        for _ in 0..scale.runs {
            rates.push(ingest::run(durability, scale.updates)?.updates_per_second());
        }
        rates.sort_by(f64::total_cmp);
        let name = durability.name();
        self.put(&format!("ingest_{name}_updates_per_s"), rates[rates.len() / 2]);
        self.put(&format!("ingest_{name}_updates_per_s_min"), rates[0]);
        self.put(&format!("ingest_{name}_updates_per_s_max"), rates[rates.len() - 1]);
        Ok(())
    }

    fn latencies(&mut self, scale: Scale) -> io::Result<()> {
        let (rate, count) = scale.paced;
        let echo = latency::echo(scale.round_trips)?;
        self.percentiles("floor_websocket_echo", &echo);
        for durability in [Durability::Async, Durability::Sync] {
            let name = durability.name();
            let unloaded = latency::unloaded(durability, scale.round_trips)?;
            self.percentiles(&format!("latency_{name}_unloaded"), &unloaded);
            let ratio = unloaded.value_at_quantile(0.5) as f64 / echo.value_at_quantile(0.5) as f64;
            self.put(&format!("latency_{name}_unloaded_to_echo_p50"), ratio);
            let paced = latency::paced(durability, rate, count)?;
            self.percentiles(&format!("latency_{name}_paced_{rate}_per_s"), &paced);
        }
        Ok(())
    }

    fn percentiles(&mut self, name: &str, latencies: &Latencies) {
        for (word, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
            self.put(&format!("{name}_{word}_us"), latencies.value_at_quantile(quantile) as f64 / 1_000.0);
        }
        let steps = latencies.iter_quantiles(4);
        let points = steps.map(|step| (step.quantile_iterated_to(), step.value_iterated_to() as f64 / 1_000.0));
        self.curves.push(Curve { name: name.to_owned(), points: points.collect() });
    }

    fn replay(&mut self, scale: Scale) -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        ingest::run_in(folder.path(), Durability::Async, scale.updates)?;
        let (updates, elapsed) = parts::replay(folder.path())?;
        self.put("replay_updates_per_s", updates as f64 / elapsed.as_secs_f64());
        Ok(())
    }
}

fn machine() -> BTreeMap<String, String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    BTreeMap::from([
        ("processor".to_owned(), model.trim_start_matches([' ', '\t', ':']).to_owned()),
        ("cores".to_owned(), cores.to_string()),
        ("kernel".to_owned(), read("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("load_before".to_owned(), load.split(' ').next().unwrap_or_default().to_owned()),
    ])
}
