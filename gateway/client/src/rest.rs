//! REST for tests, demo and tools: one request a connection, blocking, the answer whole in memory.
//!
//! Figures stay digits: [`Answer::records`] goes through the transcoder, never through a double.
//!
//! Absent on purpose: TLS, redirects, keeping connections, anything else than HTTP/1.1.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ordo_core::json::{self, Delimited, MessageId};
use prost::Message;

use super::ClientError;
use super::limits::ANSWER_BYTES_MAX;

/// How long connecting, sending and each read may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The records of an answer that is an array: `answer.records(message::CASH_POSITION)`.
    ///
    /// # Errors
    /// `Answered` if the status is not 200; `Unreadable`.
    pub fn records<M: Message + Default>(&self, message: MessageId) -> Result<Vec<M>, ClientError> {
        let mut delimited = Vec::with_capacity(self.body.len());
        let unreadable = |what: String| ClientError::Unreadable(what);
        json::array_to_delimited(message, self.good_body()?, json::Read::default(), &mut delimited)
            .map_err(|error| unreadable(error.to_string()))?;
        Delimited::new(&delimited)
            .map(|bytes| {
                let bytes = bytes.map_err(|error| unreadable(format!("{error:?}")))?;
                M::decode(bytes).map_err(|error| unreadable(error.to_string()))
            })
            .collect()
    }

    /// The record of an answer that is one.
    ///
    /// # Errors
    /// As [`Answer::records`].
    pub fn record<M: Message + Default>(&self, message: MessageId) -> Result<M, ClientError> {
        let mut binary = Vec::with_capacity(self.body.len());
        json::to_binary(message, self.good_body()?, json::Read::default(), &mut binary)
            .map_err(|error| ClientError::Unreadable(error.to_string()))?;
        M::decode(&*binary).map_err(|error| ClientError::Unreadable(error.to_string()))
    }

    /// The body of a 200.
    fn good_body(&self) -> Result<&[u8], ClientError> {
        match self.status {
            200 => Ok(&self.body),
            status => Err(ClientError::Answered { errors: vec![format!("HTTP {status} {}", self.text())] }),
        }
    }
}

/// GET; the target as it goes on the line: `/balance/for/XS/A?asAt=...`.
///
/// # Errors
/// `Connect`, `Io`, `Unreadable`; not a status.
pub fn get(addr: SocketAddr, target: &str) -> Result<Answer, ClientError> {
    request(addr, "GET", target, &[], None)
}

/// POST of a JSON text.
///
/// # Errors
/// As [`get`].
pub fn post(addr: SocketAddr, target: &str, json: &str) -> Result<Answer, ClientError> {
    request(addr, "POST", target, &[("Content-Type", "application/json")], Some(json.as_bytes()))
}

/// Any request with any headers.
///
/// # Errors
/// As [`get`].
pub fn request(
    addr: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Result<Answer, ClientError> {
    let connect = |source| ClientError::Connect { addr, source };
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE).map_err(connect)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut message = head.into_bytes();
    message.extend_from_slice(body.unwrap_or_default());
    stream.write_all(&message)?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    if bytes.len() == ANSWER_BYTES_MAX {
        return Err(ClientError::Full { what: "the answer" });
    }
    parse(&bytes).ok_or_else(|| ClientError::Unreadable("the answer is not HTTP/1.1, or was cut off".into()))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let head_len = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..head_len]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let header =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().into()));
    let mut answer = Answer { status, headers: lines.filter_map(header).collect(), body: Vec::new() };
    let rest = &bytes[head_len + 4..];
    answer.body = if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        unchunk(rest)?
    } else {
        match answer.header("content-length") {
            Some(len) => rest.get(..len.parse().ok()?)?.into(),
            None => rest.into(),
        }
    };
    Some(answer)
}

/// None where the last chunk is missing: a connection that broke must not pass for a short answer.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(rest.len());
    loop {
        let line_len = rest.windows(2).position(|window| window == b"\r\n")?;
        let line = std::str::from_utf8(&rest[..line_len]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        rest = &rest[line_len + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_answer_is_put_together() {
        let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\na\r\n2345678901\r\n0\r\n\r\n";
        assert_eq!(parse(bytes).expect("it is HTTP").text(), "[1,2345678901");
    }

    #[test]
    fn an_answer_that_was_cut_off_is_none() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde";
        assert_eq!(parse(whole).expect("it is HTTP").body, b"abcde");
        assert!((0..whole.len()).all(|len| parse(&whole[..len]).is_none()));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n0\r\n\r\n";
        let head_len = chunked.len() - 13;
        assert!((head_len..chunked.len() - 4).all(|len| parse(&chunked[..len]).is_none()));
    }
}
