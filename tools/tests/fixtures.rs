//! Journals of every version so far, good and damaged, kept for ever: this build reads them as the one that wrote them.
//!
//! A version that changes the format or the rules adds a folder beside the others: run the ignored test here once, with
//! its name in `NEWEST`. What is there is never written again.

mod making;
mod support;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::read::GzDecoder;
use serde_json::Value;
use support::stderr;
use tempfile::TempDir;

/// The folder that the ignored test makes.
const NEWEST: &str = "v1";
const EXPECTED: &str = "expected.toml";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Folders in a folder, by name.
fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).expect("it is there").map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// A fixture's files as a hub left them.
fn unpacked(fixture: &Path) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for entry in fs::read_dir(fixture).expect("it is there") {
        let packed = entry.expect("an entry").path();
        let mut bytes = Vec::new();
        GzDecoder::new(fs::File::open(&packed).expect("a file")).read_to_end(&mut bytes).expect("it is packed");
        let to = folder.path().join(name(&packed).strip_suffix(".gz").expect("it is packed"));
        fs::write(to, bytes).expect("it is written");
    }
    folder
}

fn ordo(args: &[&str], folder: &Path) -> Output {
    let (before, after) = args.split_at(args.iter().take_while(|arg| !arg.starts_with('-')).count());
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordo"));
    command.args(before).arg(folder).args(after).output().expect("the program runs")
}

/// A verdict without the folder's name, and without the advice.
fn said_of(line: &str, folder: &Path) -> String {
    let verdict = line.split(';').next().unwrap_or_default();
    verdict.replace(&format!("{}/", folder.display()), "").replace(&format!("{}: ", folder.display()), "")
}

/// What is expected of a fixture, as the programs say it: exit codes, hashes, and where it is bad.
fn found(folder: &Path) -> toml::Table {
    let verified = ordo(&["journal", "verify"], folder);
    let said = stderr(&verified);
    let verdict = said.lines().rfind(|line| line.starts_with("ordo: ")).unwrap_or_default();
    let mut found = toml::Table::new();
    let mut put = |name: &str, value: toml::Value| drop(found.insert(name.into(), value));
    put("verify_exit", i64::from(verified.status.code().expect("an exit code")).into());
    put("verify_says", said_of(verdict, folder).into());
    put("verify_good", said.lines().find(|line| line.starts_with("good: ")).unwrap_or_default().into());
    for (name, args) in [("whole", &["replay", "--no-snapshots", "--json"][..]), ("snapshot", &["replay", "--json"])] {
        let replayed = ordo(args, folder);
        put(&format!("{name}_exit"), i64::from(replayed.status.code().expect("an exit code")).into());
        if !replayed.status.success() {
            let said = stderr(&replayed);
            put(&format!("{name}_says"), said_of(said.lines().last().unwrap_or_default(), folder).into());
            continue;
        }
        let facts: Value = serde_json::from_slice(&replayed.stdout).expect("a line of JSON");
        // How many a snapshot saves is this build's affair; the state is not.
        let facts_kept: &[&str] = match name {
            "whole" => &["to_sequence", "updates", "refused", "accounts", "orders", "state_hash", "events_hash"],
            _ => &["to_sequence", "state_hash", "events_hash"],
        };
        for fact in facts_kept {
            put(&format!("{name}_{fact}"), facts[*fact].as_str().expect("it is told").into());
        }
    }
    found
}

#[test]
fn journals_of_every_version_are_read_as_they_were_written() {
    let versions = folders(&fixtures());
    assert!(versions.iter().any(|version| name(version) == NEWEST), "{NEWEST} was never made");
    for version in versions {
        let expected = fs::read_to_string(version.join(EXPECTED)).expect("expectations");
        let expected: toml::Table = expected.parse().expect("TOML");
        let fixtures = folders(&version);
        assert_eq!(fixtures.len(), expected.len());
        for fixture in fixtures {
            let folder = unpacked(&fixture);
            let expected = expected[&name(&fixture)].as_table().expect("a table");
            assert_eq!(&found(folder.path()), expected, "{}", fixture.display());
        }
    }
}

#[test]
fn the_newest_journal_holds_every_kind_of_update() {
    let folder = unpacked(&fixtures().join(NEWEST).join("good"));
    let dumped = ordo(&["journal", "dump", "--json"], folder.path());
    assert!(dumped.status.success());
    let text = String::from_utf8_lossy(&dumped.stdout).into_owned();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["Kind"].as_str()).collect();
    for kind in making::KINDS {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
    assert!(lines.iter().any(|line| line["Errors"].as_array().is_some_and(|errors| !errors.is_empty())));
}

/// Makes the newest fixtures, once.
#[test]
#[ignore = "writes into the source tree, once for each version"]
fn make_the_newest() {
    let version = fixtures().join(NEWEST);
    assert!(!version.exists(), "{} is there: what is kept is not written again", version.display());
    let good = TempDir::new().expect("a folder");
    making::record(good.path());
    fs::create_dir_all(&version).expect("a folder");
    let mut expected = toml::Table::new();
    for (fixture, damage) in making::DAMAGES {
        let folder = making::copy(good.path());
        damage(folder.path());
        making::pack(folder.path(), &version.join(fixture));
        expected.insert((*fixture).into(), found(folder.path()).into());
    }
    let head = "# What the build that made these journals said of them.\n";
    fs::write(version.join(EXPECTED), format!("{head}{expected}")).expect("it is written");
}
