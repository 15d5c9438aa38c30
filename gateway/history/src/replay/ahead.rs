//! `Ahead`: a thread that reads and decodes frames in advance, into a few blocks that are recycled.

use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use ordo_journal::{ReadError, Reader};

use super::ReplayError;
use super::frames::ReadFrame;

/// One is being filled, one is ready, one is being applied.
const BLOCKS: usize = 3;
const BLOCK_FRAMES: usize = 128;
/// Bytes after which a block is full although it has room for more frames.
const BLOCK_BYTES: usize = 256 << 10;

#[derive(Default)]
struct Block {
    #[expect(clippy::vec_box, reason = "each is swapped for one that is done with")]
    frames: Vec<Box<ReadFrame>>,
    /// The number of valid frames.
    len: usize,
}

impl Block {
    /// Fills the block from the record; false at its end, or at `until`.
    fn fill(&mut self, reader: &mut Reader, until: u64) -> Result<bool, ReadError> {
        self.len = 0;
        let mut bytes = 0;
        while self.len < BLOCK_FRAMES && bytes < BLOCK_BYTES {
            if reader.sequence() >= until {
                return Ok(false);
            }
            let Some(frame) = reader.next()? else { return Ok(false) };
            if self.len == self.frames.len() {
                self.frames.push(ReadFrame::new());
            }
            self.frames[self.len].take(&frame);
            self.len += 1;
            bytes += frame.body.len();
        }
        Ok(true)
    }
}

/// See the module.
pub(super) struct Ahead {
    block: Block,
    /// Index of the next frame in `block`.
    at: usize,
    /// None once the thread has been asked to end.
    lanes: Option<Lanes>,
    thread: Option<JoinHandle<Result<Reader, ReadError>>>,
}

struct Lanes {
    filled: Receiver<Block>,
    spent: Sender<Block>,
}

impl Ahead {
    /// Starts to read, up to a sequence or to the present end of the record.
    pub(super) fn start(reader: Reader, until: u64) -> Result<Ahead, ReplayError> {
        let (to_fold, filled) = bounded(BLOCKS);
        let (spent, to_fill) = bounded(BLOCKS);
        // The block held here is in circulation too.
        for _ in 1..BLOCKS {
            spent.send(Block::default()).expect("invariant: its receiver is here");
        }
        let thread = thread::Builder::new().name("read-ahead".into());
        let thread = thread.spawn(move || run(reader, until, &to_fill, &to_fold))?;
        Ok(Ahead { block: Block::default(), at: 0, lanes: Some(Lanes { filled, spent }), thread: Some(thread) })
    }

    /// Swaps the next frame for a spent one; false after the last frame.
    pub(super) fn next(&mut self, current: &mut Box<ReadFrame>) -> bool {
        while self.at == self.block.len {
            let Some(lanes) = &self.lanes else { return false };
            // The send fails if the thread has ended, which is no error here.
            let _ = lanes.spent.send(std::mem::take(&mut self.block));
            self.at = 0;
            let Ok(block) = lanes.filled.recv() else { return false };
            self.block = block;
        }
        std::mem::swap(current, &mut self.block.frames[self.at]);
        self.at += 1;
        true
    }

    /// Takes the reader back, behind the last frame.
    ///
    /// # Errors
    /// The read error that ended the thread early.
    pub(super) fn into_reader(mut self) -> Result<Reader, ReadError> {
        self.end().expect("invariant: the thread is joined once")
    }

    fn end(&mut self) -> Option<Result<Reader, ReadError>> {
        self.lanes = None;
        let ended = self.thread.take()?.join();
        Some(ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

impl Drop for Ahead {
    /// Waits for the thread, which finishes the block that it is filling.
    fn drop(&mut self) {
        if !thread::panicking() {
            self.end();
        }
    }
}

fn run(
    mut reader: Reader,
    until: u64,
    to_fill: &Receiver<Block>,
    to_fold: &Sender<Block>,
) -> Result<Reader, ReadError> {
    while let Ok(mut block) = to_fill.recv() {
        let filled = block.fill(&mut reader, until);
        // Frames that were read before an error are valid.
        if to_fold.send(block).is_err() || !filled? {
            break;
        }
    }
    Ok(reader)
}
