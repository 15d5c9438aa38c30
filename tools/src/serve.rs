//! `ordo serve`: the hub, until a signal or a fault.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use ordo_gateway::hub::{Config, Hub, HubError};

use crate::signals::StopAsked;
use crate::{Failure, logging};

/// Runs the hub
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo serve --data ./data --listen 127.0.0.1:8700 --dev --set durability=async

Settings: durability=sync|sync-each|async, wait=yield|park, write_path=auto|uring|thread, pin=true|false,
ring_slots, segment_bytes, tail_dir, tail_bytes, message_bytes_max, outbound_bytes_max, orders_expected.
The same keys stand in the TOML file of --config, and in the environment as ORDO_KEY (ORDO_DURABILITY=async).
What the command line says counts most, then the environment, then the file.
Stops on SIGINT or SIGTERM: takes no more, records and answers what it took, exits 0.
Exits 65 if the data is damaged, 74 if the disk fails, 75 if another hub has the folder.")]
pub(crate) struct Serve {
    /// Settings, as TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the journal and the snapshots; made if it is not there [default: ./data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen, REST and WebSocket alike; port 0 picks a free one [default: 127.0.0.1:8700]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Callers from this machine need no token
    #[arg(long)]
    dev: bool,
    /// One setting; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8700);
/// How long a signal may go unseen.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Serve {
    pub(crate) fn run(self) -> Result<(), Failure> {
        logging::start("info");
        let asked = StopAsked::install()?;
        let hub = Hub::start(self.config()?).map_err(of_hub)?;
        hub.define_request_statuses().map_err(of_hub)?;
        say_ready(hub.addr());
        while !asked.is_asked() {
            if let Some(fault) = hub.wait_fault(LOOK_EVERY) {
                return Err(Failure::with_code(fault.exit_code(), fault));
            }
        }
        let stopped = hub.stop().map_err(of_hub)?;
        tracing::info!(sequence = stopped.sequence, state = format!("{:032x}", stopped.state_hash), "stopped");
        Ok(())
    }

    fn config(self) -> Result<Config, Failure> {
        let mut config = Config::new("./data");
        config.listen = DEFAULT_LISTEN;
        if let Some(file) = &self.config {
            apply_file(file, &mut config)?;
        }
        apply_environment(|key| std::env::var(key).ok(), &mut config)?;
        config.data = self.data.unwrap_or(config.data);
        config.listen = self.listen.unwrap_or(config.listen);
        config.dev |= self.dev;
        apply(&self.set, &mut config)?;
        Ok(config)
    }
}

/// Each key of a TOML file; a key that is no setting is an error, so that a typo does not pass in silence.
fn apply_file(file: &Path, config: &mut Config) -> Result<(), Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| fail(&error))?;
    let table: toml::Table = text.parse().map_err(|error| fail(&error))?;
    for (key, value) in &table {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        config.set(key, &value).map_err(|error| fail(&error))?;
    }
    Ok(())
}

/// `ORDO_KEY` for each setting.
fn apply_environment(variable: impl Fn(&str) -> Option<String>, config: &mut Config) -> Result<(), Failure> {
    for key in Config::KEYS {
        let name = format!("ORDO_{}", key.to_uppercase());
        if let Some(value) = variable(&name) {
            config.set(key, &value).map_err(|error| Failure::with_code(2, format!("{name}: {error}")))?;
        }
    }
    Ok(())
}

/// Settings as the command line gives them.
pub(crate) fn apply(settings: &[String], config: &mut Config) -> Result<(), Failure> {
    for setting in settings {
        let usage = |error: &dyn std::fmt::Display| Failure::with_code(2, format!("--set {setting}: {error}"));
        let (key, value) = setting.split_once('=').ok_or_else(|| usage(&"a setting is KEY=VALUE"))?;
        config.set(key, value).map_err(|error| usage(&error))?;
    }
    Ok(())
}

/// The line that scripts wait for.
fn say_ready(addr: SocketAddr) {
    let mut out = std::io::stdout();
    // Nobody may be listening any more; the hub serves all the same.
    let _ = writeln!(out, "listening on {addr}").and_then(|()| out.flush());
}

pub(crate) fn of_hub(error: HubError) -> Failure {
    Failure::with_code(error.exit_code(), error)
}

#[cfg(test)]
mod tests {
    use ordo_gateway::hub::Durability;

    use super::*;

    fn serve(config: &Path, set: &[&str]) -> Serve {
        let set = set.iter().map(|&setting| setting.to_owned()).collect();
        Serve { config: Some(config.to_owned()), data: None, listen: None, dev: false, set }
    }

    #[test]
    fn the_command_line_counts_more_than_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hub.toml");
        std::fs::write(&file, "durability = \"async\"\nring_slots = 512\ndev = true\n").unwrap();
        let config = serve(&file, &["ring_slots=1024"]).config().ok().unwrap();
        assert_eq!((config.durability, config.ring_slots, config.dev), (Durability::Async, 1024, true));
        assert_eq!(config.listen, DEFAULT_LISTEN);
    }

    #[test]
    fn a_key_that_is_no_setting_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hub.toml");
        std::fs::write(&file, "durabilty = \"async\"\n").unwrap();
        let Err(failure) = serve(&file, &[]).config() else { panic!("a typo passed") };
        assert!(failure.line.contains("durabilty"), "{}", failure.line);
    }

    #[test]
    fn the_environment_names_settings_in_capitals() {
        let mut config = Config::new("data");
        let variable = |name: &str| (name == "ORDO_SEGMENT_BYTES").then(|| "1048576".to_owned());
        assert!(apply_environment(variable, &mut config).is_ok());
        assert_eq!(config.segment_bytes, 1 << 20);
    }
}
