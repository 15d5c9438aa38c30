//! The HTTP edge: REST, and the upgrade of WebSocket connections, which then leave for the receiver.
//!
//! Cold: tokio and axum, on threads of their own that nothing in the pipeline waits for. Reads are answered from the
//! views, once these have taken in all that anybody had been told of when the request came.

mod access;
mod answer;
mod body;
mod channels;
mod connection;
mod definitions;
mod error;
mod feed_updates;
mod feeds;
mod history;
mod identity;
mod investigation;
mod orders;
mod parameters;
mod path;
mod pieces;
mod positions;
mod query;
mod records;
mod renames;
mod state;
mod statuses;
mod streaming;
mod transfers;
mod write;

use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use ordo_core::views::Views;
use ordo_history::service::History;
use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::watch;
use tower::ServiceExt as _;

use self::connection::Cutter;
use self::error::Refusal;
use crate::wiring::config::Durability;
use crate::wiring::ingress::IngressSender;
use crate::wiring::progress::Progress;

/// A client that has not sent its request head after this long is dropped.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const HEADER_BYTES_MAX: usize = 8 * 1024;
const WORKERS: usize = 2;
/// Requests under way get this long when the hub stops.
const LINGER: Duration = Duration::from_millis(500);
/// Between looks at how far the views are.
const VIEWS_PAUSE: Duration = Duration::from_micros(50);

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) ingress: IngressSender,
    pub(crate) progress: Arc<Progress>,
    pub(crate) views: Arc<RwLock<Views>>,
    pub(crate) history: Arc<History>,
    pub(crate) durability: Durability,
    pub(crate) dev: bool,
    /// A reader of a long answer that takes nothing for so long loses it.
    pub(crate) reader_patience: Duration,
    /// The largest body that is read. What is recorded of it has a limit of its own.
    pub(crate) body_bytes_max: usize,
    /// The largest update that one frame of the journal takes.
    pub(crate) update_bytes_max: usize,
}

impl Shared {
    /// The views, not before they show all that anybody has been told of by now.
    pub(crate) async fn views(&self) -> RwLockReadGuard<'_, Views> {
        let published = self.progress.published.load_acquire();
        while self.progress.viewed.load_acquire() < published && self.progress.fault().is_none() {
            tokio::time::sleep(VIEWS_PAUSE).await;
        }
        self.views.read()
    }
}

fn routes(shared: Shared) -> Router {
    let open = Router::new().route("/diagnostics/ping", get(ping)).route("/diagnostics/health", get(health));
    let guarded = Router::new()
        .route("/streaming", get(streaming::upgrade))
        .merge(positions::routes("/balance", positions::Kind::Cash))
        .merge(positions::routes("/holding", positions::Kind::Asset))
        .merge(history::routes())
        .merge(feed_updates::routes())
        .merge(channels::routes())
        .merge(investigation::routes())
        .route("/balance/settle", post(transfers::settle))
        .merge(orders::routes())
        .merge(definitions::routes())
        .merge(renames::routes())
        .route("/feed", get(feeds::all))
        .route("/feed/byid/{feed}", get(feeds::one))
        .layer(DefaultBodyLimit::max(shared.body_bytes_max))
        .layer(middleware::from_fn_with_state(shared.clone(), guard));
    open.merge(guarded).with_state(shared)
}

/// The edge's own threads.
pub(crate) struct Server {
    runtime: tokio::runtime::Runtime,
    /// Says stop to all that serve; closed once none of them is left.
    stopping: watch::Sender<bool>,
    shared: Shared,
}

impl Server {
    pub(crate) fn start(listener: TcpListener, shared: Shared) -> std::io::Result<Server> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("rest")
            .enable_all()
            .build()?;
        listener.set_nonblocking(true)?;
        let (stopping, stop) = watch::channel(false);
        runtime.spawn(serve(listener, shared.clone(), stop));
        Ok(Server { runtime, stopping, shared })
    }

    /// Whether the statuses of client requests are defined, now at the latest.
    pub(crate) fn define_request_statuses(&self) -> bool {
        self.runtime.block_on(statuses::define(&self.shared)).is_ok()
    }

    /// Answers the requests under way, takes no more.
    pub(crate) fn stop(self) {
        let _ = self.stopping.send(true);
        self.runtime.block_on(async {
            let _ = tokio::time::timeout(LINGER, self.stopping.closed()).await;
        });
        self.runtime.shutdown_background();
    }
}

/// Serves until it is told to stop.
async fn serve(listener: TcpListener, shared: Shared, mut stop: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            return shared.progress.fail(crate::wiring::progress::Fault::Failed(format!("listener: {error}")));
        }
    };
    let router = routes(shared);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(serve_connection(stream, peer, router.clone(), stop.clone()));
            }
            Err(error) => {
                // Out of descriptors, most likely: those that are served go on, and room comes back.
                tracing::warn!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve_connection(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    connection::hold_little_back(&stream);
    let cutter = Cutter::default();
    // axum matches no empty segment, and an account without an owner has one: the path is rewritten before routing.
    let of_connection = (ConnectInfo(peer), cutter.clone());
    let service = router.map_request(move |mut request: Request<_>| {
        let (peer, cutter) = of_connection.clone();
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(cutter);
        path::mark_empty_segments(request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX.max(8192));
    builder.http2().timer(TokioTimer::new()).max_header_list_size(HEADER_BYTES_MAX as u32);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = cutter.wanted() => return tracing::debug!(%peer, "connection cut"),
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

async fn guard(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    match access::check(&shared, peer, (request.headers(), request.uri())) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            readable(next.run(request).await)
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// A path that the router could not decode is refused in our words too.
fn readable(response: Response) -> Response {
    let is_text = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if response.status() == StatusCode::BAD_REQUEST && is_text {
        return Refusal::bad("the path is not percent-encoded UTF-8").into_response();
    }
    response
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
