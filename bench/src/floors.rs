//! Floors: what the machine itself takes, measured in the same run as what is built on it.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::latency::{Latencies, histogram};

/// One block: the least that a durable write can be.
const BLOCK: usize = 4096;
/// A group as large as the journal writes under full load.
const GROUP: usize = 1 << 20;

/// A block after the other made durable, into a file that is there already: what an acknowledgement alone costs.
///
/// # Errors
/// As the disk's.
pub fn durable_block(folder: &Path, count: u64) -> io::Result<Latencies> {
    let file = open(folder, "block", count as usize * BLOCK)?;
    let mut room = vec![0x5a; 2 * BLOCK];
    let block = aligned(&mut room);
    let mut latencies = histogram();
    for at in 0..count {
        let start = Instant::now();
        file.write_all_at(&block[..BLOCK], at * BLOCK as u64)?;
        latencies.saturating_record(start.elapsed().as_nanos() as u64);
    }
    Ok(latencies)
}

/// Megabytes a second, a mebibyte at a time, each durable: what the disk gives a journal at most.
///
/// # Errors
/// As the disk's.
pub fn durable_stream_mb_per_s(folder: &Path, groups: usize) -> io::Result<f64> {
    let file = open(folder, "stream", groups * GROUP)?;
    let mut room = vec![0x5a; GROUP + BLOCK];
    let group = aligned(&mut room);
    let start = Instant::now();
    for at in 0..groups {
        file.write_all_at(&group[..GROUP], (at * GROUP) as u64)?;
    }
    Ok((groups * GROUP) as f64 / 1e6 / start.elapsed().as_secs_f64())
}

/// Gigabytes a second from memory to memory.
pub fn memory_copy_gb_per_s() -> f64 {
    const BYTES: usize = 64 << 20;
    let (from, mut to) = (vec![1u8; BYTES], vec![0u8; BYTES]);
    let (start, mut copied) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(200) {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        copied += BYTES;
    }
    copied as f64 / 1e9 / start.elapsed().as_secs_f64()
}

/// A file that is written through and past the cache, its blocks allocated before.
fn open(folder: &Path, name: &str, bytes: usize) -> io::Result<File> {
    let path = folder.join(name);
    let mut file = File::create(&path)?;
    let zeros = vec![0; GROUP];
    for at in (0..bytes).step_by(GROUP) {
        file.write_all(&zeros[..GROUP.min(bytes - at)])?;
    }
    file.sync_all()?;
    let flags = rustix::fs::OFlags::DSYNC | rustix::fs::OFlags::DIRECT;
    let direct = OpenOptions::new().write(true).custom_flags(flags.bits() as i32).open(&path);
    // A file system that has no direct writes (tmpfs) is measured without.
    direct.or_else(|_| OpenOptions::new().write(true).custom_flags(rustix::fs::OFlags::DSYNC.bits() as i32).open(&path))
}

/// The part of `room` from its first block boundary on: direct writes want their memory aligned.
fn aligned(room: &mut [u8]) -> &[u8] {
    let skip = room.as_ptr().align_offset(BLOCK);
    &room[skip..]
}
