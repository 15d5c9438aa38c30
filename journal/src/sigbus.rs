//! Ends a process whose mapped file is cut short under it: one line and exit 75, never a step further.
//!
//! A load or a store beyond the end of a mapped file is a SIGBUS, and so is a page that its disk cannot give. The tail
//! is mapped, and so are the sealed segments that a reader goes through. Every such map is entered in a table here; the
//! handler ends the process when the fault lies in one of them, and leaves any other to the handler before it.
//!
//! Invariants: the handler allocates nothing, locks nothing, and calls nothing but `write`, `_exit`, `sigaction` and
//! `raise`, all safe in a handler. One of the crate's three files with unsafe code.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Exit code of a process that lost a mapped file.
const EXIT_CODE: c_int = 75;
/// Maps that the table has room for; with more than these, any fault is taken for one of ours.
const SLOTS: usize = 256;
/// In `start`: free, and being filled in. No map starts at these addresses.
const FREE: usize = 0;
const CLAIMED: usize = 1;

static MAPS: [Slot; SLOTS] = [const { Slot::new() }; SLOTS];
/// Whether a map ever found no slot.
static HAS_UNLISTED: AtomicBool = AtomicBool::new(false);
/// The handler of the signal before ours.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// What a map is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mapped {
    Tail,
    Segment,
}

struct Slot {
    start: AtomicUsize,
    end: AtomicUsize,
    is_tail: AtomicBool,
}

impl Slot {
    const fn new() -> Self {
        Self { start: AtomicUsize::new(FREE), end: AtomicUsize::new(0), is_tail: AtomicBool::new(false) }
    }
}

/// A map's entry in the table, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Watch(Option<usize>);

impl Watch {
    pub(crate) fn of(start: *const u8, bytes: usize, what: Mapped) -> Self {
        let free =
            |slot: &Slot| slot.start.compare_exchange(FREE, CLAIMED, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        let claimed = MAPS.iter().position(free);
        match claimed {
            Some(n) => {
                MAPS[n].end.store(start as usize + bytes, Ordering::Relaxed);
                MAPS[n].is_tail.store(what == Mapped::Tail, Ordering::Relaxed);
                MAPS[n].start.store(start as usize, Ordering::Release);
            }
            None => HAS_UNLISTED.store(true, Ordering::Release),
        }
        Self(claimed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(n) = self.0 {
            MAPS[n].start.store(FREE, Ordering::Release);
        }
    }
}

/// From now on, a file of a journal that is cut short while it is mapped ends this process: a line on stderr, exit 75.
///
/// For programs that write or read a journal; once, at the start. Other bus errors go to the handler before this one.
pub fn exit_on_bus_error() -> io::Result<()> {
    if BEFORE.get().is_some() {
        return Ok(());
    }
    // SAFETY: an all-zero `sigaction` is a valid one; both calls get pointers to values that live through them, and the
    // handler they install is safe in a signal (see the module).
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGBUS, std::ptr::null(), &mut before) != 0 {
            return Err(io::Error::last_os_error());
        }
        // Kept before the handler can run.
        let _ = BEFORE.set(before);
        let mut ours: libc::sigaction = std::mem::zeroed();
        ours.sa_sigaction = on_bus_error as *const () as usize;
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigemptyset(&mut ours.sa_mask);
        if libc::sigaction(libc::SIGBUS, &ours, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The map that an address lies in.
fn map_of(address: usize) -> Option<&'static str> {
    for slot in &MAPS {
        let start = slot.start.load(Ordering::Acquire);
        if start > CLAIMED && (start..slot.end.load(Ordering::Relaxed)).contains(&address) {
            return Some(if slot.is_tail.load(Ordering::Relaxed) { "the journal's tail" } else { "a segment" });
        }
    }
    HAS_UNLISTED.load(Ordering::Acquire).then_some("a mapped file")
}

extern "C" fn on_bus_error(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives a handler installed with SA_SIGINFO a whole `siginfo_t`; of a fault (a code above 0) it
    // holds an address.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    let Some(what) = (code > 0).then(|| map_of(address)).flatten() else {
        return pass_on(signal, info, context);
    };
    let mut line = Line::new();
    line.push("SIGBUS in ");
    line.push(what);
    line.push(", at address ");
    line.push_hex(address);
    line.push(": its file was cut short, or its disk cannot be read; stopping\n");
    // SAFETY: the bytes are `line`'s; both calls are safe in a signal handler.
    unsafe {
        libc::write(libc::STDERR_FILENO, line.bytes.as_ptr().cast(), line.len);
        libc::_exit(EXIT_CODE);
    }
}

/// Hands a fault that is not ours to the handler before ours, or lets it end the process as it would have.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let handler = BEFORE.get().map_or(libc::SIG_DFL, |before| before.sa_sigaction);
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        // SAFETY: a zeroed `sigaction` is the default one; blocked while we are in here, the signal comes on return.
        unsafe {
            let default: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, &default, std::ptr::null_mut());
            libc::raise(signal);
        }
    } else if BEFORE.get().is_some_and(|before| before.sa_flags & libc::SA_SIGINFO != 0) {
        // SAFETY: installed with SA_SIGINFO, it is a function of these three arguments, which the kernel gave us.
        unsafe {
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = std::mem::transmute(handler);
            handler(signal, info, context);
        }
    } else {
        // SAFETY: installed without SA_SIGINFO, it is a function of the signal's number.
        unsafe {
            let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
            handler(signal);
        }
    }
}

/// A line put together on the stack.
struct Line {
    bytes: [u8; 192],
    len: usize,
}

impl Line {
    fn new() -> Self {
        Self { bytes: [0; 192], len: 0 }
    }

    fn push(&mut self, text: &str) {
        for byte in text.bytes().take(self.bytes.len() - self.len) {
            self.bytes[self.len] = byte;
            self.len += 1;
        }
    }

    fn push_hex(&mut self, number: usize) {
        self.push("0x");
        for shift in (0..usize::BITS / 4).rev() {
            let digit = (number >> (shift * 4)) & 0xF;
            self.push(&"0123456789abcdef"[digit..=digit]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_known_while_it_lives() {
        let start = 0x10_0000_usize;
        let watch = Watch::of(start as *const u8, 4096, Mapped::Tail);
        assert_eq!(map_of(start), Some("the journal's tail"));
        assert_eq!(map_of(start + 4095), Some("the journal's tail"));
        assert_eq!((map_of(start - 1), map_of(start + 4096)), (None, None));
        drop(watch);
        assert_eq!(map_of(start), None);
    }

    #[test]
    fn the_line_holds_what_fits_and_no_more() {
        let mut line = Line::new();
        line.push_hex(0x1a2b);
        assert_eq!(&line.bytes[..line.len], b"0x0000000000001a2b");
        line.push(&"x".repeat(500));
        assert_eq!(line.len, line.bytes.len());
    }
}
