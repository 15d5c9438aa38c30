//! Conventions that can be counted, with a ratchet: what is recorded in `recorded.txt` may only shrink.
//!
//! `ORDO_BLESS=1 cargo test -p ordo --test tidy` records smaller numbers; a larger one is never recorded by itself.

mod code;
mod imports;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use code::Code;

const RECORDED: &str = "tests/tidy/recorded.txt";
const HEAD: &str = "# May only shrink. Smaller numbers are recorded by ORDO_BLESS=1 cargo test -p ordo --test tidy.\n";

/// A file of the workspace, its path from the root.
struct Source {
    path: String,
    code: Code,
}

/// One number, and where it comes from, the worst first.
struct Measure {
    name: &'static str,
    number: usize,
    places: Vec<String>,
    advice: &'static str,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below a folder, but what is built and what is hidden.
fn sources_in(folder: &Path, into: &mut Vec<Source>) {
    let entries = std::fs::read_dir(folder).expect("the folder can be listed").map(|entry| entry.expect("an entry"));
    for path in entries.map(|entry| entry.path()) {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources_in(&path, into);
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).expect("it is text");
            let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            into.push(Source { code: Code::of(&text, is_test(&path)), path });
        }
    }
}

fn is_test(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.any(|part| matches!(part, "tests" | "tests.rs" | "testing.rs" | "testkit"))
}

/// The largest of some lengths, and the ten largest by name.
fn longest(name: &'static str, mut lengths: Vec<(usize, String)>, advice: &'static str) -> Measure {
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let number = lengths.first().map_or(0, |(length, _)| *length);
    let places = lengths.into_iter().take(10).map(|(length, place)| format!("{length} {place}")).collect();
    Measure { name, number, places, advice }
}

fn functions(sources: &[Source], tests: bool) -> Vec<(usize, String)> {
    let of_file = |source: &Source| {
        let functions = source.code.functions(tests);
        functions
            .into_iter()
            .map(|it| (it.lines, format!("{}:{} {}", source.path, it.line, it.name)))
            .collect::<Vec<_>>()
    };
    sources.iter().flat_map(of_file).collect()
}

fn files(sources: &[Source], tests: bool) -> Vec<(usize, String)> {
    sources.iter().map(|source| (source.code.lines(tests), source.path.clone())).collect()
}

fn counted(name: &'static str, places: Vec<String>, advice: &'static str) -> Measure {
    Measure { name, number: places.len(), places, advice }
}

fn with_unsafe(sources: &[Source]) -> Vec<String> {
    sources.iter().filter(|source| source.code.has_word("unsafe")).map(|source| source.path.clone()).collect()
}

fn undocumented(sources: &[Source]) -> Vec<String> {
    let of_file = |source: &Source| {
        let items = source.code.undocumented();
        items.into_iter().map(|(line, item)| format!("{}:{line} {item}", source.path)).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of_file).collect()
}

fn measures(sources: &[Source]) -> Vec<Measure> {
    const SPLIT_FUNCTION: &str = "Let the parent branch and its leaves compute: take steps out by name.";
    const SPLIT_FILE: &str = "Give a part that has a name of its own a file of its own.";
    vec![
        longest("lines of the longest function", functions(sources, false), SPLIT_FUNCTION),
        longest("lines of the longest file", files(sources, false), SPLIT_FILE),
        longest("lines of the longest function of tests", functions(sources, true), SPLIT_FUNCTION),
        longest("lines of the longest file of tests", files(sources, true), SPLIT_FILE),
        counted(
            "files with unsafe",
            with_unsafe(sources),
            "Unsafe code stands in few files: call what one of them offers, or do without.",
        ),
        counted(
            "modules in circles of imports",
            imports::in_circles(sources.iter().map(|source| (source.path.as_str(), &source.code))),
            "Move what both ends need below both, or hand it over as an argument.",
        ),
        counted(
            "undocumented public items",
            undocumented(sources),
            "Say what it is, its unit, its errors and its panics in a doc comment; or make it private.",
        ),
    ]
}

fn recorded() -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(RECORDED).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.map(|line| {
        let (number, name) = line.split_once(' ').expect("a number and a name");
        (name.to_owned(), number.parse().expect("a number"))
    });
    parsed.collect()
}

/// Records what has shrunk, and what is recorded for the first time.
fn bless(measures: &[Measure], recorded: &BTreeMap<String, usize>) {
    let mut text = HEAD.to_owned();
    for measure in measures {
        let number = recorded.get(measure.name).map_or(measure.number, |recorded| measure.number.min(*recorded));
        writeln!(text, "{number} {}", measure.name).expect("text grows");
    }
    std::fs::write(RECORDED, text).expect("it is written");
}

/// What is wrong with a number, if anything.
fn complaint(measure: &Measure, recorded: Option<usize>) -> Option<String> {
    let Measure { name, number, places, advice } = measure;
    match recorded {
        Some(recorded) if *number == recorded => None,
        Some(recorded) if *number > recorded => Some(format!(
            "{name}: {number}, recorded are {recorded}, and that may only shrink. {advice}\n  {}",
            places.join("\n  ")
        )),
        Some(recorded) => Some(format!(
            "{name}: {number}, recorded are {recorded}. It shrank: run ORDO_BLESS=1 cargo test -p ordo --test tidy, and \
             commit {RECORDED}."
        )),
        None => Some(format!("{name}: {number}, and nothing is recorded: run with ORDO_BLESS=1.")),
    }
}

#[test]
fn what_is_counted_only_shrinks() {
    let mut sources = Vec::new();
    sources_in(&root(), &mut sources);
    sources.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 100, "{} files are not the workspace", sources.len());
    let measures = measures(&sources);
    if std::env::var_os("ORDO_BLESS").is_some() {
        bless(&measures, &recorded());
    }
    let recorded = recorded();
    let complaints: Vec<String> =
        measures.iter().filter_map(|measure| complaint(measure, recorded.get(measure.name).copied())).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
