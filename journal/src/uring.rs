//! Group writes through io_uring, submitted and polled by the journal's own thread: no thread to wake, one system call
//! a group.
//!
//! One of the crate's three files with unsafe code: the kernel reads the group's bytes after `submit` has returned.
#![allow(unsafe_code)]

use std::io;

use io_uring::{IoUring, opcode, types};

use crate::disk::{WriteProgress, is_passing};
use crate::write_path::{GroupWrite, WritePath};

/// The ring, and the one write it may hold.
pub(crate) struct Uring {
    ring: IoUring,
    current: Option<Current>,
    /// Why the kernel did not take the last write; reported by the next poll, as every outcome is.
    refused: Option<io::Error>,
    continued: u64,
    polls: u32,
    /// Bytes that the next submission writes at most: a short write, made to order.
    #[cfg(test)]
    short: Option<usize>,
}

/// After this many polls without an outcome the core is given away for a moment: on ext4 the end of a durable write is
/// the work of a kernel thread, often on this core, and a caller that spins would keep it waiting until the scheduler's
/// next tick.
const POLLS_TO_YIELD: u32 = 64;

struct Current {
    write: GroupWrite,
    progress: WriteProgress,
    /// In the submission queue, but the kernel has not taken it yet.
    unsubmitted: bool,
}

impl Uring {
    /// Fails where the kernel has none or does not let us.
    pub(crate) fn start() -> io::Result<Self> {
        Ok(Self {
            ring: IoUring::new(8)?,
            current: None,
            refused: None,
            continued: 0,
            polls: 0,
            #[cfg(test)]
            short: None,
        })
    }

    /// Queues the rest of the current write.
    fn push(&mut self) -> io::Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let fd = current.write.file.raw().ok_or(io::ErrorKind::Unsupported)?;
        let done = current.progress.done();
        let rest = &current.write.span.bytes()[done..];
        #[cfg(test)]
        let rest = &rest[..self.short.take().unwrap_or(rest.len())];
        let len = u32::try_from(rest.len()).expect("invariant: groups are smaller than the tail, that than 1 GiB");
        let entry =
            opcode::Write::new(types::Fd(fd), rest.as_ptr(), len).offset(current.write.offset + done as u64).build();
        // SAFETY: the bytes and the descriptor belong to `self.current`, which is kept until the completion has been
        // seen (`completed`, and `drop` waits); nobody writes them meanwhile (`Mirror::span`).
        unsafe { self.ring.submission().push(&entry) }.map_err(io::Error::other)?;
        current.unsubmitted = true;
        self.kick()
    }

    /// Hands the queue to the kernel; if it is busy, the next poll does so again.
    fn kick(&mut self) -> io::Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        match self.ring.submit() {
            Ok(_) => current.unsubmitted = false,
            Err(error) if is_passing(&error) || error.kind() == io::ErrorKind::ResourceBusy => self.continued += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Takes in a completion: `Some` if the write is over.
    fn completed(&mut self, result: i32) -> Option<io::Result<()>> {
        let current = self.current.as_mut()?;
        let written = if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result as usize) };
        let outcome = match current.progress.add(written) {
            Ok(()) if !current.progress.is_complete() => return self.go_on(),
            outcome => outcome,
        };
        self.continued += current.progress.continued();
        self.current = None;
        Some(outcome)
    }

    #[cold]
    fn go_on(&mut self) -> Option<io::Result<()>> {
        let error = self.push().err()?;
        Some(Err(self.abandon(error)))
    }

    /// Gives the write up. The kernel may still come to read the bytes: they are never given back.
    #[cold]
    fn abandon(&mut self, error: io::Error) -> io::Error {
        std::mem::forget(self.current.take());
        error
    }

    fn next_result(&mut self) -> Option<i32> {
        self.ring.completion().next().map(|entry| entry.result())
    }
}

impl WritePath for Uring {
    fn submit(&mut self, write: GroupWrite) {
        debug_assert!(self.current.is_none());
        let progress = WriteProgress::of(write.span.bytes().len());
        self.current = Some(Current { write, progress, unsubmitted: false });
        self.refused = self.push().err();
    }

    fn poll(&mut self) -> Option<io::Result<()>> {
        let current = self.current.as_ref()?;
        if current.unsubmitted && self.refused.is_none() {
            self.refused = self.kick().err();
        }
        if let Some(error) = self.refused.take() {
            return Some(Err(self.abandon(error)));
        }
        let Some(result) = self.next_result() else {
            self.polls = self.polls.wrapping_add(1);
            if self.polls.is_multiple_of(POLLS_TO_YIELD) {
                std::thread::yield_now();
            }
            return None;
        };
        self.completed(result)
    }

    fn wait(&mut self) -> Option<io::Result<()>> {
        loop {
            self.current.as_ref()?;
            if let Some(result) = self.next_result() {
                if let Some(outcome) = self.completed(result) {
                    return Some(outcome);
                }
                continue;
            }
            match self.ring.submit_and_wait(1) {
                Ok(_) => self.current.as_mut()?.unsubmitted = false,
                Err(error) if is_passing(&error) || error.kind() == io::ErrorKind::ResourceBusy => {}
                Err(error) => return Some(Err(self.abandon(error))),
            }
        }
    }

    fn continued(&self) -> u64 {
        self.continued
    }

    fn name(&self) -> &'static str {
        "io_uring"
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        let _ = self.wait();
    }
}

#[cfg(test)]
mod tests;
