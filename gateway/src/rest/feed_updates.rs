//! `/feed/byid/{feed}/updates`: updates as an adapter submitted them, for another system.

use std::ops::ControlFlow;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use ordo_core::json::message::FEED_REQUEST;
use ordo_core::names::FeedNo;
use ordo_core::subscription::{About, Positions};
use ordo_history::service::Begin;
use ordo_history::service::FeedSpan;

use super::error::Refusal;
use super::path::segment;
use super::pieces::{self, Asker};
use super::{Shared, query};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/feed/byid/{feed}/updates", get(from_position))
        .route("/feed/byid/{feed}/updates/fromdate", get(from_date))
}

async fn from_position(
    State(shared): State<Shared>,
    Path(feed): Path<String>,
    RawQuery(query): RawQuery,
    asker: Asker,
) -> Result<Response, Refusal> {
    let begin = |from: &str| {
        let position = query::number("from", from)?;
        Ok(Begin::Positions(Positions::from([(segment(&feed).into(), position)])))
    };
    answer(&shared, segment(&feed), &query.unwrap_or_default(), asker, begin).await
}

async fn from_date(
    State(shared): State<Shared>,
    Path(feed): Path<String>,
    RawQuery(query): RawQuery,
    asker: Asker,
) -> Result<Response, Refusal> {
    let begin = |from: &str| Ok(Begin::Time(query::instant("from", from)?));
    answer(&shared, segment(&feed), &query.unwrap_or_default(), asker, begin).await
}

async fn answer(
    shared: &Shared,
    name: &str,
    query: &str,
    asker: Asker,
    begin: impl Fn(&str) -> Result<Begin, Refusal>,
) -> Result<Response, Refusal> {
    let (mut from, mut to, mut count) = (None, i64::MAX, u64::MAX);
    for (key, value) in query::pairs(query)? {
        match &*key {
            "from" => from = Some(begin(&value)?),
            "to" => to = query::number(&key, &value)?,
            "count" => count = query::number(&key, &value)?.unsigned_abs(),
            _ => {}
        }
    }
    let may_see = asker.wanted.caller.may_see(About::Feed(name));
    let (feed, last) = last_position(shared, name).await.filter(|_| may_see).ok_or(Refusal::NotFound)?;
    let from = from.ok_or_else(|| Refusal::bad("from is missing"))?;
    let span = FeedSpan { feed, name: name.into(), from, to: to.min(last) };
    pieces::records(shared, asker, FEED_REQUEST, move |history, published, records| {
        let mut left = count;
        if left == 0 {
            return Ok(());
        }
        history.feed_updates(&span, published, records.pieces.watch(history), |request| {
            left -= 1;
            if records.put(request) && left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
    })
    .await
}

/// Number and last position of a feed that was opened at least once.
async fn last_position(shared: &Shared, name: &str) -> Option<(FeedNo, i64)> {
    let views = shared.views().await;
    views.feed(name)?;
    let number = views.names().feeds.iter().position(|known| **known == *name)?;
    let last = views.positions().into_iter().find(|(known, _)| **known == *name).map_or(0, |(_, position)| position);
    Some((FeedNo(number as u32), last))
}
