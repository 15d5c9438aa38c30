//! The state that a read is answered from.

use std::ops::Deref;
use std::sync::Arc;

use ordo_core::names::Names;
use ordo_core::subscription::{About, Caller};
use ordo_core::views::{Record, Views};
use parking_lot::RwLockReadGuard;

use super::Shared;
use super::answer::Wanted;
use super::error::Refusal;

/// What a read sees.
pub(super) enum Seen<'a> {
    Live(RwLockReadGuard<'a, Views>),
    Past(Arc<Views>),
}

impl Deref for Seen<'_> {
    type Target = Views;

    fn deref(&self) -> &Views {
        match self {
            Seen::Live(views) => views,
            Seen::Past(views) => views,
        }
    }
}

/// Which records a caller may see; apart from the views, whose lock a long answer does not keep.
pub(super) struct Visible {
    caller: Caller,
    /// Of the accounts and instruments that records name by number. None: it may see all.
    names: Option<Names>,
}

impl Visible {
    pub(super) fn to(caller: Caller, views: &Views) -> Visible {
        Visible { caller, names: (!caller.sees_all()).then(|| views.names().clone()) }
    }

    pub(super) fn has(&self, record: &Record) -> bool {
        let may_see = |names| self.caller.may_see(About::Account(names, record.account, record.instrument));
        self.names.as_ref().is_none_or(may_see)
    }
}

/// What a read can be about that need not exist.
pub(super) enum Subject<'a> {
    Owner(&'a str),
    Account { owner: &'a str, account: &'a str },
    Exchange(&'a str),
}

/// The state that a read about something is answered from: 404 if neither metadata nor a live record names that there.
pub(super) async fn state_with<'a>(
    shared: &'a Shared,
    wanted: &Wanted,
    subject: Subject<'_>,
) -> Result<Seen<'a>, Refusal> {
    let views = state_at(shared, wanted).await?;
    let exists = match subject {
        Subject::Owner(owner) => views.owner_exists(owner),
        Subject::Account { owner, account } => views.account_exists(owner, account),
        Subject::Exchange(exchange) => views.exchange_exists(exchange),
    };
    if exists { Ok(views) } else { Err(Refusal::NotFound) }
}

/// The state at the instant asked for; the latest, which shows all that anybody has been told of, where none is named.
/// All reads come to the views through here.
pub(super) async fn state_at<'a>(shared: &'a Shared, wanted: &Wanted) -> Result<Seen<'a>, Refusal> {
    let Some(at_ns) = wanted.as_at else { return Ok(Seen::Live(shared.views().await)) };
    {
        let views = shared.views().await;
        // Nothing has changed since then, or then is yet to come.
        if views.time_ns() <= at_ns {
            return Ok(Seen::Live(views));
        }
    }
    Ok(Seen::Past(shared.history.state_at(at_ns).await?))
}
