//! The state that a read is answered from.

use std::ops::Deref;
use std::sync::Arc;

use ordo_core::views::Views;
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

/// The state at the instant asked for; the latest, which shows all that anybody has been told of, where none is named.
/// The one way of a handler to the views.
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
