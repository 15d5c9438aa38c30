//! `ordo journal`: reads a journal without changing it, also in the folder of a running hub.

mod dump;
mod export;
mod info;
mod verify;

use clap::{Args, Subcommand};
use ordo_core::proto::TimestampWithTimeZone;

use crate::Failure;

/// Reads a journal without changing it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo journal info ./data
  ordo journal verify ./data\n  ordo journal dump ./data --feed XNAS --kind trade
  ordo journal export ./data --to updates.csv

Each has its own --help. Only reads: safe on the folder of a running hub.")]
pub(crate) struct Journal {
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    Info(info::Info),
    Verify(verify::Verify),
    Dump(dump::Dump),
    Export(export::Export),
}

impl Journal {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            JournalCommand::Info(command) => command.run(),
            JournalCommand::Verify(command) => command.run(),
            JournalCommand::Dump(command) => command.run(),
            JournalCommand::Export(command) => command.run(),
        }
    }
}

/// Nanoseconds since 1970 as ISO-8601 text.
pub(crate) fn time(nanos: u64) -> String {
    TimestampWithTimeZone::from_unix_nanos(nanos).to_iso().unwrap_or_default()
}
