//! The report: figures by name, and the conditions of the run.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use ordo_gateway::hub::{Config, Durability, Hub};
use serde::{Deserialize, Serialize};

use crate::conditions::{Conditions, FIGURE_AT_LEAST, Probe};
use crate::latency::{self, Latencies, histogram};
use crate::{floors, html, ingest, large, load, parts, rest, slow};

/// Updates a second of the paced latency runs.
const PACED_PER_SECOND: u64 = 50_000;
/// Time of the trades that a hub holds when it is asked over REST.
const REST_LOAD: Duration = Duration::from_millis(50);

/// How much to measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// How long each figure is measured.
    pub length: Duration,
    /// Runs of ingest and of paced latency; medians count.
    pub runs: usize,
    /// Includes what a quick run leaves out: a large state, and one subscriber of fifty that reads nothing.
    pub is_whole: bool,
}

impl Scale {
    /// Under 50 seconds in all.
    pub const QUICK: Scale = Scale { length: Duration::from_millis(300), runs: 3, is_whole: false };
    /// Some four minutes.
    pub const FULL: Scale = Scale { length: FIGURE_AT_LEAST, runs: 3, is_whole: true };

    /// Accounts and open orders of the large state.
    fn records(self) -> u64 {
        if self.length < FIGURE_AT_LEAST { 50_000 } else { 1_000_000 }
    }
}

/// Figures by name, unit last in the name but for `_min` and `_max` of several runs; floors begin with `floor_`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// Results of earlier builds have none.
    #[serde(default)]
    pub conditions: Conditions,
    pub figures: BTreeMap<String, f64>,
    /// Whole distributions, for the HTML page.
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
    /// Calls of `step` by [`Report::measure`], at most.
    pub const STEPS: u64 = 9;

    /// # Errors
    /// If the text is not a result.
    pub fn from_json(text: &str) -> serde_json::Result<Report> {
        serde_json::from_str(text)
    }

    /// One JSON object and a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("invariant: texts and numbers are JSON") + "\n"
    }

    /// An HTML page with percentile plots.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// Measures everything; `step` receives the name of each part before it is measured.
    ///
    /// # Errors
    /// If a hub does not start or a connection fails.
    pub fn measure(scale: Scale, mut step: impl FnMut(&str)) -> io::Result<Report> {
        let probe = Probe::begin();
        let mut report = Report::default();
        if scale.is_whole {
            step("large state");
            report.large(scale)?;
        }
        step("floors");
        report.floors(scale)?;
        step("codec and engine");
        report.parts(scale);
        for durability in [Durability::Async, Durability::Sync] {
            step(&format!("ingest, {}", durability.name()));
            report.ingest(durability, scale)?;
        }
        if scale.is_whole {
            step("one slow subscriber of fifty");
            report.slow(scale)?;
        }
        step("latency");
        report.latencies(scale)?;
        step("replay");
        report.replay(scale)?;
        step("REST");
        report.rest(scale)?;
        report.conditions = probe.end(scale.length);
        Ok(report)
    }

    fn put(&mut self, name: &str, value: f64) {
        self.figures.insert(name.to_owned(), value);
    }

    /// The median of several runs under `name`, their extremes beside it; the median.
    fn put_runs(&mut self, name: &str, mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        let median = values[values.len() / 2];
        self.put(name, median);
        self.put(&format!("{name}_min"), values[0]);
        self.put(&format!("{name}_max"), values[values.len() - 1]);
        median
    }

    fn large(&mut self, scale: Scale) -> io::Result<()> {
        let large = large::run(scale.records())?;
        self.put("large_state_accounts", scale.records() as f64);
        self.put("large_state_account_bytes", large.bytes_an_account);
        self.put("large_state_order_bytes", large.bytes_an_order);
        self.percentiles("large_state_apply", &large.applying);
        Ok(())
    }

    fn floors(&mut self, scale: Scale) -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let block = floors::durable_block(folder.path(), scale.length)?;
        self.percentiles("floor_durable_4k_write", &block);
        let stream = floors::durable_stream_mb_per_s(folder.path(), scale.length)?;
        self.put("floor_durable_stream_mb_per_s", stream);
        self.put("floor_memory_copy_gb_per_s", floors::memory_copy_gb_per_s(scale.length));
        Ok(())
    }

    fn parts(&mut self, scale: Scale) {
        let codec = parts::codec(scale.length);
        self.put("codec_decode_ns", codec.decode);
        self.put("codec_decode_prost_ns", codec.decode_prost);
        self.put("codec_encode_ns", codec.encode);
        self.put("codec_encode_prost_ns", codec.encode_prost);
        self.put("engine_updates_per_s", parts::engine(scale.length));
    }

    fn ingest(&mut self, durability: Durability, scale: Scale) -> io::Result<()> {
        let mut rates = Vec::new();
        for _ in 0..scale.runs {
            rates.push(ingest::run(durability, scale.length)?.updates_per_second());
        }
        self.put_runs(&format!("ingest_{}_updates_per_s", durability.name()), rates);
        Ok(())
    }

    fn slow(&mut self, scale: Scale) -> io::Result<()> {
        let (mut all_read, mut one_does_not) = (Vec::new(), Vec::new());
        for _ in 0..scale.runs {
            let pair = slow::run(Durability::Async, scale.length)?;
            all_read.push(pair.all_read.updates_per_second());
            one_does_not.push(pair.one_does_not.updates_per_second());
        }
        let all_read = self.put_runs("ingest_async_fifty_read_updates_per_s", all_read);
        let one_does_not = self.put_runs("ingest_async_one_slow_of_fifty_updates_per_s", one_does_not);
        self.put("ingest_async_one_slow_of_fifty_ratio", one_does_not / all_read);
        Ok(())
    }

    fn latencies(&mut self, scale: Scale) -> io::Result<()> {
        let echo = latency::echo(scale.length)?;
        self.percentiles("floor_websocket_echo", &echo);
        for durability in [Durability::Async, Durability::Sync] {
            let name = durability.name();
            let unloaded = latency::unloaded(durability, scale.length)?;
            self.percentiles(&format!("latency_{name}_unloaded"), &unloaded);
            let ratio = unloaded.value_at_quantile(0.5) as f64 / echo.value_at_quantile(0.5) as f64;
            self.put(&format!("latency_{name}_unloaded_to_echo_p50"), ratio);
            self.paced(durability, scale)?;
        }
        Ok(())
    }

    /// Percentiles over all runs together, and the extremes of each run's own p50 and p99.
    fn paced(&mut self, durability: Durability, scale: Scale) -> io::Result<()> {
        let name = format!("latency_{}_paced_{PACED_PER_SECOND}_per_s", durability.name());
        let (mut all, mut p50, mut p99) = (histogram(), Vec::new(), Vec::new());
        for _ in 0..scale.runs {
            let run = latency::paced(durability, PACED_PER_SECOND, scale.length)?;
            p50.push(run.value_at_quantile(0.5) as f64 / 1_000.0);
            p99.push(run.value_at_quantile(0.99) as f64 / 1_000.0);
            all.add(&run).map_err(io::Error::other)?;
        }
        self.put_runs(&format!("{name}_p50_us"), p50);
        self.put_runs(&format!("{name}_p99_us"), p99);
        self.percentiles(&name, &all);
        Ok(())
    }

    fn replay(&mut self, scale: Scale) -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        ingest::run_in(folder.path(), Durability::Async, scale.length)?;
        self.put("replay_updates_per_s", parts::replay(folder.path(), scale.length)?);
        Ok(())
    }

    fn rest(&mut self, scale: Scale) -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut config = Config::new(folder.path());
        config.dev = true;
        config.durability = Durability::Async;
        let hub = Hub::start(config).map_err(io::Error::other)?;
        ingest::drive(hub.addr(), REST_LOAD)?;
        let smallest = rest::get(hub.addr(), "/diagnostics/ping", scale.length)?;
        let balance = rest::get(hub.addr(), &format!("/balance/for/{}/0001", load::OWNER), scale.length)?;
        hub.stop().map_err(io::Error::other)?;
        self.percentiles("floor_rest_ping", &smallest);
        self.percentiles("rest_balance_get", &balance);
        let ratio = smallest.value_at_quantile(0.5) as f64 / balance.value_at_quantile(0.5) as f64;
        self.put("rest_balance_get_rate_to_ping", ratio);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_runs_are_their_median_with_their_extremes() {
        let mut report = Report::default();
        assert_eq!(report.put_runs("rate", vec![3.0, 9.0, 1.0]), 3.0);
        let figures = ["rate", "rate_min", "rate_max"].map(|name| report.figures[name]);
        assert_eq!(figures, [3.0, 1.0, 9.0]);
    }

    #[test]
    fn a_result_survives_its_json_and_one_without_conditions_is_read() {
        let mut report = Report::default();
        report.conditions.flags.push("quick run".into());
        report.put("a_us", 1.5);
        let read = Report::from_json(&report.to_json()).expect("it was written as JSON");
        assert_eq!((read.conditions, read.figures), (report.conditions, report.figures));
        let old = Report::from_json(r#"{"machine": {"cores": "2"}, "figures": {"a_us": 2.0}}"#);
        assert_eq!(old.expect("a result of an earlier build").figures["a_us"], 2.0);
    }
}
