//! `Ahead`: a thread that reads frames before they are asked for, a few blocks of them, which go round.

use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use ordo_journal::{ReadError, Reader};

use super::ReplayError;
use super::frames::ReadFrame;

/// Being filled, ready, and being applied.
const BLOCKS: usize = 3;
const BLOCK_FRAMES: usize = 128;
/// A block of large updates holds fewer.
const BLOCK_BYTES: usize = 256 << 10;

#[derive(Default)]
struct Block {
    #[expect(clippy::vec_box, reason = "each is swapped for one that is done with")]
    frames: Vec<Box<ReadFrame>>,
    /// How many of them are of use.
    len: usize,
}

impl Block {
    /// Whether there is more to read for now.
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
    /// Of the next frame in it.
    at: usize,
    /// None once the thread is to end.
    lanes: Option<Lanes>,
    thread: Option<JoinHandle<Result<Reader, ReadError>>>,
}

struct Lanes {
    filled: Receiver<Block>,
    spent: Sender<Block>,
}

impl Ahead {
    /// Reads up to a sequence, or to where the record ends for now.
    pub(super) fn start(reader: Reader, until: u64) -> Result<Ahead, ReplayError> {
        let (to_fold, filled) = bounded(BLOCKS);
        let (spent, to_fill) = bounded(BLOCKS);
        // The one at hand here goes round too.
        for _ in 1..BLOCKS {
            spent.send(Block::default()).expect("invariant: its receiver is here");
        }
        let thread = thread::Builder::new().name("read-ahead".into());
        let thread = thread.spawn(move || run(reader, until, &to_fill, &to_fold))?;
        Ok(Ahead { block: Block::default(), at: 0, lanes: Some(Lanes { filled, spent }), thread: Some(thread) })
    }

    /// The next frame, in exchange for one that is done with; false after the last one.
    pub(super) fn next(&mut self, current: &mut Box<ReadFrame>) -> bool {
        while self.at == self.block.len {
            let Some(lanes) = &self.lanes else { return false };
            // The thread may be over.
            let _ = lanes.spent.send(std::mem::take(&mut self.block));
            self.at = 0;
            let Ok(block) = lanes.filled.recv() else { return false };
            self.block = block;
        }
        std::mem::swap(current, &mut self.block.frames[self.at]);
        self.at += 1;
        true
    }

    /// Behind the last frame.
    ///
    /// # Errors
    /// Why there are no more frames, if that is not because the record ends.
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
    /// Who does not want the rest waits for a block at most.
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
        // What was read before an error is good.
        if to_fold.send(block).is_err() || !filled? {
            break;
        }
    }
    Ok(reader)
}
