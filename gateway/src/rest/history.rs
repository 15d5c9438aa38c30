//! Reads of the past: `/audit`, `/event`, `/trades`, `/transaction`, each between two points of the record.
//!
//! Answers are streamed: a worker folds the record and passes pieces on, no faster than the client takes them.

mod range;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use ordo_core::json::MessageId;
use ordo_core::json::message::{AUDIT_RECORD, CLIENT_TRANSACTION, EVENT_MESSAGE, EXTERNAL_ACTION};
use ordo_core::proto::TimestampWithTimeZone;
use ordo_core::subscription::Positions;
use ordo_history::service::messages::{
    AuditMessages, EventMessages, TradeMessages, TransactionMessages, UpdateEncoder,
};
use ordo_history::service::{Begin, HistoryError, Span, Subset};

use self::range::{Asked, Bounds};
use super::Shared;
use super::error::Refusal;
use super::pieces::{self, Asker, RecordPieces};

/// Which messages about an update are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Audit,
    Events,
    Trades,
    Transactions,
}

impl Subject {
    fn message(self) -> MessageId {
        match self {
            Subject::Audit => AUDIT_RECORD,
            Subject::Events => EVENT_MESSAGE,
            Subject::Trades => EXTERNAL_ACTION,
            Subject::Transactions => CLIENT_TRANSACTION,
        }
    }
}

pub(super) fn routes() -> Router<Shared> {
    let subjects = [
        ("/audit", Subject::Audit),
        ("/event", Subject::Events),
        ("/event/audit", Subject::Events),
        ("/trades", Subject::Trades),
        ("/transaction", Subject::Transactions),
    ];
    let bounds = [
        ("between", Bounds::Between),
        ("fromdate", Bounds::FromDate),
        ("fromposition", Bounds::FromPosition),
        ("toposition", Bounds::ToPosition),
    ];
    let mut router = Router::new().route("/audit/latest", get(latest));
    for (path, subject) in subjects {
        for (name, bounds) in bounds {
            let asked = get(between).layer(Extension((subject, bounds)));
            router = router.route(&format!("{path}/{name}"), asked);
        }
    }
    router
}

/// The time of the newest update.
async fn latest(State(shared): State<Shared>) -> Response {
    let time_ns = shared.views().await.time_ns();
    if time_ns == 0 {
        return StatusCode::NO_CONTENT.into_response();
    }
    let time = TimestampWithTimeZone::from_unix_nanos(time_ns).to_iso().unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], format!("\"{time}\"")).into_response()
}

async fn between(
    State(shared): State<Shared>,
    Extension((subject, bounds)): Extension<(Subject, Bounds)>,
    RawQuery(query): RawQuery,
    asker: Asker,
) -> Result<Response, Refusal> {
    let now: Positions = shared.views().await.positions().into_iter().collect();
    let asked = Asked::read(bounds, &query.unwrap_or_default(), &now)?;
    let refused = |code| Refusal::BadRequest { code: str::to_owned(code), why: "owner or account".into() };
    let caller = asker.wanted.caller;
    match subject {
        Subject::Audit => messages(&shared, asker, subject, asked.span, AuditMessages::new(caller)).await,
        Subject::Trades => {
            let encoder = TradeMessages::new(&asked.targets, caller).map_err(refused)?;
            messages(&shared, asker, subject, asked.span, encoder).await
        }
        Subject::Transactions => {
            let encoder = TransactionMessages::new(&asked.targets, caller).map_err(refused)?;
            messages(&shared, asker, subject, asked.span, encoder).await
        }
        Subject::Events => {
            let encoder = EventMessages::new(&asked.views, asked.targets, caller).map_err(refused)?;
            if asked.wants_snapshot {
                messages_with_snapshot(&shared, asker, asked.span, encoder).await
            } else {
                messages(&shared, asker, subject, asked.span, encoder).await
            }
        }
    }
}

/// Streams the messages about a span of updates from a worker; returns when the answer has begun.
async fn messages(
    shared: &Shared,
    asker: Asker,
    subject: Subject,
    span: Span,
    mut encoder: impl UpdateEncoder,
) -> Result<Response, Refusal> {
    pieces::records(shared, asker, subject.message(), move |history, published, records| {
        let mut update_cursor = history.update_cursor(span.clone(), published, records.pieces.watch(history))?;
        put_all(&mut update_cursor, span.count, &mut encoder, records)
    })
    .await
}

/// The same behind a snapshot of the state at the start of the span.
async fn messages_with_snapshot(
    shared: &Shared,
    asker: Asker,
    span: Span,
    mut encoder: EventMessages,
) -> Result<Response, Refusal> {
    pieces::records(shared, asker, EVENT_MESSAGE, move |history, published, records| {
        let (held, mut update_cursor) = match &span.from {
            Begin::Positions(from) => {
                let held = history.subset(from, published, records.pieces.watch(history))?;
                (held, history.update_cursor(span.clone(), published, records.pieces.watch(history))?)
            }
            Begin::Time(from) => {
                let mut update_cursor =
                    history.update_cursor(span.clone(), published, records.pieces.watch(history))?;
                let views = update_cursor.state_at(*from)?;
                (Subset { positions: views.positions().into_iter().collect(), views }, update_cursor)
            }
        };
        encoder.snapshot(&held, |message| records.put(message));
        drop(held);
        if !records.pieces.is_listened_to() {
            return Err(HistoryError::Unwanted);
        }
        put_all(&mut update_cursor, span.count, &mut encoder, records)
    })
    .await
}

fn put_all(
    update_cursor: &mut ordo_history::service::UpdateCursor,
    count: u64,
    encoder: &mut impl UpdateEncoder,
    records: &mut RecordPieces<'_>,
) -> Result<(), HistoryError> {
    let mut published = 0;
    while published < count {
        let Some(applied) = update_cursor.next()? else { break };
        let Some(message) = encoder.encode(&applied) else { continue };
        if !records.put(message) {
            return Err(HistoryError::Unwanted);
        }
        published += 1;
    }
    Ok(())
}
