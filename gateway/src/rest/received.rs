//! The bytes of a body, as they came.
//!
//! Each piece is copied to its place and let go of: pieces that are kept lie between other allocations, and their memory
//! does not come back to the system when they go. A large body is in a mapping of its own, which does.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use http_body_util::BodyExt as _;
use hyper::header::CONTENT_LENGTH;
use memmap2::MmapMut;

use super::Shared;
use super::error::Refusal;
use super::memory::Share;

/// A client that has not sent its body after this long is refused.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// A body of more bytes than that gets a mapping.
const SMALL_BYTES: usize = 64 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Received {
    place: Place,
    len: usize,
    share: Share,
}

#[derive(Debug)]
enum Place {
    Small(Vec<u8>),
    /// As large as the body may become: pages that are never written take nothing.
    Large(MmapMut),
}

impl Received {
    /// Reads a request's body, no more of it than is taken.
    ///
    /// # Errors
    /// 413, 503 where no memory is left for it, 400 if it does not come whole or in time.
    pub(super) async fn read(request: Request, shared: &Shared) -> Result<Received, Refusal> {
        let length = request.headers().get(CONTENT_LENGTH);
        let announced = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        // Refused before it is read, where its length is known.
        if announced.is_some_and(|length| length > shared.body_bytes_max) {
            return Err(Refusal::TooLarge);
        }
        let share = shared.memory.share(announced.unwrap_or(0))?;
        let mut received = Received { place: Place::Small(Vec::new()), len: 0, share };
        let bytes_max = announced.unwrap_or(shared.body_bytes_max);
        match tokio::time::timeout(BODY_TIMEOUT, received.take_all(request.into_body(), bytes_max)).await {
            Ok(taken) => taken.map(|()| received),
            Err(_) => Err(Refusal::bad("the body has not come in time")),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.place {
            Place::Small(bytes) => bytes,
            Place::Large(mapping) => &mapping[..self.len],
        }
    }

    /// Lets go of the bytes.
    pub(super) fn into_share(self) -> Share {
        self.share
    }

    async fn take_all(&mut self, mut body: Body, bytes_max: usize) -> Result<(), Refusal> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::bad("the body ends early"))?;
            if let Ok(piece) = frame.into_data() {
                self.take(&piece, bytes_max)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, piece: &Bytes, bytes_max: usize) -> Result<(), Refusal> {
        if self.len + piece.len() > bytes_max {
            return Err(Refusal::TooLarge);
        }
        self.share.grow_by_body(piece.len())?;
        if let Place::Small(bytes) = &mut self.place {
            if self.len + piece.len() <= SMALL_BYTES {
                bytes.extend_from_slice(piece);
                self.len += piece.len();
                return Ok(());
            }
            let mut mapping = MmapMut::map_anon(bytes_max).map_err(|_| Refusal::OutOfMemory)?;
            mapping[..self.len].copy_from_slice(bytes);
            self.place = Place::Large(mapping);
        }
        if let Place::Large(mapping) = &mut self.place {
            mapping[self.len..][..piece.len()].copy_from_slice(piece);
            self.len += piece.len();
        }
        Ok(())
    }
}
