use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::disk::{Access, Disk as _, DiskFile, RealDisk};
use crate::tail::Tail;

const BLOCKS: u64 = 6;

/// A durable file, a group of `BLOCKS` blocks that are to be written to it, and their bytes.
fn group(dir: &Path) -> (Arc<dyn DiskFile>, GroupWrite, Vec<u8>) {
    let folder = RealDisk::new().open_folder(dir).unwrap();
    folder.create("file").unwrap();
    let file = folder.open("file", Access::Durable).unwrap();
    let mut tail = Tail::create(&[dir.join("tail")], [1; 16], 64 << 10).unwrap();
    let bytes: Vec<u8> = (0..BLOCKS * 4_096).map(|n| (n / 16) as u8).collect();
    tail.slice_mut(0, bytes.len() as u64).copy_from_slice(&bytes);
    let span = tail.span(0, bytes.len() as u64);
    (Arc::clone(&file), GroupWrite { file, offset: 4_096, span }, bytes)
}

#[test]
fn a_short_write_of_the_kernel_goes_on_and_is_counted() {
    let Ok(mut uring) = Uring::start() else { return eprintln!("io_uring is not available: not tested") };
    for is_polled in [false, true] {
        for blocks in 1..BLOCKS {
            let dir = tempfile::tempdir().unwrap();
            let (file, write, bytes) = group(dir.path());
            let before = uring.continued();
            uring.short = Some(blocks as usize * 4_096);
            uring.submit(write);
            let outcome =
                if is_polled { std::iter::repeat_with(|| uring.poll()).find_map(|o| o) } else { uring.wait() };
            outcome.expect("there was a write").unwrap();
            assert_eq!(uring.continued() - before, 1);
            let mut read = vec![0; bytes.len()];
            let reader = RealDisk::new().open_folder(dir.path()).unwrap().open("file", Access::Read).unwrap();
            assert_eq!(reader.read_at(&mut read, 4_096).unwrap(), bytes.len());
            assert!(read == bytes, "{blocks} blocks came first");
            assert_eq!(file.len().unwrap(), (BLOCKS + 1) * 4_096);
        }
    }
}
