//! `ordo`: the one program of the hub. A file for each command; here is only what they share.
//!
//! Exit codes: 0 done, 1 it failed, 2 wrong usage, 65 corrupt data, 74 an I/O error that poisons, 75 the folder is
//! locked. What went wrong, and what to do about it, is one line on stderr.

mod backup;
mod bench;
mod config;
mod demo;
mod explain;
mod journal;
mod listed;
mod logging;
mod place;
mod reconcile;
mod replay;
mod restore;
mod rows;
mod serve;
mod settings;
mod signals;
mod table;
mod window;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::logging::note;

#[derive(Debug, Parser)]
#[command(name = "ordo", version, about = "Order management hub", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Config(config::Config),
    Replay(replay::Replay),
    Explain(explain::Explain),
    Journal(journal::Journal),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Reconcile(reconcile::Reconcile),
    Bench(bench::Bench),
}

/// Why a command failed: what its one line on stderr says, and its exit code.
#[derive(Debug)]
struct Failure {
    code: u8,
    line: String,
}

impl Failure {
    fn new(error: impl std::fmt::Display) -> Failure {
        Failure::with_code(1, error)
    }

    fn with_code(code: u8, error: impl std::fmt::Display) -> Failure {
        Failure { code, line: error.to_string() }
    }
}

/// A folder that is there; most often one that is not was mistyped.
fn check_folder(dir: &Path) -> Result<(), Failure> {
    if dir.is_dir() {
        return Ok(());
    }
    Err(Failure::new(format!("{}: no such folder; name the --data folder of a hub", dir.display())))
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(),
        Command::Config(config) => config.run(),
        Command::Replay(replay) => replay.run(),
        Command::Explain(explain) => explain.run(),
        Command::Journal(journal) => journal.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Reconcile(reconcile) => reconcile.run(),
        Command::Bench(bench) => bench.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, line }) => {
            note!("ordo: {}", line.replace('\n', " "));
            ExitCode::from(code)
        }
    }
}
