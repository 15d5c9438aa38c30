//! History: starts with and without snapshots, past states cold and cached, and live latency beside such queries.
//!
//! A hub records the load, is started again with and without its snapshots, and answers `asAt` queries. Replay stands
//! beside the engine alone in the same run; live latency is measured on a second feed of the hub that is queried.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ordo_client::{Adapter, rest};
use ordo_core::json::message::AUDIT_RECORD;
use ordo_core::proto::model::AuditRecord;
use ordo_core::proto::{ExternalAction, FeedPosition, FeedRequest, FeedRequestType};
use ordo_gateway::hub::{Config, Hub};
use prost::Message;

use crate::flow::{self, Removal, Rounds};
use crate::{latency, load, parts};

/// The feed that is recorded; live updates come from the feed of `load`.
const RECORDED: &str = "recorded";
/// Past states asked for, spread over the record.
const INSTANTS: u64 = 9;
const LIVE_PER_SECOND: u64 = 20_000;
/// Updates of a round of the engine alone, at most.
const ENGINE_UPDATES_MAX: u64 = 2_000_000;
const PATIENCE: Duration = Duration::from_secs(600);
/// The hub's thread that makes snapshots.
const SNAPSHOTTER: &str = "keeper";

/// The load that is recorded.
#[derive(Debug, Clone)]
pub enum Load {
    /// The recorded order flow, round after round, from this file or from the extract in the program. Completed orders
    /// are removed.
    Flow(Option<PathBuf>),
    /// The trades of `load`, all of which the state keeps for late busts.
    Trades,
}

impl Load {
    fn actions(&self, count: u64) -> io::Result<Box<dyn Iterator<Item = io::Result<ExternalAction>>>> {
        Ok(match self {
            Load::Flow(recording) => {
                let rounds = Rounds::of(recording.clone(), Removal::AtOnce).map_err(io::Error::other)?;
                let rounds = rounds.map(|action| action.map_err(io::Error::other));
                Box::new(flow::opening().into_iter().map(Ok).chain(rounds).take(count as usize))
            }
            Load::Trades => {
                let action = |position| load::trade(position).feed.and_then(|feed| feed.action).unwrap_or_default();
                Box::new((1..=count).map(move |position| Ok(action(position))))
            }
        })
    }

    fn requests(&self, count: u64) -> io::Result<impl Iterator<Item = Vec<u8>>> {
        let requests = (1..).zip(self.actions(count)?.map_while(Result::ok)).map(|(position, action)| FeedRequest {
            r#type: FeedRequestType::Action as i32,
            position: Some(FeedPosition { sequence: load::FEED.into(), position }),
            action: Some(action),
            ..FeedRequest::default()
        });
        Ok(requests.map(|request| request.encode_to_vec()))
    }
}

/// Figures by name, unit last; see [`run`].
pub type Figures = BTreeMap<String, f64>;

/// A run under way: its figures so far, and the folder of its hub.
struct Run<'r> {
    folder: &'r Path,
    load: &'r Load,
    updates: u64,
    /// How long rates are measured at least.
    length: Duration,
    figures: Figures,
}

/// Records `updates` updates through a hub, starts it again, and asks it for past states.
///
/// # Errors
/// If a hub does not start or a connection fails.
pub fn run(load: &Load, updates: u64, length: Duration, step: impl Fn(&str)) -> io::Result<Figures> {
    let folder = tempfile::tempdir()?;
    let mut run = Run { folder: folder.path(), load, updates, length, figures: Figures::new() };
    run.put("updates", updates as f64);
    step("recording");
    let instants = run.record()?;
    step("engine and replay");
    run.rates()?;
    step("past states");
    run.gaps(&instants)?;
    let hub = run.past(&instants)?;
    step("live latency beside past states");
    run.live(hub.addr(), &instants)?;
    hub.stop().map_err(io::Error::other)?;
    step("start without snapshots");
    remove_snapshots(run.folder)?;
    let (hub, took) = start(run.folder)?;
    run.put("start_without_snapshots_ms", ms(took));
    hub.stop().map_err(io::Error::other)?;
    Ok(run.figures)
}

impl Run<'_> {
    fn put(&mut self, name: &str, value: f64) {
        self.figures.insert(name.to_owned(), value);
    }

    /// Records the load; the times of some of its updates.
    fn record(&mut self) -> io::Result<Vec<String>> {
        let (hub, _) = start(self.folder)?;
        let rate = record(hub.addr(), self.load, self.updates)?;
        self.put("recording_updates_per_s", rate);
        let instants = instants(hub.addr(), self.updates)?;
        hub.stop().map_err(io::Error::other)?;
        let (_, journal_bytes) = files_of(self.folder, "seg-")?;
        self.put("journal_bytes_per_update", journal_bytes as f64 / self.updates as f64);
        let (snapshots, snapshot_bytes) = files_of(self.folder, "snap-")?;
        self.put("snapshots", snapshots as f64);
        self.put("snapshots_bytes", snapshot_bytes as f64);
        Ok(instants)
    }

    fn rates(&mut self) -> io::Result<()> {
        let round = self.updates.min(ENGINE_UPDATES_MAX);
        let engine = parts::engine_on(self.length, || self.load.requests(round))?;
        self.put("engine_updates_per_s", engine);
        self.put("replay_updates_per_s", parts::replay(self.folder, self.length)?);
        Ok(())
    }

    /// A load without pause leaves gaps between snapshots: a past state is asked for before they are filled.
    fn gaps(&mut self, instants: &[String]) -> io::Result<()> {
        let (hub, took) = start(self.folder)?;
        self.put("start_with_snapshots_ms", ms(took));
        self.put("as_at_before_gaps_are_filled_ms", ms(ask(hub.addr(), &instants[instants.len() - 1])?));
        let begun = Instant::now();
        wait_until_idle(SNAPSHOTTER)?;
        self.put("gaps_filled_ms", ms(begun.elapsed()));
        Ok(())
    }

    /// Past states on a hub that has just been started, each twice in a row; the hub.
    fn past(&mut self, instants: &[String]) -> io::Result<Hub> {
        let (hub, _) = start(self.folder)?;
        self.put("resident_before_mib", resident_mib()?);
        let (mut cold, mut cached) = (Vec::new(), Vec::new());
        for instant in instants {
            cold.push(ms(ask(hub.addr(), instant)?));
            cached.push(ms(ask(hub.addr(), instant)?));
        }
        self.put("resident_after_mib", resident_mib()?);
        for (name, times) in [("as_at_cold_ms", cold), ("as_at_cached_ms", cached)] {
            self.put(&format!("{name}_min"), times.iter().copied().fold(f64::INFINITY, f64::min));
            self.put(&format!("{name}_max"), times.iter().copied().fold(0.0, f64::max));
        }
        Ok(hub)
    }

    /// The latency of live updates, alone and while past states are asked for one after another.
    fn live(&mut self, addr: SocketAddr, instants: &[String]) -> io::Result<()> {
        wait_until_idle(SNAPSHOTTER)?;
        let alone = latency::paced_through(addr, load::FIRST, LIVE_PER_SECOND, self.length)?;
        wait_until_free(addr)?;
        let is_over = AtomicBool::new(false);
        let (beside, asked) = thread::scope(|scope| {
            let asking = scope.spawn(|| ask_until(addr, instants, &is_over));
            let first = load::FIRST + latency::paced_updates(LIVE_PER_SECOND, self.length);
            let beside = latency::paced_through(addr, first, LIVE_PER_SECOND, self.length);
            is_over.store(true, Ordering::Relaxed);
            (beside, asking.join())
        });
        let asked = asked.map_err(|_| io::Error::other("the thread that asks panicked"))??;
        self.put("histories_meanwhile", asked as f64);
        for (name, latencies) in [("live", alone), ("live_beside_histories", beside?)] {
            for (word, quantile) in [("p50", 0.5), ("p99", 0.99)] {
                self.put(&format!("{name}_{word}_us"), latencies.value_at_quantile(quantile) as f64 / 1_000.0);
            }
        }
        Ok(())
    }
}

/// Asks for past states until the flag is set, the latest instant first: no folded state serves the next. How many.
fn ask_until(addr: SocketAddr, instants: &[String], is_over: &AtomicBool) -> io::Result<u64> {
    let mut asked = 0;
    for instant in instants.iter().rev().cycle() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        ask(addr, instant)?;
        asked += 1;
    }
    Ok(asked)
}

/// A hub with default settings, and the time until it serves.
fn start(folder: &Path) -> io::Result<(Hub, Duration)> {
    let mut config = Config::new(folder);
    config.dev = true;
    let begun = Instant::now();
    let hub = Hub::start(config).map_err(io::Error::other)?;
    Ok((hub, begun.elapsed()))
}

/// Updates a second, until the last is durable.
fn record(addr: SocketAddr, load: &Load, updates: u64) -> io::Result<f64> {
    let begun = Instant::now();
    let mut adapter = Adapter::open(addr, RECORDED).map_err(io::Error::other)?;
    for (position, action) in (1..).zip(load.actions(updates)?) {
        adapter.submit(position, action?).map_err(io::Error::other)?;
    }
    adapter.wait_bookmark(updates as i64, PATIENCE).map_err(io::Error::other)?;
    let took = begun.elapsed();
    adapter.close(PATIENCE).map_err(io::Error::other)?;
    Ok(updates as f64 / took.as_secs_f64())
}

/// The times of some updates, spread over the record.
fn instants(addr: SocketAddr, updates: u64) -> io::Result<Vec<String>> {
    let places = (1..=INSTANTS).map(|nth| updates * nth / (INSTANTS + 1));
    places
        .map(|at| {
            let answer = get(addr, &format!("/audit/between?from[{RECORDED}]={}&to[{RECORDED}]={at}", at - 1))?;
            let records: Vec<AuditRecord> = answer.records(AUDIT_RECORD).map_err(io::Error::other)?;
            let time = records.first().and_then(|record| record.timestamp).and_then(|time| time.to_iso().ok());
            time.ok_or_else(|| io::Error::other("an update without a time"))
        })
        .collect()
}

fn ask(addr: SocketAddr, instant: &str) -> io::Result<Duration> {
    let begun = Instant::now();
    let answer = get(addr, &format!("/balance?asAt={instant}"))?;
    if answer.status == 200 { Ok(begun.elapsed()) } else { Err(io::Error::other(answer.text())) }
}

fn get(addr: SocketAddr, target: &str) -> io::Result<rest::Answer> {
    rest::get(addr, target).map_err(io::Error::other)
}

/// Returns when a thread of this process has used no processor time for a second.
fn wait_until_idle(name: &str) -> io::Result<()> {
    let mut before = ticks_of(name)?;
    loop {
        thread::sleep(Duration::from_secs(1));
        let ticks = ticks_of(name)?;
        if ticks <= before + 1 {
            return Ok(());
        }
        before = ticks;
    }
}

/// Processor time of a thread, in clock ticks.
fn ticks_of(name: &str) -> io::Result<u64> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        let comm = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
        if comm.trim_end() == name {
            let stat = std::fs::read_to_string(task.join("stat"))?;
            // Fields 14 and 15, of which the second is the name in brackets.
            let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            return Ok(after_name.split(' ').skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum());
        }
    }
    Err(io::Error::other(format!("the hub has no thread '{name}'")))
}

/// Returns when the hub has noticed that the live feed's connection ended.
fn wait_until_free(addr: SocketAddr) -> io::Result<()> {
    loop {
        let feed = get(addr, &format!("/feed/byid/{}", load::FEED))?;
        let feed: serde_json::Value = serde_json::from_slice(&feed.body).map_err(io::Error::other)?;
        if !feed["Status"].as_str().is_some_and(|status| status.ends_with("ONLINE")) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Number and bytes of the files of a kind.
fn files_of(dir: &Path, kind: &str) -> io::Result<(usize, u64)> {
    let mut found = (0, 0);
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(kind) {
            found = (found.0 + 1, found.1 + entry.metadata()?.len());
        }
    }
    Ok(found)
}

fn remove_snapshots(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("snap-") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn resident_mib() -> io::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()).and_then(|kib| kib.parse::<f64>().ok());
    Ok((kib.unwrap_or_default() / 1024.0).round())
}

fn ms(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e4).round() / 10.0
}
