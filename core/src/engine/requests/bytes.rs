//! Requests as bytes: states written and rewritten, answers, and updates that the hub completes.
//!
//! Hot path: engine thread. Back to front into the engine's writer, then into the outcome: no allocation once warm.

use super::problems::Problems;
use crate::outcome::Outcome;
use crate::proto::TimestampWithTimeZone;
use crate::refusal::Code;
use crate::wire::{Repeated, ReverseWriter, Span, TopFields, field, replace_fields};

/// Where the error codes of a new state come from.
#[derive(Clone, Copy)]
pub(super) enum Errors<'a> {
    None,
    Found(&'a Problems),
    One(Code),
    /// A repeated field of that number, of what an adapter sent.
    Received(&'a [u8], Repeated, u32),
}

impl Errors<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Errors::None => true,
            Errors::Found(problems) => problems.is_empty(),
            Errors::One(_) => false,
            Errors::Received(_, errors, _) => errors.count == 0,
        }
    }

    fn write(&self, number: u32, w: &mut ReverseWriter) {
        match self {
            Errors::None => {}
            Errors::Found(problems) => problems.iter().rev().for_each(|it| w.text(number, it.shown().as_bytes())),
            Errors::One(code) => w.text(number, code.code().as_bytes()),
            Errors::Received(bytes, errors, sent_as) if *sent_as == number => w.copy_repeated(bytes, *errors, number),
            Errors::Received(bytes, errors, sent_as) => {
                let fields = TopFields::of(&bytes[errors.start as usize..errors.end as usize]);
                let codes: Vec<&[u8]> =
                    fields.filter(|field| field.number == *sent_as).map(|field| field.content).collect();
                codes.into_iter().rev().for_each(|code| w.text(number, code));
            }
        }
    }
}

/// What a state says beside its request. Of a change: what is none stays as it was.
#[derive(Clone, Copy, Default)]
pub(super) struct Facts<'a> {
    pub(super) external_id: Option<&'a [u8]>,
    pub(super) order_id: Option<&'a [u8]>,
    pub(super) status: Option<&'a [u8]>,
    pub(super) errors: Option<Errors<'a>>,
    pub(super) text: Option<&'a [u8]>,
    pub(super) route: Option<&'a [u8]>,
    pub(super) is_completed: bool,
}

/// The fields that a change replaces.
struct Replaced {
    numbers: [u32; 8],
    len: usize,
}

impl Replaced {
    fn add(&mut self, number: u32) {
        self.numbers[self.len] = number;
        self.len += 1;
    }
}

impl Facts<'_> {
    /// Writes the fields of a ClientRequestState behind its request, and notes their numbers.
    fn write(&self, now: TimestampWithTimeZone, w: &mut ReverseWriter) -> Replaced {
        use field::client_request_state as f;
        let mut replaced = Replaced { numbers: [0; 8], len: 0 };
        let mut text = |w: &mut ReverseWriter, number, text: Option<&[u8]>| {
            if let Some(text) = text {
                w.text(number, text);
                replaced.add(number);
            }
        };
        w.boolean(f::IS_COMPLETED, self.is_completed);
        text(w, f::ROUTE, self.route);
        text(w, f::TEXT, self.text);
        if let Some(errors) = self.errors.filter(|errors| !errors.is_empty()) {
            errors.write(f::ERRORS, w);
            text(w, f::ERRORS, Some(b""));
        }
        text(w, f::STATUS, self.status);
        w.time(f::TIMESTAMP, now);
        text(w, f::ORDER_ID, self.order_id);
        text(w, f::EXTERNAL_ID, self.external_id);
        replaced.add(f::IS_COMPLETED);
        replaced.add(f::TIMESTAMP);
        replaced
    }
}

/// Keeps in the outcome the state of a new request.
pub(super) fn keep_state(
    request: &[u8],
    facts: &Facts<'_>,
    now: TimestampWithTimeZone,
    w: &mut ReverseWriter,
    out: &mut Outcome,
) -> Span {
    w.clear();
    facts.write(now, w);
    w.delimited(field::client_request_state::REQUEST, request);
    out.keep(w.bytes())
}

/// Keeps in the outcome a state with other facts. What is not replaced stays byte for byte.
pub(super) fn keep_changed(
    state: &[u8],
    facts: &Facts<'_>,
    now: TimestampWithTimeZone,
    w: &mut ReverseWriter,
    out: &mut Outcome,
) -> Span {
    w.clear();
    let replaced = facts.write(now, w);
    let start = out.keep(b"").start;
    replace_fields(state, &replaced.numbers[..replaced.len], w, &mut out.bytes);
    Span { start, len: out.bytes.len() as u32 - start }
}

/// The ClientRequest inside a state.
pub(in crate::engine) fn request_of(state: &[u8]) -> &[u8] {
    text_of(state, field::client_request_state::REQUEST)
}

/// The same, as a span of the bytes that hold the state.
pub(super) fn request_span(bytes: &[u8], state: Span) -> Span {
    let request = request_of(state.of(bytes));
    let start = request.as_ptr() as usize - bytes.as_ptr() as usize;
    Span { start: start as u32, len: request.len() as u32 }
}

/// The content of a text or message field; empty if it is absent.
pub(super) fn text_of(message: &[u8], number: u32) -> &[u8] {
    TopFields::of(message).find(|field| field.number == number).map_or(&[], |field| field.content)
}

/// The ClientAuthority of a role in a ClientRequest, encoded.
pub(super) fn authority<'a>(request: &'a [u8], role: &[u8]) -> Option<&'a [u8]> {
    let entries = TopFields::of(request).filter(|field| field.number == field::client_request::AUTHORITIES);
    let mut of_role = entries.filter(|entry| text_of(entry.content, 1) == role);
    of_role.next().map(|entry| text_of(entry.content, 2))
}

/// Who asked for what, as an answer repeats it.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) r#type: i32,
    pub(super) request_id: &'a [u8],
    /// The encoded Account.
    pub(super) account: &'a [u8],
}

/// Keeps in the outcome a ClientRequestResponse.
pub(super) fn keep_response(
    asked: Asked<'_>,
    order_id: &[u8],
    status: &[u8],
    errors: Errors<'_>,
    w: &mut ReverseWriter,
    out: &mut Outcome,
) -> Span {
    w.clear();
    write_response(asked, order_id, status, errors, w);
    out.keep(w.bytes())
}

/// Writes a ClientRequestResponse in front of what the writer holds.
pub(super) fn write_response(
    asked: Asked<'_>,
    order_id: &[u8],
    status: &[u8],
    errors: Errors<'_>,
    w: &mut ReverseWriter,
) {
    use field::client_request_response as f;
    errors.write(f::ERRORS, w);
    w.text(f::STATUS, status);
    w.text(f::ORDER_ID, order_id);
    w.delimited(f::ACCOUNT, asked.account);
    w.text(f::REQUEST_ID, asked.request_id);
    w.int(f::TYPE, i64::from(asked.r#type));
}

/// Keeps in the outcome the ClientRequestUpdate of a change that the hub makes, or that follows from an order action.
pub(super) fn keep_update(
    request_id: &[u8],
    account: &[u8],
    facts: &Facts<'_>,
    w: &mut ReverseWriter,
    out: &mut Outcome,
) -> Span {
    use field::client_request_update as f;
    w.clear();
    w.boolean(f::IS_COMPLETED, facts.is_completed);
    w.text(f::ROUTE, facts.route.unwrap_or_default());
    if let Some(errors) = facts.errors {
        errors.write(f::ERRORS, w);
    }
    w.text(f::STATUS, facts.status.unwrap_or_default());
    w.text(f::ORDER_ID, facts.order_id.unwrap_or_default());
    w.delimited(f::ACCOUNT, account);
    w.text(f::REQUEST_ID, request_id);
    out.keep(w.bytes())
}
