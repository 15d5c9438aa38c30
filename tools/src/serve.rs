//! `ordo serve`: runs the hub until a signal or a fault.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ordo_gateway::hub::{Config, Hub, HubError};

use crate::settings::Sources;
use crate::signals::StopAsked;
use crate::{Failure, logging};

/// Runs the hub
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo serve --data ./data --listen 127.0.0.1:8700 --dev --set durability=async

Settings: 'ordo config' lists all of them with meaning and cost. Each can be given in the TOML file of --config, in the
environment as ORDO_KEY (ORDO_DURABILITY=async), or on the command line; the command line overrides the environment,
which overrides the file.
Stops on SIGINT, SIGTERM or SIGHUP: accepts no further request, records and answers those accepted, and exits 0. A second
SIGINT or SIGTERM ends the process at once, with 130 or 143.
Exits 65 if the data is corrupt, 74 if the disk fails, 75 if another hub has the folder or one of its files was cut short.")]
pub(crate) struct Serve {
    /// Folder of journal and snapshots; created if missing [default: ./data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of REST and WebSocket; port 0 picks a free one [default: 127.0.0.1:8700]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Accepts callers from the loopback interface without a token
    #[arg(long)]
    dev: bool,
    #[command(flatten)]
    sources: Sources,
}

/// A signal is noticed within this time.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Serve {
    pub(crate) fn run(self) -> Result<(), Failure> {
        logging::start("info");
        let asked = StopAsked::install()?;
        ordo_journal::exit_on_bus_error().map_err(|error| Failure::new(format!("signals: {error}")))?;
        let hub = Hub::start(self.config()?).map_err(of_hub)?;
        hub.define_request_statuses().map_err(of_hub)?;
        print_ready(hub.addr());
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
        let settings = self.sources.settle()?;
        for warning in settings.warnings() {
            tracing::warn!("{warning}");
        }
        let mut config = settings.config;
        config.data = self.data.unwrap_or(config.data);
        config.listen = self.listen.unwrap_or(config.listen);
        config.dev |= self.dev;
        Ok(config)
    }
}

/// Prints the line that scripts wait for.
fn print_ready(addr: SocketAddr) {
    let mut out = std::io::stdout();
    // A closed stdout does not keep the hub from serving.
    let _ = writeln!(out, "listening on {addr}").and_then(|()| out.flush());
}

pub(crate) fn of_hub(error: HubError) -> Failure {
    Failure::with_code(error.exit_code(), error)
}
