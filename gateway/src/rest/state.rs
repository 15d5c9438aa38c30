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

/// The views at one instant.
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

/// Which records a caller may see. Held without the views' lock, for long answers.
pub(super) struct Visible {
    caller: Caller,
    /// Accounts and instruments, which records name by number. None: the caller may see everything.
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

/// The subject of a read that gives 404 if it does not exist.
pub(super) enum Subject<'a> {
    Owner(&'a str),
    Account { owner: &'a str, account: &'a str },
    Exchange(&'a str),
}

/// The state to read from; 404 if neither metadata nor a live record names the subject in it.
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

/// The state at the requested instant; without one the latest, which shows everything that was published. All reads get
/// their views here.
pub(super) async fn state_at<'a>(shared: &'a Shared, wanted: &Wanted) -> Result<Seen<'a>, Refusal> {
    let Some(at_ns) = wanted.as_at else { return Ok(Seen::Live(shared.views().await)) };
    {
        let views = shared.views().await;
        // Nothing changed since that instant, or it is in the future.
        if views.time_ns() <= at_ns {
            return Ok(Seen::Live(views));
        }
    }
    Ok(Seen::Past(shared.history.state_at(at_ns).await?))
}
