//! What the past costs: starts with and without snapshots, states of the past cold and cached, and what the present
//! notices of it.
//!
//! One hub records the load; then it is started again with and without its snapshots, and asked. The latency of the
//! present is that of a second hub in the same process, which shares the cores with the first one's histories.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ordo_core::json::message::AUDIT_RECORD;
use ordo_core::proto::model::AuditRecord;
use ordo_gateway::client::rest;
use ordo_gateway::hub::{Config, Durability, Hub};
use serde::Serialize;

use crate::ingest::{drain, open_feed};
use crate::latency;
use crate::load::{FEED, Frames};

/// Updates made at a time.
const BLOCK: u64 = 10_000;
/// States that are asked for, spread over the record.
const INSTANTS: u64 = 9;
const PACED_PER_SECOND: u64 = 20_000;
const PACED_UPDATES: u64 = 100_000;

/// See the module. Times in milliseconds, latencies in microseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct History {
    pub updates: u64,
    pub journal_bytes_per_update: f64,
    pub snapshots: usize,
    pub snapshot_bytes: u64,
    pub start_with_snapshots_ms: f64,
    pub start_without_snapshots_ms: f64,
    pub as_at_cold_ms: Vec<f64>,
    pub as_at_cached_ms: Vec<f64>,
    pub resident_before_mib: u64,
    pub resident_after_mib: u64,
    pub live_p50_us: f64,
    pub live_p99_us: f64,
    pub live_p50_beside_histories_us: f64,
    pub live_p99_beside_histories_us: f64,
    pub histories_meanwhile: u64,
}

/// Records `updates` trades and asks for their past.
///
/// # Errors
/// If a hub does not start or a connection fails.
pub fn run(updates: u64) -> io::Result<History> {
    let folder = tempfile::tempdir()?;
    let mut report = History { updates, ..History::default() };
    let start = || {
        let mut config = Config::new(folder.path());
        config.dev = true;
        let begun = Instant::now();
        let hub = Hub::start(config).map_err(io::Error::other)?;
        Ok::<_, io::Error>((hub, begun.elapsed()))
    };
    let (hub, _) = start()?;
    record(hub.addr(), updates)?;
    hub.stop().map_err(io::Error::other)?;
    report.journal_bytes_per_update = bytes_of(folder.path(), "seg-")?.1 as f64 / updates as f64;
    (report.snapshots, report.snapshot_bytes) = bytes_of(folder.path(), "snap-")?;
    let (hub, took) = start()?;
    report.start_with_snapshots_ms = ms(took);
    report.resident_before_mib = resident_mib()?;
    let instants = instants(hub.addr(), updates)?;
    for instant in &instants {
        report.as_at_cold_ms.push(ms(ask(hub.addr(), instant)?));
        report.as_at_cached_ms.push(ms(ask(hub.addr(), instant)?));
    }
    report.resident_after_mib = resident_mib()?;
    beside_histories(&mut report, hub.addr(), &instants)?;
    hub.stop().map_err(io::Error::other)?;
    remove_snapshots(folder.path())?;
    let (hub, took) = start()?;
    report.start_without_snapshots_ms = ms(took);
    hub.stop().map_err(io::Error::other)?;
    Ok(report)
}

fn record(addr: SocketAddr, updates: u64) -> io::Result<()> {
    let feed = open_feed(addr)?;
    let mut writer = feed.writer()?;
    thread::spawn(move || drain(feed));
    for first in (1..=updates).step_by(BLOCK as usize) {
        writer.write_all(&Frames::trades(first..(first + BLOCK).min(updates + 1)).bytes)?;
    }
    loop {
        let channel = get(addr, "/diagnostics/channel/Feeds")?;
        let channel: serde_json::Value = serde_json::from_slice(&channel.body).map_err(io::Error::other)?;
        if channel["Position"][FEED] == updates {
            return writer.shutdown(std::net::Shutdown::Both);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// When the updates at some places of the record came.
fn instants(addr: SocketAddr, updates: u64) -> io::Result<Vec<String>> {
    let places = (1..=INSTANTS).map(|nth| updates * nth / (INSTANTS + 1));
    places
        .map(|at| {
            let answer = get(addr, &format!("/audit/between?from[{FEED}]={}&to[{FEED}]={at}", at - 1))?;
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
fn beside_histories(report: &mut History, addr: SocketAddr, instants: &[String]) -> io::Result<()> {
    let paced = || latency::paced(Durability::Sync, PACED_PER_SECOND, PACED_UPDATES);
    let us = |latencies: &latency::Latencies, quantile| latencies.value_at_quantile(quantile) as f64 / 1_000.0;
    let alone = paced()?;
    let is_over = AtomicBool::new(false);
    let (beside, asked) = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            // The first before the last: nothing that was folded serves the next.
            for instant in instants.iter().rev().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                ask(addr, instant)?;
                asked += 1;
            }
            Ok::<u64, io::Error>(asked)
        });
        let beside = paced();
        is_over.store(true, Ordering::Relaxed);
        (beside, asking.join())
    });
    let beside = beside?;
    report.histories_meanwhile = asked.map_err(|_| io::Error::other("the asker panicked"))??;
    (report.live_p50_us, report.live_p99_us) = (us(&alone, 0.5), us(&alone, 0.99));
    (report.live_p50_beside_histories_us, report.live_p99_beside_histories_us) = (us(&beside, 0.5), us(&beside, 0.99));
    Ok(())
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
