//! The log and the remarks of commands, on stderr: stdout carries a command's output alone. `ORDO_LOG=debug` logs more.
//! A closed stderr is no failure, and does not end a hub.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;

pub(crate) fn start(default: &str) {
    let filter = EnvFilter::try_from_env("ORDO_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let is_terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal);
    // Internal errors would be reported to stderr, which is what failed.
    log.log_internal_errors(false).init();
}

/// Prints a line on stderr.
macro_rules! note {
    ($($text:tt)*) => { $crate::logging::write_line(format_args!($($text)*)) };
}
pub(crate) use note;

/// Prints the line of `note!`.
pub(crate) fn write_line(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
