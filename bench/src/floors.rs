//! Floors: what disk and memory of this machine give, measured in the same run as the hub that is built on them.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::latency::{Latencies, histogram};

/// The smallest direct write.
const BLOCK: usize = 4096;
/// The size of a group of the journal under full load.
const GROUP: usize = 1 << 20;

/// Bytes of the file that is written, again and again from its beginning.
const FILE: usize = 128 << 20;

/// Writes of one block, each durable before the next, into an allocated file, for `length`: what an acknowledgement
/// costs at least.
///
/// # Errors
/// As the disk's.
pub fn durable_block(folder: &Path, length: Duration) -> io::Result<Latencies> {
    let file = open(folder, "block", FILE)?;
    let mut room = vec![0x5a; 2 * BLOCK];
    let block = aligned(&mut room);
    let mut latencies = histogram();
    let begun = Instant::now();
    for at in (0..FILE).step_by(BLOCK).cycle() {
        let start = Instant::now();
        if start.duration_since(begun) >= length {
            break;
        }
        file.write_all_at(&block[..BLOCK], at as u64)?;
        latencies.saturating_record(start.elapsed().as_nanos() as u64);
    }
    Ok(latencies)
}

/// Megabytes a second of writes of one mebibyte, each durable before the next, for `length`: the disk's limit for a
/// journal.
///
/// # Errors
/// As the disk's.
pub fn durable_stream_mb_per_s(folder: &Path, length: Duration) -> io::Result<f64> {
    let file = open(folder, "stream", FILE)?;
    let mut room = vec![0x5a; GROUP + BLOCK];
    let group = aligned(&mut room);
    let (start, mut written) = (Instant::now(), 0);
    for at in (0..FILE).step_by(GROUP).cycle() {
        if start.elapsed() >= length {
            break;
        }
        file.write_all_at(&group[..GROUP], at as u64)?;
        written += GROUP;
    }
    Ok(written as f64 / 1e6 / start.elapsed().as_secs_f64())
}

/// Gigabytes a second copied from memory to memory, for `length`.
pub fn memory_copy_gb_per_s(length: Duration) -> f64 {
    const BYTES: usize = 64 << 20;
    let (from, mut to) = (vec![1u8; BYTES], vec![0u8; BYTES]);
    let (start, mut copied) = (Instant::now(), 0);
    while start.elapsed() < length {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        copied += BYTES;
    }
    copied as f64 / 1e9 / start.elapsed().as_secs_f64()
}

/// Opens an allocated file for direct, durable writes.
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
    // A file system without direct writes (tmpfs) is measured with buffered ones.
    direct.or_else(|_| OpenOptions::new().write(true).custom_flags(rustix::fs::OFlags::DSYNC.bits() as i32).open(&path))
}

/// The part of `room` from its first block boundary on: direct writes need aligned memory.
fn aligned(room: &mut [u8]) -> &[u8] {
    let skip = room.as_ptr().align_offset(BLOCK);
    &room[skip..]
}
