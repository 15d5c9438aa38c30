//! The tail: a small ring of shared memory in a file of its own, where frames lie until their group is in a segment.
//!
//! Thread "journal" writes it; it is never synced. It survives `kill -9`, as any shared mapping does, and not a power
//! loss, which it need not: what it alone held was never called durable. Recovery reads it once, brings what continues
//! the segments into them, and makes a new one.
//!
//! Position: a journal's bytes are numbered segment index times segment size plus offset; such a number, modulo the
//! ring's size, is the place in the ring. Absent on purpose: any count of valid bytes; the frames' chain shows which are.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use xxhash_rust::xxh3::xxh3_128;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::disk::Folder;
use crate::frame::BLOCK_BYTES;
use crate::mmap::{Mirror, Span};

const MAGIC: [u8; 8] = *b"ordotail";
const VERSION: u32 = 1;
/// The largest tail and its header.
const FILE_BYTES_MAX: u64 = (1 << 30) + BLOCK_BYTES;
const SHARED_MEMORY: &str = "/dev/shm";

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct TailHeader {
    magic: [u8; 8],
    version: U32,
    reserved: U32,
    journal: [u8; 16],
    tail_bytes: U64,
    reserved2: U64,
    check: [u8; 16],
}

const _: () = assert!(size_of::<TailHeader>() == 64);
const CHECKED_BYTES: usize = 48;

/// The ring that is being written.
#[derive(Debug)]
pub(crate) struct Tail {
    mirror: Arc<Mirror>,
    path: PathBuf,
}

impl Tail {
    /// Makes a new tail at the first of the paths that takes it, in place of any that is there.
    pub(crate) fn create(paths: &[PathBuf], journal: [u8; 16], bytes: u64) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for path in paths {
            match Self::create_at(path, journal, bytes) {
                Ok(tail) => return Ok(tail),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "no tail here");
                    let _ = std::fs::remove_file(path);
                    last = error;
                }
            }
        }
        Err(last)
    }

    fn create_at(path: &Path, journal: [u8; 16], bytes: u64) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        let mut header = TailHeader {
            magic: MAGIC,
            version: U32::new(VERSION),
            reserved: U32::new(0),
            journal,
            tail_bytes: U64::new(bytes),
            reserved2: U64::new(0),
            check: [0; 16],
        };
        header.check = xxh3_128(&header.as_bytes()[..CHECKED_BYTES]).to_le_bytes();
        let mut block = [0; BLOCK_BYTES as usize];
        block[..size_of::<TailHeader>()].copy_from_slice(header.as_bytes());
        file.write_all(&block)?;
        // Every page is written: a store into a hole would be a SIGBUS once the memory runs out, and a slow first touch.
        block.fill(0);
        for _ in 0..bytes / BLOCK_BYTES {
            file.write_all(&block)?;
        }
        let mirror = Mirror::of(&file, BLOCK_BYTES, bytes as usize)?;
        Ok(Self { mirror: Arc::new(mirror), path: path.to_owned() })
    }

    /// The bytes of a frame to be laid down at a position.
    ///
    /// The caller writes only beyond the sealed groups, and never more than the ring's size ahead of the first byte that
    /// is not durable.
    #[inline]
    pub(crate) fn slice_mut(&mut self, at: u64, len: u64) -> &mut [u8] {
        // `&mut self` excludes other slices; spans cover sealed groups only, which the caller leaves alone.
        self.mirror.slice_mut(at, len as usize)
    }

    /// The bytes of a sealed group.
    pub(crate) fn span(&self, from: u64, to: u64) -> Span {
        self.mirror.span(from, (to - from) as usize)
    }

    /// Takes the file away: everything that was in it is in segments.
    pub(crate) fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// Where the tail of a folder's journal may be, best first.
pub(crate) fn tail_paths(folder: &dyn Folder, wished: Option<&Path>, journal: [u8; 16]) -> Vec<PathBuf> {
    let (id, dir) = (u128::from_be_bytes(journal), folder.path());
    let at_home = dir.join(format!("ordo-{id:032x}.tail"));
    let elsewhere = wished.unwrap_or(Path::new(SHARED_MEMORY));
    if elsewhere == dir {
        return vec![at_home];
    }
    // A copy of the folder holds the same journal: neither may take the other's tail.
    vec![elsewhere.join(format!("ordo-{id:032x}-{:016x}.tail", folder.id())), at_home]
}

/// The tail of a process that ended without closing its journal.
#[derive(Debug)]
pub(crate) struct OldTail {
    ring: Vec<u8>,
    path: PathBuf,
}

impl OldTail {
    /// Reads a journal's tails, wherever they are; one that is damaged, or of another user, is passed over.
    pub(crate) fn find(paths: &[PathBuf], journal: [u8; 16]) -> Vec<Self> {
        paths.iter().filter_map(|path| Self::read(path, journal)).collect()
    }

    fn read(path: &Path, journal: [u8; 16]) -> Option<Self> {
        // A pipe is not waited for, and nothing but a file of ours is read.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
        let mut bytes = Vec::new();
        let sound = is_ours(&file)
            && file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).is_ok()
            && TailHeader::ref_from_prefix(&bytes).is_ok_and(|(header, _)| {
                header.magic == MAGIC
                    && header.version.get() == VERSION
                    && header.journal == journal
                    && header.check == xxh3_128(&header.as_bytes()[..CHECKED_BYTES]).to_le_bytes()
                    && header.tail_bytes.get().is_power_of_two()
                    && bytes.len() as u64 == BLOCK_BYTES + header.tail_bytes.get()
            });
        if !sound {
            tracing::warn!(path = %path.display(), "this tail is damaged or another user's: passed over");
            return None;
        }
        Some(Self { ring: bytes.split_off(BLOCK_BYTES as usize), path: path.to_owned() })
    }

    /// The ring from a position on, as far as a lap and `limit` reach.
    pub(crate) fn window(&self, at: u64, limit: u64) -> Vec<u8> {
        let from = at as usize & (self.ring.len() - 1);
        let mut bytes = [&self.ring[from..], &self.ring[..from]].concat();
        bytes.truncate(limit as usize);
        bytes
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

fn is_ours(file: &File) -> bool {
    file.metadata().is_ok_and(|meta| {
        meta.is_file() && meta.len() <= FILE_BYTES_MAX && meta.uid() == rustix::process::geteuid().as_raw()
    })
}
