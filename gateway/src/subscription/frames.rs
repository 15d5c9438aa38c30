//! Server frames of the WebSocket protocol: unmasked, one message in one frame.

use ordo_core::json;

const BINARY: u8 = 0x82;
const TEXT: u8 = 0x81;
const PING: u8 = 0x89;
const CLOSE: u8 = 0x88;

/// The form in which a connection is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Form {
    #[default]
    Binary,
    Json {
        compact: bool,
    },
}

/// Appends a frame header for a payload of `len` bytes.
#[inline]
fn put_head(out: &mut Vec<u8>, opcode: u8, len: usize) {
    out.push(opcode);
    match len {
        0..=125 => out.push(len as u8),
        126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// Appends an EventMessage as one frame; `parts` are its binary form.
#[inline]
pub(crate) fn put_message(out: &mut Vec<u8>, form: Form, parts: &[&[u8]]) {
    match form {
        Form::Binary => {
            put_head(out, BINARY, parts.iter().map(|part| part.len()).sum());
            parts.iter().for_each(|part| out.extend_from_slice(part));
        }
        Form::Json { compact } => put_json(out, compact, &parts.concat()),
    }
}

/// JSON may allocate: it is not for subscribers in a hurry.
#[cold]
fn put_json(out: &mut Vec<u8>, compact: bool, message: &[u8]) {
    let mut text = Vec::with_capacity(message.len() * 3);
    let style = json::Style { is_compact: compact };
    if let Err(error) = json::from_binary(json::message::EVENT_MESSAGE, message, style, &mut text) {
        // Every message was decoded when it was received, so this is a defect of the hub.
        tracing::error!(?error, "an event has no JSON form");
        return;
    }
    put_head(out, TEXT, text.len());
    out.extend_from_slice(&text);
}

pub(crate) fn put_ping(out: &mut Vec<u8>) {
    put_head(out, PING, 0);
}

pub(crate) fn put_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    put_head(out, CLOSE, 2 + reason.len());
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}
