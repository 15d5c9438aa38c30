//! `ordo serve`: the hub, until a signal or a fault.

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

Settings: `ordo config` lists them all, with what each means and costs. The same keys stand in the TOML file of
--config, and in the environment as ORDO_KEY (ORDO_DURABILITY=async). What the command line says counts most, then
the environment, then the file.
Stops on SIGINT or SIGTERM: takes no more, records and answers what it took, exits 0.
Exits 65 if the data is damaged, 74 if the disk fails, 75 if another hub has the folder or one of its files was cut short.")]
pub(crate) struct Serve {
    /// Folder of the journal and the snapshots; made if it is not there [default: ./data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen, REST and WebSocket alike; port 0 picks a free one [default: 127.0.0.1:8700]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Callers from this machine need no token
    #[arg(long)]
    dev: bool,
    #[command(flatten)]
    sources: Sources,
}

/// How long a signal may go unseen.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Serve {
    pub(crate) fn run(self) -> Result<(), Failure> {
        logging::start("info");
        let asked = StopAsked::install()?;
        ordo_journal::exit_on_bus_error().map_err(|error| Failure::new(format!("signals: {error}")))?;
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
        let settings = self.sources.settle()?;
        for doubt in settings.doubts() {
            tracing::warn!("{doubt}");
        }
        let mut config = settings.config;
        config.data = self.data.unwrap_or(config.data);
        config.listen = self.listen.unwrap_or(config.listen);
        config.dev |= self.dev;
        Ok(config)
    }
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
