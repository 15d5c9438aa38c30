//! The log, and what is told beside a command's output: on stderr, so that stdout stays the command's own.
//! `ORDO_LOG=debug` shows more of the log. Who read it may have gone: that is no failure, and ends no hub.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;

pub(crate) fn start(default: &str) {
    let filter = EnvFilter::try_from_env("ORDO_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let is_terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal);
    // It would say on stderr that stderr cannot be written.
    log.log_internal_errors(false).init();
}

/// A line on stderr.
macro_rules! note {
    ($($text:tt)*) => { $crate::logging::tell(format_args!($($text)*)) };
}
pub(crate) use note;

/// What `note!` says.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
