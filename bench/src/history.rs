//! What the past costs: starts with and without snapshots, states of the past cold and cached, and what the present
//! notices of it.
//!
//! A hub records the load and is started again with and without its snapshots, and asked. Rates stand beside the
//! engine's own in the same run; the latency of the present is that of a feed of its own on the hub that is asked.

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
use serde::Serialize;

use crate::flow::{self, Removal, Rounds};
use crate::{latency, load, parts};

/// The feed that is recorded; the present's is that of `load`.
const RECORDED: &str = "recorded";
/// States that are asked for, spread over the record.
const INSTANTS: u64 = 9;
const LIVE_PER_SECOND: u64 = 20_000;
const LIVE_UPDATES: u64 = 100_000;
/// Beyond the orders of any load.
const LIVE_FIRST: u64 = 1_000_000_001;
/// The engine's own rate is taken over at most so many.
const ENGINE_UPDATES_MAX: u64 = 2_000_000;
const PATIENCE: Duration = Duration::from_secs(600);

/// What is recorded.
#[derive(Debug, Clone)]
pub enum Load {
    /// The recorded order flow, round after round; none: the extract that the program carries. An order that is done is
    /// removed.
    Flow(Option<PathBuf>),
    /// The trades of `load`, every one of which the state keeps for late busts.
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

/// See the module. Times in milliseconds, latencies in microseconds, rates in updates a second.
#[derive(Debug, Clone, Default, Serialize)]
pub struct History {
    pub updates: u64,
    pub recording_per_second: f64,
    pub journal_bytes_per_update: f64,
    pub snapshots: usize,
    pub snapshot_bytes_of_all: u64,
    pub start_with_snapshots_ms: f64,
    pub start_without_snapshots_ms: f64,
    pub engine_per_second: f64,
    pub replay_per_second: f64,
    pub replay_to_engine: f64,
    /// The last of the instants, right after the start.
    pub as_at_soon_ms: f64,
    /// After the start, to the second.
    pub gaps_filled_ms: f64,
    pub as_at_cold_ms: Vec<f64>,
    pub as_at_cached_ms: Vec<f64>,
    pub resident_before_mib: u64,
    pub resident_after_mib: u64,
    pub live_p50_us: f64,
    pub live_p99_us: f64,
    pub live_p50_beside_histories_us: f64,
    pub live_p99_beside_histories_us: f64,
    pub live_p99_grows_percent: f64,
    pub histories_meanwhile: u64,
}

/// Records so many updates and asks for their past.
///
/// # Errors
/// If a hub does not start or a connection fails.
pub fn run(load: &Load, updates: u64, say: impl Fn(&str)) -> io::Result<History> {
    let folder = tempfile::tempdir()?;
    let mut report = History { updates, ..History::default() };
    say("recording");
    let (hub, _) = start(folder.path())?;
    report.recording_per_second = record(hub.addr(), load, updates)?;
    let instants = instants(hub.addr(), updates)?;
    hub.stop().map_err(io::Error::other)?;
    report.journal_bytes_per_update = bytes_of(folder.path(), "seg-")?.1 as f64 / updates as f64;
    (report.snapshots, report.snapshot_bytes_of_all) = bytes_of(folder.path(), "snap-")?;

    say("engine and replay");
    report.engine_per_second = parts::engine_on(load.requests(updates.min(ENGINE_UPDATES_MAX))?);
    let (replayed, took) = parts::replay(folder.path())?;
    report.replay_per_second = replayed as f64 / took.as_secs_f64();
    report.replay_to_engine = report.replay_per_second / report.engine_per_second;

    say("states of the past");
    let (hub, took) = start(folder.path())?;
    report.start_with_snapshots_ms = ms(took);
    // A load without pause leaves gaps between snapshots: asked before they are filled, and after.
    report.as_at_soon_ms = ms(ask(hub.addr(), &instants[instants.len() - 1])?);
    let begun = Instant::now();
    wait_until_idle("keeper")?;
    report.gaps_filled_ms = ms(begun.elapsed());
    drop(hub);
    let (hub, _) = start(folder.path())?;
    report.resident_before_mib = resident_mib()?;
    for instant in &instants {
        report.as_at_cold_ms.push(ms(ask(hub.addr(), instant)?));
        report.as_at_cached_ms.push(ms(ask(hub.addr(), instant)?));
    }
    report.resident_after_mib = resident_mib()?;

    say("the present beside them");
    live(&mut report, hub.addr(), &instants)?;
    hub.stop().map_err(io::Error::other)?;

    say("a start without snapshots");
    remove_snapshots(folder.path())?;
    let (hub, took) = start(folder.path())?;
    report.start_without_snapshots_ms = ms(took);
    hub.stop().map_err(io::Error::other)?;
    Ok(report)
}

/// A hub with default settings, and the time until it is ready.
fn start(folder: &Path) -> io::Result<(Hub, Duration)> {
    let mut config = Config::new(folder);
    config.dev = true;
    let begun = Instant::now();
    let hub = Hub::start(config).map_err(io::Error::other)?;
    Ok((hub, begun.elapsed()))
}

/// Updates a second, until the last was durable.
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

/// When the updates at some places of the record came.
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

/// The latency of the present, alone and while states of the past are asked for one after another.
fn live(report: &mut History, addr: SocketAddr, instants: &[String]) -> io::Result<()> {
    let us = |latencies: &latency::Latencies, quantile| latencies.value_at_quantile(quantile) as f64 / 1_000.0;
    wait_until_idle("keeper")?;
    let alone = latency::paced_through(addr, LIVE_FIRST, LIVE_PER_SECOND, LIVE_UPDATES)?;
    wait_until_free(addr)?;
    let is_over = AtomicBool::new(false);
    let (beside, asked) = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            // The last before the first: nothing that was folded serves the next.
            for instant in instants.iter().rev().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                ask(addr, instant)?;
                asked += 1;
            }
            Ok::<u64, io::Error>(asked)
        });
        let first = LIVE_FIRST + latency::paced_updates(LIVE_UPDATES);
        let beside = latency::paced_through(addr, first, LIVE_PER_SECOND, LIVE_UPDATES);
        is_over.store(true, Ordering::Relaxed);
        (beside, asking.join())
    });
    let beside = beside?;
    report.histories_meanwhile = asked.map_err(|_| io::Error::other("the asker panicked"))??;
    (report.live_p50_us, report.live_p99_us) = (us(&alone, 0.5), us(&alone, 0.99));
    (report.live_p50_beside_histories_us, report.live_p99_beside_histories_us) = (us(&beside, 0.5), us(&beside, 0.99));
    report.live_p99_grows_percent = (us(&beside, 0.99) / us(&alone, 0.99) - 1.0) * 100.0;
    Ok(())
}

/// Until a thread of this process has been at rest for a while.
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

/// What a thread has used of the processor, in clock ticks.
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
    Ok(0)
}

/// Until the hub has seen that nobody supplies the present's feed any more.
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

/// How many files of a kind there are, and their bytes.
fn bytes_of(dir: &Path, kind: &str) -> io::Result<(usize, u64)> {
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

fn resident_mib() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()).and_then(|kib| kib.parse::<u64>().ok());
    Ok(kib.unwrap_or(0) / 1024)
}

fn ms(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e4).round() / 10.0
}
