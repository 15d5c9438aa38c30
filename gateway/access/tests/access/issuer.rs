//! An issuer of tokens: a server on a thread of its own, whose answers a test changes as it goes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::keys::key_set;

pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(crate) const KEYS: &str = "/keys";

#[derive(Clone)]
pub(crate) enum Answer {
    Json(String),
    Status(&'static str),
    Redirect(String),
    /// The connection is closed without an answer.
    HangUp,
    /// An answer that does not end.
    Endless,
    /// No answer, until the issuer ends.
    Silence,
    /// This, once `open_gate` was called.
    Gated(String),
}

pub(crate) struct Issuer {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<BTreeMap<String, Answer>>,
    asked: Mutex<Vec<String>>,
    has_asked: Condvar,
    gate: Mutex<bool>,
    gate_moved: Condvar,
    is_ending: AtomicBool,
}

impl Issuer {
    pub(crate) fn start() -> Issuer {
        Issuer::serve(None)
    }

    pub(crate) fn start_tls(config: Arc<ServerConfig>) -> Issuer {
        Issuer::serve(Some(config))
    }

    fn serve(tls: Option<Arc<ServerConfig>>) -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || run(&listener, &shared, tls)
        });
        Issuer { address, scheme, shared, thread: Some(thread) }
    }

    /// Its name in tokens.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url())
    }

    pub(crate) fn answer(&self, path: &str, answer: Answer) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    pub(crate) fn publish(&self, keys: &[Value]) {
        self.answer(KEYS, Answer::Json(key_set(keys)));
    }

    pub(crate) fn publish_discovery(&self, issuer: &str) {
        let document = json!({"issuer": issuer, "jwks_uri": self.at(KEYS)});
        self.answer(DISCOVERY, Answer::Json(document.to_string()));
    }

    /// Paths asked for since it started.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub(crate) fn await_requests(&self, count: usize) {
        let asked = self.shared.asked.lock().unwrap();
        drop(self.shared.has_asked.wait_while(asked, |asked| asked.len() < count).unwrap());
    }

    pub(crate) fn open_gate(&self) {
        *self.shared.gate.lock().unwrap() = true;
        self.shared.gate_moved.notify_all();
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.shared.is_ending.store(true, Ordering::SeqCst);
        self.open_gate();
        let _ = TcpStream::connect(self.address);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn run(listener: &TcpListener, shared: &Shared, tls: Option<Arc<ServerConfig>>) {
    // Silent connections stay open until the end.
    let mut silent = Vec::new();
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        if shared.is_ending.load(Ordering::SeqCst) {
            return;
        }
        // A client that gives up is an error of its own connection alone.
        let _ = match &tls {
            None => converse(stream, shared, &mut silent),
            Some(config) => {
                let connection = ServerConnection::new(config.clone()).unwrap();
                converse(StreamOwned::new(connection, stream), shared, &mut silent)
            }
        };
    }
}

trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

fn converse<'a>(
    stream: impl Duplex + 'a,
    shared: &Shared,
    silent: &mut Vec<Box<dyn Duplex + 'a>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut line = request.clone();
    while !line.trim().is_empty() {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let answer = shared.answers.lock().unwrap().get(&path).cloned().unwrap_or(Answer::Status("404 Not Found"));
    shared.asked.lock().unwrap().push(path);
    shared.has_asked.notify_all();
    let mut stream = reader.into_inner();
    match answer {
        Answer::Json(body) => respond(&mut stream, "200 OK", "", &body),
        // A set that would replace the one held, if it were read.
        Answer::Status(status) => respond(&mut stream, status, "", &key_set(&[])),
        Answer::Redirect(to) => respond(&mut stream, "302 Found", &format!("Location: {to}\r\n"), &key_set(&[])),
        Answer::HangUp => Ok(()),
        Answer::Endless => flood(&mut stream),
        Answer::Silence => {
            silent.push(Box::new(stream));
            Ok(())
        }
        Answer::Gated(body) => {
            let gate = shared.gate.lock().unwrap();
            drop(shared.gate_moved.wait_while(gate, |is_open| !*is_open).unwrap());
            respond(&mut stream, "200 OK", "", &body)
        }
    }
}

fn respond(stream: &mut impl Write, status: &str, header: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")?;
    stream.flush()
}

/// Until the client hangs up.
fn flood(stream: &mut impl Write) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{{\"keys\": [")?;
    loop {
        stream.write_all(&[b' '; 4096])?;
    }
}
