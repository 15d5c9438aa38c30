//! `Frame`: one message from the hub, in binary form whatever it came in, decoded only where asked.

use bytes::Bytes;
use ordo_core::json;
use ordo_core::proto::EventMessage;
use ordo_core::wire::field;
use prost::Message;

use super::ClientError;
use super::fields::{Fields, find};

/// See the module.
#[derive(Debug, Clone)]
pub struct Frame {
    bytes: Bytes,
    text: Option<Box<str>>,
}

impl Frame {
    pub(super) fn binary(bytes: Bytes) -> Frame {
        Frame { bytes, text: None }
    }

    /// A JSON text, transcoded.
    pub(super) fn json(text: &str) -> Result<Frame, ClientError> {
        let mut bytes = Vec::with_capacity(text.len() / 2);
        json::to_binary(json::message::EVENT_MESSAGE, text.as_bytes(), json::Read::default(), &mut bytes)
            .map_err(|error| ClientError::Unreadable(format!("{error}: {text}")))?;
        Ok(Frame { bytes: bytes.into(), text: Some(text.into()) })
    }

    /// The message in binary form.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text as it came; none of a binary frame.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// # Errors
    /// `Unreadable`: it is no EventMessage.
    pub fn message(&self) -> Result<EventMessage, ClientError> {
        EventMessage::decode(&*self.bytes).map_err(|error| ClientError::Unreadable(error.to_string()))
    }

    pub(super) fn event(&self) -> Result<Event<'_>, ClientError> {
        Event::read(&self.bytes)
    }
}

/// The outer fields of an EventMessage, as bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Event<'a> {
    pub(super) kind: u64,
    pub(super) request: &'a [u8],
    pub(super) subscription: &'a [u8],
    pub(super) snapshot: &'a [u8],
    pub(super) position: Option<Place<'a>>,
    pub(super) feed: &'a [u8],
    bytes: &'a [u8],
}

/// An UpdatePosition.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place<'a> {
    pub(super) sequence: &'a str,
    pub(super) position: i64,
}

impl<'a> Event<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Event<'a>, ClientError> {
        use field::event_message as f;
        let mut event = Event { bytes, ..Event::default() };
        for entry in Fields::new(bytes) {
            let (number, value) = entry?;
            match number {
                f::TYPE => event.kind = value.number(),
                f::REQUEST => event.request = value.bytes(),
                f::SUBSCRIPTION => event.subscription = value.bytes(),
                f::SNAPSHOT => event.snapshot = value.bytes(),
                f::POSITION => event.position = Some(Place::read(value.bytes())?),
                f::FEED => event.feed = value.bytes(),
                _ => {}
            }
        }
        Ok(event)
    }

    /// Each UpdateEvent, in order.
    pub(super) fn updates(&self) -> impl Iterator<Item = Result<&'a [u8], ClientError>> + use<'a> {
        let mine =
            |entry: &Result<(u32, _), _>| !matches!(entry, Ok((number, _)) if *number != field::event_message::UPDATES);
        Fields::new(self.bytes)
            .filter(mine)
            .map(|entry| entry.map(|(_, value): (u32, super::fields::Value<'a>)| value.bytes()))
    }
}

impl<'a> Place<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Place<'a>, ClientError> {
        use field::update_position as f;
        let mut place = Place::default();
        for entry in Fields::new(bytes) {
            match entry? {
                (f::SEQUENCE, value) => place.sequence = text(value.bytes())?,
                (f::POSITION, value) => place.position = value.number() as i64,
                _ => {}
            }
        }
        Ok(place)
    }
}

/// The entries of SnapshotPosition.Positions.
pub(super) fn positions(snapshot: &[u8]) -> Result<Vec<(&str, i64)>, ClientError> {
    let mut positions = Vec::new();
    for entry in Fields::new(snapshot) {
        let (number, value) = entry?;
        if number == field::snapshot_position::POSITIONS {
            let count = Fields::new(value.bytes()).filter_map(Result::ok).filter(|(n, _)| *n == 2).last();
            let sequence = text(find(value.bytes(), 1)?)?;
            positions.push((sequence, count.map_or(0, |(_, value)| value.number() as i64)));
        }
    }
    Ok(positions)
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, ClientError> {
    std::str::from_utf8(bytes).map_err(|_| ClientError::Unreadable("a name that is not UTF-8".into()))
}
