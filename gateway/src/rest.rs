//! REST, and the upgrade of WebSocket connections, which are then handed to the receiver.
//!
//! Cold: tokio and axum, on threads of their own that nothing in the pipeline waits for. A read is answered from the
//! views, once they show everything that was published when it arrived.

mod access;
mod activity;
mod answer;
mod batch;
mod body;
mod channels;
mod connection;
mod control_frames;
mod definitions;
mod error;
mod feed_updates;
mod feeds;
mod health;
mod history;
mod identity;
mod investigation;
mod memory;
mod orders;
mod parameters;
mod path;
mod pieces;
mod places;
mod positions;
mod query;
mod received;
mod records;
mod renames;
mod socket;
mod state;
mod statuses;
mod streaming;
mod text_parts;
mod transfers;
mod write;

use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use ordo_core::views::Views;
use ordo_history::clock::Clock;
use ordo_history::service::History;
use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::watch;
use tower::ServiceExt as _;

pub(crate) use self::access::Names;
use self::activity::{Activity, Patience};
use self::connection::Cutter;
use self::error::Refusal;
pub(crate) use self::memory::Memory;
pub(crate) use self::places::Place;
use self::places::Places;
use self::socket::Socket;
use crate::wiring::ingress::IngressSender;
use crate::wiring::progress::Progress;

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
    /// How durable an acknowledgement is, in words.
    pub(crate) durability: Arc<str>,
    pub(crate) dev: bool,
    pub(crate) names: Arc<Names>,
    pub(crate) memory: Arc<Memory>,
    /// A reader of a long answer that takes nothing for this long loses it.
    pub(crate) reader_patience: Duration,
    /// Bytes of the largest request body that is read.
    pub(crate) body_bytes_max: usize,
    /// Bytes of the largest update that a frame of the journal takes.
    pub(crate) update_bytes_max: usize,
    /// Records of one array at most.
    pub(crate) batch_records_max: usize,
    pub(crate) limits: HttpLimits,
}

/// Limits of connections, before anything of a request counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpLimits {
    pub(crate) connections_max: usize,
    pub(crate) header_bytes: usize,
    /// A client that has not sent its request head after this long is dropped.
    pub(crate) header: Duration,
    /// So is one that has sent none for so long since its last answer.
    pub(crate) idle: Duration,
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
    let open = Router::new()
        .route(health::PING, get(health::ping))
        .route(health::HEALTH, get(health::health))
        .layer(middleware::from_fn_with_state(shared.clone(), check_names));
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
        .layer(middleware::from_fn_with_state(shared.clone(), guard));
    open.merge(guarded).layer(middleware::from_fn(track)).with_state(shared)
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
    let (limits, unread, clock) = (shared.limits, shared.reader_patience, shared.history.clock().clone());
    let places = Places::new(limits.connections_max);
    let router = routes(shared);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        match accepted {
            Ok((stream, peer)) => match places.take(&stream) {
                Some(place) => {
                    let connection = Accepted { stream, peer, place, limits, unread, clock: clock.clone() };
                    tokio::spawn(connection.serve(router.clone(), stop.clone()));
                }
                None => tracing::warn!(%peer, "too many connections: one is closed"),
            },
            Err(error) => {
                // Most likely out of file descriptors: there are some again when connections end.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// A connection that has just been made.
struct Accepted {
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    place: Place,
    limits: HttpLimits,
    unread: Duration,
    clock: Clock,
}

impl Accepted {
    async fn serve(self, router: Router, mut stop: watch::Receiver<bool>) {
        let Accepted { stream, peer, place, limits, unread, clock } = self;
        let _ = stream.set_nodelay(true);
        connection::hold_little_back(&stream);
        let (cutter, activity) = (Cutter::default(), Activity::new(clock.clone()));
        // axum matches no empty segment, and an account without an owner has one: the path is rewritten before routing.
        let of_connection = (ConnectInfo(peer), cutter.clone(), activity.clone(), place);
        let service = router.map_request(move |mut request: Request<_>| {
            let (peer, cutter, activity, place) = of_connection.clone();
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(cutter);
            request.extensions_mut().insert(activity);
            request.extensions_mut().insert(place);
            path::mark_empty_segments(request)
        });
        let builder = builder(limits);
        let socket = TokioIo::new(Socket::new(stream, unread, clock));
        let connection = builder.serve_connection_with_upgrades(socket, TowerToHyperService::new(service));
        let mut connection = pin!(connection);
        let patience = Patience { first_request: limits.header, idle: limits.idle, unread };
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = cutter.wanted() => return tracing::debug!(%peer, "connection cut"),
            () = activity.over(patience) => return tracing::debug!(%peer, "connection closed: no request"),
            _ = stop.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%peer, %error, "connection ended");
        }
    }
}

fn builder(limits: HttpLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(limits.header_bytes.max(HTTP_1_BUFFER_BYTES_LEAST));
    builder.http2().timer(TokioTimer::new()).max_header_list_size(limits.header_bytes as u32);
    builder
}

/// The HTTP/1.1 implementation takes no smaller buffer.
const HTTP_1_BUFFER_BYTES_LEAST: usize = 8 * 1024;

/// Says when a request is under way; where a connection has a place for health alone, nothing else is answered.
async fn track(
    Extension(activity): Extension<Arc<Activity>>,
    Extension(place): Extension<Place>,
    request: Request,
    next: Next,
) -> Response {
    let underway = activity.begin();
    let is_served = !place.is_beside || health::is_about_health(request.uri().path());
    let response = if is_served { next.run(request).await } else { Refusal::Crowded.into_response() };
    underway.answer(response)
}

async fn check_names(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    match access::check_names(&shared, (request.headers(), request.uri())) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn guard(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    match access::check(&shared, peer, (request.headers(), request.uri())) {
        Ok(_) if path::has_long_segment(request.uri().path()) => Refusal::NotFound.into_response(),
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
