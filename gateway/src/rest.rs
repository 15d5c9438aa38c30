//! The HTTP edge: REST, and the upgrade of WebSocket connections, which then leave for the receiver.
//!
//! Cold: tokio and axum, on threads of their own that nothing in the pipeline waits for. Reads are answered from the
//! views, once these have taken in all that anybody had been told of when the request came.

mod access;
mod answer;
mod channels;
mod error;
mod feed_updates;
mod feeds;
mod orders;
mod past;
mod path;
mod positions;
mod query;
mod streaming;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use crossbeam_channel::Sender;
use hyper::StatusCode;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use ordo_core::views::Views;
use parking_lot::{RwLock, RwLockReadGuard};
use tower::ServiceExt as _;

use self::answer::Wanted;
use self::error::Refusal;
use crate::config::Durability;
use crate::history::History;
use crate::intake::NewConnection;
use crate::progress::Progress;

/// A client that has not sent its request head after this long is dropped.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Between looks at how far the views are.
const VIEWS_PAUSE: Duration = Duration::from_micros(50);

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) connections: Sender<NewConnection>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) views: Arc<RwLock<Views>>,
    pub(crate) history: Arc<History>,
    pub(crate) durability: Durability,
    pub(crate) dev: bool,
}

impl Shared {
    /// The views, not before they show all that anybody has been told of by now.
    pub(crate) async fn views(&self) -> RwLockReadGuard<'_, Views> {
        let told = self.progress.told.load_acquire();
        while self.progress.viewed.load_acquire() < told && self.progress.fault().is_none() {
            tokio::time::sleep(VIEWS_PAUSE).await;
        }
        self.views.read()
    }
}

/// The state that a read is about.
pub(crate) enum Seen<'a> {
    Live(RwLockReadGuard<'a, Views>),
    Past(Arc<Views>),
}

impl std::ops::Deref for Seen<'_> {
    type Target = Views;

    fn deref(&self) -> &Views {
        match self {
            Seen::Live(views) => views,
            Seen::Past(views) => views,
        }
    }
}

impl Shared {
    /// The state that was asked for: as it was at `asAt`, or as it is.
    async fn state(&self, wanted: &Wanted) -> Result<Seen<'_>, Refusal> {
        let Some(at_ns) = wanted.as_at else { return Ok(Seen::Live(self.views().await)) };
        {
            let views = self.views().await;
            // Nothing has changed since then, or then is yet to come.
            if views.time_ns() <= at_ns {
                return Ok(Seen::Live(views));
            }
        }
        Ok(Seen::Past(self.history.state_at(at_ns).await?))
    }
}

fn routes(shared: Shared) -> Router {
    let open = Router::new().route("/diagnostics/ping", get(ping)).route("/diagnostics/health", get(health));
    let guarded = Router::new()
        .route("/streaming", get(streaming::upgrade))
        .merge(positions::routes("/balance", positions::Kind::Cash))
        .merge(positions::routes("/holding", positions::Kind::Asset))
        .merge(past::routes())
        .merge(feed_updates::routes())
        .merge(channels::routes())
        .route("/order", get(orders::all))
        .route("/order/on/{exchange}", get(orders::on_exchange))
        .route("/order/for/{owner}", get(orders::of_owner))
        .route("/order/for/{owner}/{account}", get(orders::of_account))
        .route("/order/for/{owner}/{account}/{order}", get(orders::one))
        .route("/feed", get(feeds::all))
        .route("/feed/byid/{feed}", get(feeds::one))
        .layer(middleware::from_fn_with_state(shared.clone(), guard));
    open.merge(guarded).with_state(shared)
}

/// Serves until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, shared: Shared) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            return shared.progress.fail(crate::progress::Fault::Failed(format!("listener: {error}")));
        }
    };
    let router = routes(shared);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                tokio::spawn(serve_connection(stream, peer, router.clone()));
            }
            Err(error) => {
                // Out of descriptors, most likely: those that are served go on, and room comes back.
                tracing::warn!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve_connection(stream: tokio::net::TcpStream, peer: SocketAddr, router: Router) {
    let _ = stream.set_nodelay(true);
    // axum matches no empty segment, and an account without an owner has one: the path is rewritten before routing.
    let service = router.layer(Extension(ConnectInfo(peer))).map_request(path::mark_empty_segments);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX.max(8192));
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service)).await;
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

async fn guard(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match access::check(&shared, peer, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn ping() -> &'static str {
    "OK"
}

/// Says also how durable an acknowledgement is: a mode never degrades in silence.
async fn health(State(shared): State<Shared>) -> Response {
    let durability = [("X-OMS-Durability", shared.durability.name())];
    match shared.progress.fault() {
        // Reads go on, and so does everything once there is room.
        None if shared.progress.is_storage_full() => (durability, "Degraded").into_response(),
        None => (durability, "Healthy").into_response(),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, durability, "Unhealthy").into_response(),
    }
}
