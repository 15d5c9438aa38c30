//! The default request statuses of a new data folder.

use ordo_core::metadata::Details;
use ordo_core::proto::RequestStatusDetails;
use ordo_core::record::Origin;
use ordo_core::subscription::Caller;

use super::Shared;
use super::error::Refusal;
use super::write::of_operation;

/// Defines all of them if no status is defined: changes of an operator are kept.
pub(super) async fn define(shared: &Shared) -> Result<(), Refusal> {
    if shared.views().await.request_statuses().next().is_some() {
        return Ok(());
    }
    for status in defaults() {
        let operation = Details::RequestStatus(Box::new(status)).define();
        shared.record(Caller::SYSTEM, of_operation(operation), Origin::REST).await?;
    }
    Ok(())
}

fn defaults() -> [RequestStatusDetails; 5] {
    let status = |code: &str| RequestStatusDetails { code: code.into(), name: code.into(), ..Default::default() };
    [
        RequestStatusDetails { is_normal: true, is_transition: true, ..status("Pending") },
        RequestStatusDetails { is_normal: true, can_amend: true, can_cancel: true, ..status("Queued") },
        RequestStatusDetails { is_normal: true, is_transition: true, ..status("Submitted") },
        RequestStatusDetails { is_normal: true, is_completed: true, ..status("Completed") },
        RequestStatusDetails { is_completed: true, ..status("Rejected") },
    ]
}
