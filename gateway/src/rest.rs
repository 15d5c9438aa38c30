//! REST, and the upgrade of WebSocket connections, which are then handed to the receiver.
//!
//! Cold: tokio and axum, on threads of their own that nothing in the pipeline waits for. A read is answered from the
//! views, once they show everything that was published when it arrived.

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

/// A client that has not sent its request head within this time is dropped.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const HEADER_BYTES_MAX: usize = 8 * 1024;
const WORKERS: usize = 2;
/// Time that running requests get when the hub stops.
const LINGER: Duration = Duration::from_millis(500);
/// Interval at which a read checks whether the views have caught up.
const VIEWS_PAUSE: Duration = Duration::from_micros(50);

/// State shared by all handlers.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) ingress: IngressSender,
    pub(crate) progress: Arc<Progress>,
    pub(crate) views: Arc<RwLock<Views>>,
    pub(crate) history: Arc<History>,
    pub(crate) durability: Durability,
    pub(crate) dev: bool,
    /// A reader of a long answer that takes nothing for this long loses it.
    pub(crate) reader_patience: Duration,
    /// Bytes of the largest request body that is read.
    pub(crate) body_bytes_max: usize,
    /// Bytes of the largest update that a frame of the journal takes.
    pub(crate) update_bytes_max: usize,
}

impl Shared {
    /// The views, once they show everything that is published now.
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

/// The threads of REST.
pub(crate) struct Server {
    runtime: tokio::runtime::Runtime,
    /// Set when the hub stops; closed once all connections have ended.
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

    /// Defines the request statuses unless there are any; false if that failed.
    pub(crate) fn define_request_statuses(&self) -> bool {
        self.runtime.block_on(statuses::define(&self.shared)).is_ok()
    }

    /// Answers running requests and accepts no more.
    pub(crate) fn stop(self) {
        let _ = self.stopping.send(true);
        self.runtime.block_on(async {
            let _ = tokio::time::timeout(LINGER, self.stopping.closed()).await;
        });
        self.runtime.shutdown_background();
    }
}

/// Accepts connections until the hub stops.
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
                // Most likely out of file descriptors: there are some again when connections end.
                tracing::warn!(%error, "a connection was not accepted");
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
    // axum does not match empty segments, which accounts without an owner have: the path is rewritten before routing.
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

/// Answers a path that the router could not decode like every other refusal.
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

/// Names the durability mode that is in force: it never degrades silently.
async fn health(State(shared): State<Shared>) -> Response {
    let durability = [("X-OMS-Durability", shared.durability.name())];
    match shared.progress.fault() {
        // Reads are served; updates are admitted again once the disk has room.
        None if shared.progress.is_storage_full() => (durability, "Degraded").into_response(),
        None => (durability, "Healthy").into_response(),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, durability, "Unhealthy").into_response(),
    }
}
