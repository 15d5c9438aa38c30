//! Limits of ids: one that is longer could be stored, and never addressed over REST.

use super::Input;
use crate::outcome::Outcome;
use crate::record::Rules;
use crate::refusal::Code;
use crate::wire::Span;

/// Bytes of an id of an owner, account, exchange, instrument, currency, order, request or trade. Rules of version 1
/// knew no limit.
pub(super) const ID_BYTES_MAX: usize = 256;

/// Notes every id that is too long, by its code.
#[inline]
pub(super) fn refuse_long(input: &Input<'_>, ids: &[(Span, Code)], out: &mut Outcome) {
    if ids.iter().any(|(id, _)| id.len as usize > ID_BYTES_MAX) {
        refuse_each_long(input.stamp.rules, ids.iter().map(|(id, code)| (id.len as usize, *code)), out);
    }
}

/// The same of texts.
pub(super) fn refuse_long_texts(rules: Rules, ids: &[(&str, Code)], out: &mut Outcome) {
    refuse_each_long(rules, ids.iter().map(|(id, code)| (id.len(), *code)), out);
}

#[cold]
fn refuse_each_long(rules: Rules, ids: impl Iterator<Item = (usize, Code)>, out: &mut Outcome) {
    if rules >= Rules::V2 {
        ids.filter(|(length, _)| *length > ID_BYTES_MAX).for_each(|(_, code)| out.refuse(code));
    }
}
