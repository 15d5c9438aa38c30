//! The state that a read is answered from.

use ordo_core::views::Views;
use parking_lot::RwLockReadGuard;

use super::Shared;
use super::answer::Wanted;
use super::error::Refusal;

/// The state at the instant asked for; the latest, which shows all that anybody has been told of, where none is named.
/// The one way of a handler to the views.
pub(super) async fn state_at<'a>(shared: &'a Shared, wanted: &Wanted) -> Result<RwLockReadGuard<'a, Views>, Refusal> {
    if wanted.as_at.is_some() {
        // Answered from the latest state, it would be a lie: history comes with its own reader.
        return Err(Refusal::refused("Operation"));
    }
    Ok(shared.views().await)
}
