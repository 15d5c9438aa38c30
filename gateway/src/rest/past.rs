//! Reads of the past: `/audit`, `/event`, `/trades`, `/transaction`, each between two points of the record.
//!
//! Answers stream: a worker walks the record and hands over pieces, no faster than the client takes them.

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

use self::range::{Asked, Bounds};
use super::Shared;
use super::error::Refusal;
use super::pieces::{self, Asker, Records};
use ordo_core::subscription::Positions;
use ordo_history::service::tell::{AuditTeller, EventTeller, Teller, TradeTeller, TransactionTeller};
use ordo_history::service::{Begin, HistoryError, Span, Subset};

/// What is told of each update.
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
    match subject {
        Subject::Audit => told(&shared, asker, subject, asked.span, AuditTeller::default()).await,
        Subject::Trades => {
            let teller = TradeTeller::new(&asked.targets).map_err(refused)?;
            told(&shared, asker, subject, asked.span, teller).await
        }
        Subject::Transactions => {
            let teller = TransactionTeller::new(&asked.targets).map_err(refused)?;
            told(&shared, asker, subject, asked.span, teller).await
        }
        Subject::Events => {
            let teller = EventTeller::new(&asked.views, asked.targets).map_err(refused)?;
            if asked.wants_snapshot {
                told_with_snapshot(&shared, asker, asked.span, teller).await
            } else {
                told(&shared, asker, subject, asked.span, teller).await
            }
        }
    }
}

/// Walks a span on a worker; the answer is on its way when this returns.
async fn told(
    shared: &Shared,
    asker: Asker,
    subject: Subject,
    span: Span,
    mut teller: impl Teller,
) -> Result<Response, Refusal> {
    pieces::records(shared, asker, subject.message(), move |history, told, records| {
        let mut walk = history.walk(span.clone(), told, records.pieces.watch(history))?;
        tell_all(&mut walk, span.count, &mut teller, records)
    })
    .await
}

/// The same behind the messages of a snapshot of where it begins.
async fn told_with_snapshot(
    shared: &Shared,
    asker: Asker,
    span: Span,
    mut teller: EventTeller,
) -> Result<Response, Refusal> {
    pieces::records(shared, asker, EVENT_MESSAGE, move |history, told, records| {
        let (held, mut walk) = match &span.from {
            Begin::Positions(from) => {
                let held = history.subset(from, told, records.pieces.watch(history))?;
                (held, history.walk(span.clone(), told, records.pieces.watch(history))?)
            }
            Begin::Time(from) => {
                let mut walk = history.walk(span.clone(), told, records.pieces.watch(history))?;
                let views = walk.state_at(*from)?;
                (Subset { positions: views.positions().into_iter().collect(), views }, walk)
            }
        };
        teller.snapshot(&held, |message| records.put(message));
        drop(held);
        if !records.pieces.is_listened_to() {
            return Err(HistoryError::Unwanted);
        }
        tell_all(&mut walk, span.count, &mut teller, records)
    })
    .await
}

fn tell_all(
    walk: &mut ordo_history::service::Walk,
    count: u64,
    teller: &mut impl Teller,
    records: &mut Records<'_>,
) -> Result<(), HistoryError> {
    let mut told = 0;
    while told < count {
        let Some(applied) = walk.next()? else { break };
        let Some(message) = teller.tell(&applied) else { continue };
        if !records.put(message) {
            return Err(HistoryError::Unwanted);
        }
        told += 1;
    }
    Ok(())
}
