//! Feeds and their status.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use ordo_core::json::message::FEED_DETAILS;

use super::Shared;
use super::answer::Wanted;
use super::error::Refusal;
use super::path::segment;

pub(super) async fn all(State(shared): State<Shared>, wanted: Wanted) -> Response {
    let views = shared.views().await;
    wanted.many(FEED_DETAILS, views.feeds().map(|details| &details[..]))
}

pub(super) async fn one(State(shared): State<Shared>, Path(feed): Path<String>, wanted: Wanted) -> Response {
    let views = shared.views().await;
    match views.feed(segment(&feed)) {
        Some(details) => wanted.one(FEED_DETAILS, details),
        None => Refusal::NotFound.into_response(),
    }
}
