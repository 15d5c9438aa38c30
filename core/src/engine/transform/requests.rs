//! Client requests under a rename, or of an owner that is undefined. Cold.
//!
//! An account or owner that is renamed takes its open requests along, whatever their status. A code or a currency that
//! is renamed takes along those that are queued only: what an adapter has, it has under the old name.

use prost::Message;

use super::super::Engine;
use super::super::requests::{Phase, RequestRow, change_request, request_of};
use super::super::state::State;
use super::rename::{Rename, Renamed};
use crate::names::{AccountNo, Names, request_key};
use crate::outcome::Outcome;
use crate::proto;
use crate::refusal::Code;

/// A request that follows a rename, and the order that appeared with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestMove {
    number: u32,
    order: Option<u32>,
}

impl Rename {
    /// The requests that have the old name.
    ///
    /// # Errors
    /// `RequestID.Duplicate` if the new account has an open request of the same id.
    pub(super) fn request_moves(&self, state: &State) -> Result<Vec<RequestMove>, Code> {
        let mut moves = Vec::new();
        for (number, row) in state.requests.rows.iter().filter_map(|(number, row)| Some((number, row?))) {
            let account = self.account(row.account);
            let request = stored_request(state, row);
            if account != row.account && account.index() < state.names.accounts.len() {
                let key = request_key(state.names.account(account).hash, request.request_id.as_bytes());
                if state.requests.get(key).is_some() {
                    return Err(Code::RequestDuplicate);
                }
            }
            let is_named = row.phase == Phase::Queued && {
                let mut renamed = request.clone();
                self.rename_in(&mut renamed, &state.names);
                renamed != request
            };
            if account != row.account || is_named {
                moves.push(RequestMove { number, order: state.order_numbers.get(row.order) });
            }
        }
        Ok(moves)
    }

    /// Gives a request the new code or currency, where it has the old one.
    fn rename_in(&self, request: &mut proto::ClientRequest, names: &Names) {
        match &self.of {
            Renamed::Symbol { exchange, new_code } => {
                let Some((from, _)) = self.renamed_instrument() else { return };
                let code = &*names.instrument(from).code;
                let of_symbol = symbols(request).filter(|(on, of)| **on == **exchange && **of == *code);
                of_symbol.for_each(|(_, code)| *code = String::from(&**new_code));
            }
            Renamed::Currency { new_code } => {
                let Some((from, _)) = self.renamed_currency() else { return };
                let code = names.currency(from);
                let transfer = request.cash_transfer.as_mut().filter(|transfer| transfer.currency == *code);
                transfer.into_iter().for_each(|transfer| transfer.currency = String::from(&**new_code));
            }
            Renamed::Account { .. } | Renamed::Owner { .. } => {}
        }
    }

    /// Gives a request the new names of the accounts that it names.
    fn rename_accounts_in(&self, request: &mut proto::ClientRequest, names: &Names) {
        let moved = request.r#move.as_mut().and_then(|it| it.prev_account.as_mut());
        for account in request.account.as_mut().into_iter().chain(moved) {
            let is_it = |from: AccountNo| {
                let name = names.account(from);
                (&*name.owner, &*name.account) == (&*account.owner_id, &*account.account_id)
            };
            if let Some((_, [owner, id])) = self.renamed_accounts().iter().find(|(from, _)| is_it(*from)) {
                *account = proto::Account { owner_id: String::from(&**owner), account_id: String::from(&**id) };
            }
        }
    }
}

/// Exchange and code of whatever a request is about.
fn symbols(request: &mut proto::ClientRequest) -> impl Iterator<Item = (&mut String, &mut String)> {
    let new = request.new.as_mut().map(|it| (&mut it.exchange, &mut it.code));
    let amend = request.amend.as_mut().map(|it| (&mut it.exchange, &mut it.code));
    let cancel = request.cancel.as_mut().map(|it| (&mut it.exchange, &mut it.code));
    let moved = request.r#move.as_mut().map(|it| (&mut it.exchange, &mut it.code));
    [new, amend, cancel, moved].into_iter().flatten()
}

fn stored_request(state: &State, row: &RequestRow) -> proto::ClientRequest {
    let request = request_of(state.bytes.get(row.state));
    proto::ClientRequest::decode(request).expect("invariant: a stored ClientRequest was decoded before")
}

impl Engine {
    /// Gives a request its new names, after its order has them. One that has another key then is shown under the old one
    /// first.
    pub(super) fn move_request(&mut self, moved: RequestMove, rename: &Rename, out: &mut Outcome) {
        let RequestMove { number, order } = moved;
        let old = *self.state.requests.rows.get(number);
        let is_queued = old.phase == Phase::Queued;
        let account = rename.account(old.account);
        let instrument = old.instrument.map(|no| if is_queued { rename.instrument(no) } else { no });
        let stored = out.keep(self.state.bytes.get(old.state));
        let mut key = old.key;
        if account != old.account {
            let id = stored_request(&self.state, &old).request_id;
            key = request_key(self.state.names.account(account).hash, id.as_bytes());
            out.requests.push(old.event(number, true, stored));
        }
        let names = &self.state.names;
        let state = change_request(stored, out, |request| {
            rename.rename_accounts_in(request, names);
            if is_queued {
                rename.rename_in(request, names);
            }
        });
        let handle = self.state.bytes.replace(old.state, out.bytes_of(state));
        let order = order.map_or(old.order, |order| self.state.orders.get(order).key);
        let row = RequestRow { key, account, instrument, order, state: handle, ..old };
        self.state.set_request(number, row);
        out.requests.push(row.event(number, false, state));
    }

    /// Ends the open requests of an owner that goes: shown for the last time as they are. Their ids stay known, so that one
    /// sent again is not carried out.
    pub(super) fn drop_requests_of(&mut self, is_owned: impl Fn(AccountNo) -> bool, out: &mut Outcome) -> bool {
        let rows = self.state.requests.rows.iter().filter(|(_, row)| row.is_some_and(|row| is_owned(row.account)));
        let numbers: Vec<u32> = rows.map(|(number, _)| number).collect();
        for number in &numbers {
            let row = *self.state.requests.rows.get(*number);
            let state = out.keep(self.state.bytes.get(row.state));
            out.requests.push(row.event(*number, true, state));
            self.state.end_request(*number, Phase::Rejected);
        }
        !numbers.is_empty()
    }
}
