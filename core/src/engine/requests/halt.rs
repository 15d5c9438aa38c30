//! Halts: metadata `Halted` = `true` of an account, an identity, an owner, a symbol, an exchange, or of everybody.
//!
//! They refuse what would put an order on a market or keep it there: New, Amend and Move. A Cancel passes.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::problems::Problems;
use crate::engine::state::State;
use crate::refusal::Code;

const HALTED: &str = "Halted";
/// Of an exchange's metadata: the symbol's code follows.
const HALTED_SYMBOL: &str = "Halted.";
/// The owner whose metadata holds for everybody.
const EVERYBODY: &str = "*";

/// Whom and what a request is about.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) owner: &'a str,
    pub(super) account: &'a str,
    /// Source and identity of the client.
    pub(super) identity: Option<(&'a str, &'a str)>,
    pub(super) exchange: &'a str,
    pub(super) code: &'a str,
}

impl State {
    /// Notes every halt that a scope is under.
    pub(super) fn check_halts(&self, scope: Scope<'_>, problems: &mut Problems) {
        let metadata = &self.metadata;
        let account = metadata.account(scope.owner, scope.account).map(|details| &details.attributes);
        let identity = scope.identity.and_then(|(source, identity)| metadata.identity(source, identity));
        let exchange = metadata.exchange(scope.exchange).map(|details| &details.metadata);
        let owner = |code: &str| metadata.owner(code).map(|details| &details.metadata);
        let mut note = |is_halted: bool, scope: &str| {
            if is_halted {
                problems.push(Code::Halted.about(scope));
            }
        };
        note(is_halted(account), "account");
        note(is_halted(identity.map(|permissions| &permissions.metadata)), "identity");
        note(is_halted(owner(scope.owner)), "owner");
        note(exchange.is_some_and(|metadata| is_symbol_halted(metadata, scope.code)), "symbol");
        note(is_halted(exchange), "exchange");
        note(is_halted(owner(EVERYBODY)), "everybody");
    }
}

fn is_halted(metadata: Option<&BTreeMap<String, String>>) -> bool {
    metadata.and_then(|metadata| metadata.get(HALTED)).is_some_and(|value| is_true(value))
}

fn is_symbol_halted(metadata: &BTreeMap<String, String>, code: &str) -> bool {
    let symbols = metadata
        .range::<str, _>((Bound::Included(HALTED_SYMBOL), Bound::Unbounded))
        .take_while(|(key, _)| key.starts_with(HALTED_SYMBOL));
    let mut of_code = symbols.filter(|(key, _)| key[HALTED_SYMBOL.len()..] == *code);
    of_code.any(|(_, value)| is_true(value))
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}
