//! Appending and syncing allocate nothing once warm, on a real disk, with every write path.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ordo_journal::{AppendError, Entry, Journal, Kind, Options, SyncMode, WritePathKind};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands everything on to the system's allocator; counting touches a const-initialised thread local only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn run(journal: &mut Journal, frames: u64, now_ns: &mut u64) {
    let body = [7; 350];
    let mut sent = 0;
    while sent < frames {
        let entry = Entry {
            kind: Kind::Update,
            rules: 1,
            flags: 0,
            feed: 1,
            identity: 2,
            position: sent as i64,
            time_ns: *now_ns,
            body: &body[..300 + (sent % 50) as usize],
        };
        let is_full = match journal.append(&entry) {
            Ok(_) => {
                sent += 1;
                false
            }
            Err(AppendError::Full) => true,
            Err(error) => panic!("{error}"),
        };
        *now_ns += 1_000;
        if is_full || sent.is_multiple_of(16) {
            journal.poll_sync(*now_ns).expect("not poisoned");
        }
    }
}

#[test]
fn append_and_poll_allocate_nothing_once_warm() {
    for mode in [SyncMode::Sync, SyncMode::Async] {
        for write_path in [WritePathKind::Auto, WritePathKind::Thread] {
            let dir = tempfile::tempdir().expect("a folder");
            let options = Options {
                mode,
                write_path,
                segment_bytes: 1 << 20,
                tail_bytes: 1 << 20,
                body_bytes_max: 64 << 10,
                tail_dir: Some(dir.path().to_owned()),
                ..Options::new(dir.path().join("journal"))
            };
            let mut journal = Journal::open(options).expect("opens").journal;
            let mut now_ns = 0;
            run(&mut journal, 3_000, &mut now_ns);
            let before = COUNT.get();
            run(&mut journal, 20_000, &mut now_ns);
            assert_eq!(COUNT.get() - before, 0, "{mode:?} {write_path:?}");
            assert!(journal.stats().segments > 5, "several changes of segment were among them");
            journal.close().expect("closes");
        }
    }
}
