//! Mapped memory: the mirror that the tail lives in, and read-only maps of sealed segments.
//!
//! One of the crate's three files with unsafe code (the others are `uring.rs` and `sigbus.rs`). `Mirror` maps the same
//! pages twice, one behind the other, so that a frame or a group that wraps round the ring is one slice all the same.
#![allow(unsafe_code)]

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::sigbus::{Mapped, Watch};

/// A ring of shared, file-backed memory, mapped twice back to back. Reads and writes take a position that may be any
/// number: it wraps.
pub(crate) struct Mirror {
    base: NonNull<u8>,
    bytes: usize,
    _watch: Watch,
}

// SAFETY: the mapping is plain memory owned by this value; access is by `slice_mut`, of the one thread
// that owns the tail, or through `Span`s whose range that thread promises not to write (see `Mirror::span`).
unsafe impl Send for Mirror {}
// SAFETY: `Tail` keeps its `&Mirror` to itself and calls `slice_mut` through `&mut Tail` only; other threads have spans,
// which read what nobody writes.
unsafe impl Sync for Mirror {}

impl Mirror {
    /// Maps `bytes` of the file from `offset` on, twice. `bytes` is a power of two of at least a page, and the file has
    /// all of them allocated: a store into a hole of a full file system would be a SIGBUS.
    pub(crate) fn of(file: &File, offset: u64, bytes: usize) -> io::Result<Self> {
        assert!(bytes.is_power_of_two() && bytes >= 4096, "invariant: options are validated");
        // SAFETY: an anonymous reservation at an address of the kernel's choice; nothing refers to it yet.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), 2 * bytes, ProtFlags::empty(), MapFlags::PRIVATE) }?;
        let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        // Owns the reservation from here on: an early return unmaps it.
        let mirror = Self { base, bytes, _watch: Watch::of(base.as_ptr(), 2 * bytes, Mapped::Tail) };
        for half in 0..2 {
            // SAFETY: both halves lie inside the reservation made above, which nobody else knows.
            unsafe {
                mmap(
                    base.as_ptr().add(half * bytes).cast(),
                    bytes,
                    ProtFlags::READ | ProtFlags::WRITE,
                    MapFlags::SHARED | MapFlags::FIXED,
                    file,
                    offset,
                )
            }?;
        }
        Ok(mirror)
    }

    #[inline]
    fn wrap(&self, at: u64) -> usize {
        at as usize & (self.bytes - 1)
    }

    /// The bytes at `at`, for writing. Only `Tail` calls this, through `&mut`, so no two such slices exist at a time.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "spans of other bytes may be alive: disjointness is the tail's promise")]
    pub(crate) fn slice_mut(&self, at: u64, len: usize) -> &mut [u8] {
        assert!(len <= self.bytes, "invariant: no frame is larger than the tail");
        // SAFETY: wrap(at) < bytes and len <= bytes, so the range lies inside the two mappings. No span covers it: the
        // journal writes only beyond what it has sealed, and never a lap ahead of the oldest group that is not durable
        // (`Journal::make_room`).
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().add(self.wrap(at)), len) }
    }

    /// The bytes at `at`, for as long as the caller needs them in another thread or in the kernel. The caller writes none
    /// of them until the span is dropped.
    pub(crate) fn span(self: &Arc<Self>, at: u64, len: usize) -> Span {
        assert!(len <= self.bytes, "invariant: no group is larger than the tail");
        Span { at: self.wrap(at), len, mirror: Arc::clone(self) }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        // SAFETY: the range is this value's own; spans keep the value alive.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), 2 * self.bytes) };
        debug_assert!(unmapped.is_ok());
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").field("bytes", &self.bytes).finish()
    }
}

/// A stretch of a mirror that is being written to a segment.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    mirror: Arc<Mirror>,
    at: usize,
    len: usize,
}

impl Span {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `at` < mirror bytes and `len` <= mirror bytes; the mirror is alive; nobody writes these bytes while the
        // span lives (the promise of the caller of `Mirror::span`).
        unsafe { std::slice::from_raw_parts(self.mirror.base.as_ptr().add(self.at), self.len) }
    }
}

/// A file's bytes, read-only.
#[derive(Debug)]
pub struct ReadMap(Bytes);

#[derive(Debug)]
enum Bytes {
    Mapped(memmap2::Mmap, #[expect(dead_code, reason = "lives as long as the map")] Watch),
    /// A file that is memory already.
    #[cfg(any(test, feature = "testing"))]
    Copied(Vec<u8>),
}

impl ReadMap {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        // SAFETY: segments are only ever written in place by whole blocks, never cut short while a hub lives (the
        // folder's lock); truncating one under a reader gives the reader a SIGBUS, as FORMAT.md says.
        let map = unsafe { memmap2::Mmap::map(file) }?;
        let watch = Watch::of(map.as_ptr(), map.len(), Mapped::Segment);
        Ok(Self(Bytes::Mapped(map, watch)))
    }
}

#[cfg(any(test, feature = "testing"))]
impl From<Vec<u8>> for ReadMap {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Bytes::Copied(bytes))
    }
}

impl Deref for ReadMap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Mapped(map, _) => map,
            #[cfg(any(test, feature = "testing"))]
            Bytes::Copied(bytes) => bytes,
        }
    }
}
