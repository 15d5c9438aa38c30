//! Feeds and their status.

use axum::extract::{Path, State};
use axum::response::Response;
use ordo_core::json::message::FEED_DETAILS;
use ordo_core::proto::FeedDetails;
use ordo_core::subscription::About;
use prost::Message;

use super::Shared;
use super::answer::Wanted;
use super::error::Refusal;
use super::path::segment;
use super::state::state_at;

pub(super) async fn all(State(shared): State<Shared>, wanted: Wanted) -> Result<Response, Refusal> {
    let views = state_at(&shared, &wanted).await?;
    let feeds: Vec<_> =
        views.feeds().filter(|details| wanted.caller.may_see(About::Feed(&feed_id(details)))).cloned().collect();
    Ok(wanted.many(FEED_DETAILS, feeds.into_iter()))
}

pub(super) async fn one(
    State(shared): State<Shared>,
    Path(feed): Path<String>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let views = state_at(&shared, &wanted).await?;
    let details = views.feed(segment(&feed)).filter(|_| wanted.caller.may_see(About::Feed(segment(&feed))));
    let details = details.ok_or(Refusal::NotFound)?;
    Ok(wanted.one(FEED_DETAILS, details))
}

fn feed_id(details: &[u8]) -> String {
    FeedDetails::decode(details).unwrap_or_default().feed_id
}
