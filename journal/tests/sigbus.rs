//! Somebody cuts a mapped file short: the process says one line and exits 75. Each case runs in a child of its own, which
//! is this test once more.
#![allow(unsafe_code)]

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output};

use ordo_journal::{AppendError, Entry, Journal, Kind, Options, Reader, exit_on_bus_error};

/// Set in the child: its folder.
const CHILD: &str = "ORDO_JOURNAL_SIGBUS_TEST";

/// Runs the test of that name in a process of its own, in a new folder.
fn in_a_child(test: &str, child: impl FnOnce(&Path)) -> Option<Output> {
    if let Some(dir) = std::env::var_os(CHILD) {
        exit_on_bus_error().expect("the handler is installed");
        child(Path::new(&dir));
        return None;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", test, "--nocapture"]).env(CHILD, dir.path());
    Some(command.output().expect("runs"))
}

fn assert_stopped(output: &Output, what: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{said}");
    let lines: Vec<_> = said.lines().filter(|line| line.contains("SIGBUS")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(lines[0].starts_with(&format!("SIGBUS in {what}, at address 0x")), "{said}");
}

fn journal(dir: &Path) -> Journal {
    let options = Options {
        segment_bytes: 256 << 10,
        tail_bytes: 128 << 10,
        body_bytes_max: 16 << 10,
        tail_dir: Some(dir.to_owned()),
        ..Options::new(dir.join("journal"))
    };
    Journal::open(options).expect("opens").journal
}

fn append(journal: &mut Journal, frames: u64) {
    let mut n = 0;
    while n < frames {
        let body = n.to_le_bytes().repeat(64);
        let entry = Entry {
            kind: Kind::Update,
            rules: 1,
            flags: 0,
            feed: 1,
            identity: 1,
            position: n as i64,
            time_ns: n,
            body: &body,
        };
        match journal.append(&entry) {
            Ok(_) => n += 1,
            Err(AppendError::Full) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
        journal.poll_sync(n).expect("not poisoned");
    }
}

fn cut(path: &Path, bytes: u64) {
    OpenOptions::new().write(true).open(path).expect("opens").set_len(bytes).expect("is cut");
}

#[test]
fn a_tail_cut_short_under_the_writer_stops_the_process() {
    let output = in_a_child("a_tail_cut_short_under_the_writer_stops_the_process", |dir| {
        let mut journal = journal(dir);
        append(&mut journal, 10);
        journal.flush().expect("is durable");
        let files = std::fs::read_dir(dir).expect("lists").map(|entry| entry.expect("a name").path());
        let tail = files.into_iter().find(|path| path.extension().is_some_and(|ext| ext == "tail")).expect("a tail");
        cut(&tail, 0);
        append(&mut journal, 10);
    });
    if let Some(output) = output {
        assert_stopped(&output, "the journal's tail");
    }
}

#[test]
fn a_segment_cut_short_under_a_reader_stops_the_process() {
    let output = in_a_child("a_segment_cut_short_under_a_reader_stops_the_process", |dir| {
        let mut journal = journal(dir);
        append(&mut journal, 2_000);
        journal.flush().expect("is durable");
        let mut reader = Reader::open(&dir.join("journal")).expect("opens");
        reader.next().expect("reads").expect("is there");
        cut(&dir.join("journal/seg-0000000000000000.ordo"), 8_192);
        while reader.next().expect("reads").is_some() {}
    });
    if let Some(output) = output {
        assert_stopped(&output, "a segment");
    }
}

#[test]
fn a_bus_error_elsewhere_ends_the_process_as_it_would_have() {
    let output = in_a_child("a_bus_error_elsewhere_ends_the_process_as_it_would_have", |dir| {
        let _journal = journal(dir);
        let path = dir.join("other");
        std::fs::write(&path, [1; 4096]).expect("is written");
        let file = OpenOptions::new().read(true).open(&path).expect("opens");
        // SAFETY: nobody else has the file; that it is cut short under the map is what is tried here.
        let map = unsafe { memmap2::Mmap::map(&file) }.expect("maps");
        cut(&path, 0);
        println!("{}", std::hint::black_box(&map)[0]);
    });
    if let Some(output) = output {
        assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{output:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("SIGBUS in"), "{output:?}");
    }
}
