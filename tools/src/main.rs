//! `ordo`: the program of the hub. Each command has its own file; this one holds what commands share.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 65 corrupt data, 74 an I/O error after which the disk is not trusted, 75
//! the folder is locked. A failure is one line on stderr: its cause, and what to do.

mod backup;
mod bench;
mod config;
mod demo;
mod explain;
mod input_file;
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

/// A failed command: its line on stderr and its exit code.
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

/// Refuses a folder without a journal: its name was most likely mistyped. A journal that lost its segments passes: the
/// reader of the journal reports that.
fn check_folder(dir: &Path) -> Result<(), Failure> {
    if !dir.is_dir() {
        return Err(Failure::new(format!("{}: no such folder; name the --data folder of a hub", dir.display())));
    }
    let entries = dir.read_dir().map_err(|error| Failure::new(format!("{}: {error}", dir.display())))?;
    let mut names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_journal = |name: String| {
        let is_part = ["seg-", "snap-", "begin."].iter().any(|kind| name.starts_with(kind));
        is_part && name.ends_with(".ordo")
    };
    if names.any(is_journal) {
        return Ok(());
    }
    Err(Failure::new(format!("{}: no journal is in it; name the --data folder of a hub", dir.display())))
}

/// Refuses to write into the folder that is read, which belongs to a hub or is a backup.
fn check_is_outside(folder: &Path, to: &Path) -> Result<(), Failure> {
    let whole =
        |path: &Path| std::path::absolute(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())));
    let to_whole = whole(to)?;
    // The longest part of the path that exists, links resolved.
    let found = to_whole.ancestors().find_map(|part| part.canonicalize().ok());
    let folder_found = folder.canonicalize().map_or_else(|_| whole(folder), Ok)?;
    if found.is_some_and(|found| found.starts_with(&folder_found)) {
        let (to, folder) = (to.display(), folder.display());
        return Err(Failure::with_code(
            2,
            format!("{to} lies in {folder}, the folder that is read: name a place elsewhere"),
        ));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn check_help(command: &clap::Command, path: &str) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.starts_with("Example") && help.contains(&format!("  {path} ")), "{path}: {help}");
        command.get_subcommands().for_each(|below| check_help(below, &format!("{path} {}", below.get_name())));
    }

    #[test]
    fn every_command_has_an_example_in_its_help() {
        let program = Cli::command();
        program.debug_assert();
        Cli::command()
            .get_subcommands()
            .for_each(|command| check_help(command, &format!("ordo {}", command.get_name())));
    }

    #[test]
    fn output_inside_the_source_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (data, link) = (folder.path().join("data"), folder.path().join("link"));
        std::fs::create_dir(&data).unwrap();
        std::os::unix::fs::symlink(&data, &link).unwrap();
        for inside in [data.clone(), data.join("sub"), data.join("a/b/c.csv"), link.join("sub")] {
            let refused = check_is_outside(&data, &inside).expect_err("a place inside");
            assert_eq!(refused.code, 2, "{}", inside.display());
        }
        assert!(check_is_outside(&link, &data.join("sub")).is_err());
        for outside in [folder.path().join("data2"), folder.path().join("data.csv"), folder.path().into()] {
            assert!(check_is_outside(&data, &outside).is_ok(), "{}", outside.display());
        }
    }
}
