//! The log: on stderr, so that stdout stays the command's own. `ORDO_LOG=debug` shows more.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

pub(crate) fn start(default: &str) {
    let filter = EnvFilter::try_from_env("ORDO_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal).init();
}
