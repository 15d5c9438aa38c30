//! What the crate's tests share: a journal on a disk in memory, with its tail in a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use ordo_testkit::Random;
use tempfile::TempDir;

use crate::disk::{Access, Disk as _, Folder};
use crate::frame::{Chain, frame_bytes};
use crate::scan::Image;
use crate::segment::{DATA_START, read_header, segment_name};
use crate::{
    AppendError, Entry, Journal, Kind, MemDisk, OpenError, Opened, Options, Reader, Recovered, Report, SyncMode,
    WritePathKind, verify_on,
};

pub(crate) const DIR: &str = "/journal";

/// A disk, a tail folder, and the options to open the journal on them.
pub(crate) struct Rig {
    pub(crate) disk: MemDisk,
    pub(crate) options: Options,
    tails: TempDir,
}

impl Rig {
    pub(crate) fn new(seed: u64) -> Self {
        Self::on(MemDisk::new(seed))
    }

    /// With an empty tail folder: what a power loss leaves of the tail.
    pub(crate) fn on(disk: MemDisk) -> Self {
        let memory = Path::new("/dev/shm");
        let tails =
            if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a folder for the tail");
        let options = Options {
            segment_bytes: 64 << 10,
            tail_bytes: 64 << 10,
            tail_dir: Some(tails.path().to_owned()),
            body_bytes_max: 8 << 10,
            write_path: WritePathKind::Inline,
            ..Options::new(DIR)
        };
        Self { disk, options, tails }
    }

    pub(crate) fn mode(mut self, mode: SyncMode) -> Self {
        self.options.mode = mode;
        self
    }

    pub(crate) fn open(&self) -> Result<Opened, OpenError> {
        Journal::open_on(Arc::new(self.disk.clone()), self.options.clone())
    }

    pub(crate) fn journal(&self) -> Journal {
        self.open().expect("opens").journal
    }

    pub(crate) fn recovered(&self) -> Recovered {
        self.open().expect("opens").recovered
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open_on(Arc::new(self.disk.clone()), Path::new(DIR)).expect("a reader opens")
    }

    pub(crate) fn verify(&self) -> Report {
        verify_on(Arc::new(self.disk.clone()), Path::new(DIR), &mut |_| {}).expect("is verified")
    }

    /// Sequence and body of all frames that a reader sees.
    pub(crate) fn frames(&self) -> Vec<(u64, Vec<u8>)> {
        let mut reader = self.reader();
        let mut frames = Vec::new();
        while let Some(frame) = reader.next().expect("reads") {
            frames.push((frame.sequence, frame.body.to_vec()));
        }
        frames
    }

    /// The machine went down: what was in memory is gone.
    pub(crate) fn lose_tail(&self) {
        for file in std::fs::read_dir(self.tails.path()).expect("the tail's folder is there") {
            std::fs::remove_file(file.expect("a name").path()).expect("is removed");
        }
    }

    pub(crate) fn folder(&self) -> Arc<dyn Folder> {
        self.disk.open_folder(Path::new(DIR)).expect("opens")
    }

    pub(crate) fn segment(&self, index: u64) -> PathBuf {
        Path::new(DIR).join(segment_name(index))
    }

    pub(crate) fn bytes(&self, index: u64) -> Vec<u8> {
        self.disk.bytes(&self.segment(index)).expect("the segment is there")
    }

    /// The first segment of a new journal here.
    pub(crate) fn journal_bytes(&self) -> Vec<u8> {
        drop(self.journal());
        self.bytes(0)
    }

    pub(crate) fn set_bytes(&self, index: u64, bytes: Vec<u8>) {
        self.disk.set(&self.segment(index), Some(bytes));
    }
}

pub(crate) fn update(body: &[u8]) -> Entry<'_> {
    Entry { kind: Kind::Update, rules: 1, flags: 0, feed: 3, identity: 4, position: 5, time_ns: 6, body }
}

/// The body of the n-th frame of a test: its length varies, its content says which one it is.
pub(crate) fn body(n: u64) -> Vec<u8> {
    let len = 20 + (n * 37 % 200) as usize;
    n.to_le_bytes().into_iter().cycle().take(len).collect()
}

/// Appends frames `range`, polling when the tail is full.
pub(crate) fn append(journal: &mut Journal, range: std::ops::RangeInclusive<u64>) {
    for n in range {
        loop {
            match journal.append(&Entry { position: n as i64, time_ns: n * 10, ..update(&body(n)) }) {
                Ok(sequence) => break assert_eq!(sequence, n),
                Err(AppendError::Full) if journal.poll_sync(0).expect("not poisoned") => {}
                Err(AppendError::Full) => {
                    assert_ne!(journal.write_path(), "inline", "a full tail that nothing drains");
                    std::thread::yield_now();
                }
                Err(error) => panic!("frame {n}: {error}"),
            }
        }
    }
}

/// What `frames` gives if `1..=last` are all there.
pub(crate) fn expected(last: u64) -> Vec<(u64, Vec<u8>)> {
    (1..=last).map(|n| (n, body(n))).collect()
}

/// A frame of a small journal, of any kind: where it lies, and the sequence of the last numbered frame before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) offset: u64,
    pub(crate) end: u64,
    pub(crate) after: u64,
}

/// A journal in one segment with frames of every kind, Marks and Pads among them, and where they lie. The last group is
/// known to be durable if `is_marked`; in that case the Mark that says so is not.
pub(crate) fn every_kind(seed: u64, is_marked: bool) -> (Rig, Vec<Place>) {
    let rig = Rig::new(seed);
    let mut journal = rig.journal();
    let groups: [&[Kind]; 4] = [
        &[Kind::Name, Kind::Settings],
        &[Kind::Update, Kind::Tick, Kind::Update],
        &[Kind::Checkpoint],
        &[Kind::Update, Kind::Settings, Kind::Tick, Kind::Name, Kind::Checkpoint],
    ];
    for kinds in groups {
        for kind in kinds {
            let n = journal.written() + 1;
            let entry = Entry { kind: *kind, position: n as i64, time_ns: n * 10, ..update(&[]) };
            journal.append(&Entry { body: &body(n)[..(n * 11 % 40) as usize], ..entry }).expect("is appended");
        }
        journal.flush().expect("is durable");
    }
    if is_marked {
        journal.close().expect("closes");
    } else {
        drop(journal);
    }
    let rig = Rig::on(rig.disk.copy());
    rig.disk.set(&rig.segment(1), None);
    let places = places_of_all(&rig);
    (rig, places)
}

fn places_of_all(rig: &Rig) -> Vec<Place> {
    let file = rig.folder().open(&segment_name(0), Access::Read).expect("is there");
    let key = read_header(&*file).expect("a good header").key;
    let image = Image { bytes: rig.bytes(0), file_bytes: 64 << 10, is_long: false };
    let (mut places, mut after) = (Vec::new(), 0);
    image.walk(DATA_START, &mut Chain::START.clone(), &key, &mut |offset, frame| {
        let end = offset + frame_bytes(frame.body.len());
        places.push(Place { kind: frame.kind, offset, end, after });
        after = frame.sequence;
    });
    places
}

/// Gives each of some bits to `check`, in two threads, each with a copy of the journal.
pub(crate) fn for_each_bit(rig: &Rig, bits: &[u64], check: impl Fn(&Rig, u64) + Sync) {
    std::thread::scope(|scope| {
        for part in bits.chunks(bits.len().div_ceil(2).max(1)) {
            let (copy, check) = (Rig::on(rig.disk.copy()), &check);
            scope.spawn(move || part.iter().for_each(|bit| check(&copy, *bit)));
        }
    });
}
