//! The conditions of a result: build, machine, file system, and what else ran meanwhile.
//!
//! Read from `/proc` before and after a run. A result carries a flag for each condition that distorts it,
//! and the flags are printed wherever the figures are.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ordo_core::proto::TimestampWithTimeZone;
use serde::{Deserialize, Serialize};

/// A figure of a full run is measured for at least this long.
pub const FIGURE_AT_LEAST: Duration = Duration::from_secs(5);
/// One-minute load average a core before the run, above which a result is flagged.
const LOAD_PER_CORE_MAX: f64 = 0.25;
/// Share of the processor time that the hypervisor took, in percent, above which a result is flagged.
const STEAL_PERCENT_MAX: f64 = 2.0;
/// Share of the processor time that other processes took, in percent. Kernel threads that write this run's data count too.
const OTHERS_PERCENT_MAX: f64 = 10.0;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// UTC, ISO-8601.
    pub started: String,
    /// Of the whole run.
    pub took_s: f64,
    /// How long each figure was measured at least.
    pub seconds_per_figure: f64,
    pub is_quick: bool,
    pub commit: String,
    pub compiler: String,
    pub profile: String,
    pub processor: String,
    pub cores: u64,
    pub kernel: String,
    /// Of the folder that the hubs under test wrote to.
    pub file_system: String,
    /// One-minute load averages; the one after the run is mostly the run's own.
    pub load_before: f64,
    pub load_after: f64,
    /// Of all cores' time during the run.
    pub steal_percent: f64,
    pub others_percent: f64,
    /// Why the figures must be read with care, a sentence each; empty after an undisturbed full run.
    pub flags: Vec<String>,
}

/// Conditions at the start of a run.
#[derive(Debug)]
pub struct Probe {
    begun: Instant,
    started_ns: u64,
    load_before: f64,
    ticks: Ticks,
}

/// Clock ticks of the processor since the machine started.
#[derive(Debug, Clone, Copy, Default)]
struct Ticks {
    all: u64,
    steal: u64,
    /// Of all processes.
    processes: u64,
    /// Of this process.
    own: u64,
}

impl Probe {
    #[must_use]
    pub fn begin() -> Probe {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Probe {
            begun: Instant::now(),
            started_ns: since_epoch.as_nanos() as u64,
            load_before: load_average(),
            ticks: Ticks::read(),
        }
    }

    /// The conditions of the run that ends now.
    #[must_use]
    pub fn end(self, per_figure: Duration) -> Conditions {
        let ticks = Ticks::read().since(self.ticks);
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
        let mut conditions = Conditions {
            started: TimestampWithTimeZone::from_unix_nanos(self.started_ns).to_iso().unwrap_or_default(),
            took_s: (self.begun.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            seconds_per_figure: per_figure.as_secs_f64(),
            is_quick: per_figure < FIGURE_AT_LEAST,
            commit: or_unknown(env!("ORDO_BUILD_COMMIT")),
            compiler: or_unknown(env!("ORDO_BUILD_COMPILER")),
            profile: env!("ORDO_BUILD_PROFILE").to_owned(),
            processor: or_unknown(model.trim_start_matches([' ', '\t', ':'])),
            cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u64),
            kernel: or_unknown(read("/proc/sys/kernel/osrelease").trim()),
            file_system: file_system(&std::env::temp_dir(), &read("/proc/self/mounts")),
            load_before: self.load_before,
            load_after: load_average(),
            steal_percent: percent(ticks.steal, ticks.all),
            others_percent: percent(ticks.processes.saturating_sub(ticks.own), ticks.all),
            flags: Vec::new(),
        };
        conditions.flags = conditions.doubts();
        conditions
    }
}

impl Conditions {
    fn doubts(&self) -> Vec<String> {
        let load_max = LOAD_PER_CORE_MAX * self.cores as f64;
        let rules = [
            (self.is_quick, format!("quick run, {} s a figure", self.seconds_per_figure)),
            (self.load_before > load_max, format!("load {} before the run, above {load_max}", self.load_before)),
            (
                self.steal_percent > STEAL_PERCENT_MAX,
                format!("steal {} %, above {STEAL_PERCENT_MAX}", self.steal_percent),
            ),
            (
                self.others_percent > OTHERS_PERCENT_MAX,
                format!("other processes took {} % of the cores, above {OTHERS_PERCENT_MAX}", self.others_percent),
            ),
            (self.commit.ends_with("-dirty"), "built with changes that are not committed".to_owned()),
            (!self.profile.starts_with("release"), format!("built with profile {}", self.profile)),
        ];
        rules.into_iter().filter(|(applies, _)| *applies).map(|(_, flag)| flag).collect()
    }

    /// Name and value of each condition, as in the JSON.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, String)> {
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Array(texts) => {
                texts.iter().filter_map(serde_json::Value::as_str).collect::<Vec<_>>().join("; ")
            }
            other => other.to_string(),
        };
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(members)) => members.into_iter().map(|(name, it)| (name, text(it))).collect(),
            _ => Vec::new(),
        }
    }

    /// All of it in a few sentences, flags last.
    #[must_use]
    pub fn summary(&self) -> String {
        let Conditions { started, commit, compiler, profile, processor, cores, kernel, file_system, .. } = self;
        let flags = match &self.flags[..] {
            [] => "No flag: an undisturbed full run.".to_owned(),
            flags => format!("**Read with care: {}.**", flags.join("; ")),
        };
        let day = started.split('T').next().unwrap_or_default();
        format!(
            "{day}, commit {commit}, {compiler}, profile {profile}; {processor}, {cores} cores, kernel {kernel}, \
             {file_system}; load {} before and {} after, steal {} %, other processes {} %; {} s a figure. {flags}",
            self.load_before, self.load_after, self.steal_percent, self.others_percent, self.seconds_per_figure,
        )
    }
}

impl Ticks {
    fn read() -> Ticks {
        Ticks::of(&read("/proc/stat"), &read("/proc/self/stat"))
    }

    /// From the texts of `/proc/stat` and of this process's `stat`.
    fn of(stat: &str, own: &str) -> Ticks {
        let fields = stat.lines().next().unwrap_or_default().split_ascii_whitespace().skip(1);
        // user, nice, system, idle, iowait, irq, softirq, steal; what guests take is counted in the first two.
        let fields: Vec<u64> = fields.take(8).filter_map(|field| field.parse().ok()).collect();
        // Fields 14 and 15; the name in brackets before them may hold blanks.
        let own = own.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').skip(11).take(2);
        Ticks {
            all: fields.iter().sum(),
            steal: fields.get(7).copied().unwrap_or_default(),
            processes: fields.iter().take(3).sum(),
            own: own.filter_map(|field| field.parse::<u64>().ok()).sum(),
        }
    }

    fn since(self, before: Ticks) -> Ticks {
        Ticks {
            all: self.all - before.all,
            steal: self.steal.saturating_sub(before.steal),
            processes: self.processes.saturating_sub(before.processes),
            own: self.own - before.own,
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn or_unknown(text: &str) -> String {
    if text.is_empty() { "unknown".to_owned() } else { text.to_owned() }
}

fn load_average() -> f64 {
    read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

/// To a tenth.
fn percent(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { (part as f64 * 1_000.0 / all as f64).round() / 10.0 }
}

/// Type and device of the mount that a folder lies on.
fn file_system(folder: &Path, mounts: &str) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        folder.starts_with(PathBuf::from(point)).then(|| (point.len(), format!("{kind} on {device}")))
    });
    // The longest; of several on one point the last hides the others.
    mounts.max_by_key(|(length, _)| *length).map_or_else(|| "unknown".to_owned(), |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lies_on_the_longest_mount_that_leads_to_it() {
        let mounts =
            "/dev/a / ext4 rw 0 0\ntmpfs /proc tmpfs rw 0 0\n/dev/b /proc/self xfs rw 0 0\nc /pro nfs rw 0 0\n";
        assert_eq!(file_system(Path::new("/no/such"), mounts), "ext4 on /dev/a");
        assert_eq!(file_system(Path::new("/proc"), mounts), "tmpfs on tmpfs");
        assert_eq!(file_system(Path::new("/proc"), ""), "unknown");
    }

    #[test]
    fn what_disturbs_a_run_is_flagged() {
        let quiet = Conditions { cores: 2, profile: "release, opt-level 3".into(), ..Conditions::default() };
        assert_eq!(quiet.doubts(), [] as [String; 0]);
        let at_the_limits = Conditions { load_before: 0.5, steal_percent: 2.0, others_percent: 10.0, ..quiet.clone() };
        assert_eq!(at_the_limits.doubts(), [] as [String; 0]);
        for disturbed in [
            Conditions { load_before: 0.51, ..quiet.clone() },
            Conditions { steal_percent: 2.1, ..quiet.clone() },
            Conditions { others_percent: 10.1, ..quiet.clone() },
            Conditions { is_quick: true, ..quiet.clone() },
            Conditions { commit: "abc1234-dirty".into(), ..quiet.clone() },
            Conditions { profile: "debug, opt-level 1".into(), ..quiet },
        ] {
            assert_eq!(disturbed.doubts().len(), 1, "{disturbed:?}");
        }
    }

    #[test]
    fn ticks_of_processes_leave_idle_time_interrupts_and_steal_out() {
        let stat = "cpu  100 20 30 1000 5 6 7 80 90 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        let own = "17 (a) b (c) R 1 17 17 0 -1 4194304 9 0 0 0 41 12 3 4 20 0 1 0\n";
        let ticks = Ticks::of(stat, own);
        assert_eq!((ticks.all, ticks.steal, ticks.processes, ticks.own), (1248, 80, 150, 53));
        assert_eq!(percent(ticks.steal, ticks.all), 6.4);
    }
}
