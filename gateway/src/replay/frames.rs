//! `Frames`: the record's frames for one who folds it, read, checked and decoded; a long run of them ahead of the fold,
//! on a thread of its own, so that a replay is as fast as its engine.

use ordo_core::record::{StepHeader, StepKind};
use ordo_core::wire::{DecodeError, FeedRequest, Span};
use ordo_journal::{Frame, Kind, Reader};

use super::ReplayError;
use super::ahead::Ahead;

/// Who folds no more than so many frames does not pay for a thread.
const READ_HERE: usize = 2_048;
/// A frame of a large update does not keep its memory for the next ones.
const BODY_KEPT_BYTES: usize = 16 << 10;

/// A frame, with what it takes to apply it.
#[derive(Debug)]
pub(super) struct ReadFrame {
    pub(super) kind: Kind,
    pub(super) header: StepHeader,
    pub(super) body: Vec<u8>,
    /// The body, decoded, where that is an update.
    pub(super) request: FeedRequest,
    pub(super) decoded: Result<(), DecodeError>,
}

impl ReadFrame {
    pub(super) fn new() -> Box<ReadFrame> {
        Box::new(ReadFrame {
            kind: Kind::Pad,
            header: StepHeader::default(),
            body: Vec::with_capacity(512),
            request: FeedRequest::default(),
            decoded: Ok(()),
        })
    }

    pub(super) fn take(&mut self, frame: &Frame<'_>) {
        self.kind = frame.kind;
        self.header = StepHeader {
            kind: frame.kind as u8,
            rules: frame.rules,
            flags: frame.flags,
            sequence: frame.sequence,
            time_ns: frame.time_ns,
            feed: frame.feed,
            position: frame.position,
        };
        if self.body.capacity() > BODY_KEPT_BYTES {
            self.body = Vec::new();
        }
        self.body.clear();
        self.body.extend_from_slice(frame.body);
        if self.header.step_kind() == Some(StepKind::Update) {
            self.decode();
        }
    }

    /// Takes the body for an update's.
    pub(super) fn decode(&mut self) {
        self.decoded = self.request.decode_into(&self.body, Span::whole(&self.body));
    }
}

/// See the module.
pub(super) struct Frames {
    source: Option<Source>,
    /// What comes is behind this sequence: the state to fold from is that after it.
    after: u64,
}

enum Source {
    Here { reader: Reader, read: usize },
    Ahead(Ahead),
}

impl Frames {
    pub(super) fn new(reader: Reader, after: u64) -> Frames {
        Frames { source: Some(Source::Here { reader, read: 0 }), after }
    }

    /// The next frame, in exchange for one that is done with; false where the record ends for now. Nobody will ask for
    /// one beyond the sequence `until`, unless a later call says so.
    pub(super) fn next(&mut self, until: u64, current: &mut Box<ReadFrame>) -> Result<bool, ReplayError> {
        loop {
            match self.source.as_mut().expect("invariant: missing after an error only, and then nobody goes on") {
                Source::Here { reader, read } if *read < READ_HERE => {
                    *read += 1;
                    let Some(frame) = reader.next()? else {
                        // The state is of frames that are gone.
                        let (ends, after) = (reader.sequence(), self.after);
                        return if ends < after { Err(ReplayError::Behind { ends, after }) } else { Ok(false) };
                    };
                    current.take(&frame);
                    return Ok(true);
                }
                Source::Ahead(ahead) => {
                    if ahead.next(current) {
                        return Ok(true);
                    }
                    self.turn(until)?;
                }
                Source::Here { .. } => self.turn(until)?,
            }
        }
    }

    /// A long run goes on ahead, and at its end here.
    fn turn(&mut self, until: u64) -> Result<(), ReplayError> {
        self.source = match self.source.take() {
            Some(Source::Here { reader, .. }) => Some(Source::Ahead(Ahead::start(reader, until)?)),
            Some(Source::Ahead(ahead)) => Some(Source::Here { reader: ahead.into_reader()?, read: 0 }),
            None => None,
        };
        Ok(())
    }
}
