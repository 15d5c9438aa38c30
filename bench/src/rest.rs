//! REST reads over one connection, one at a time: a record beside the smallest answer of the same server.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::latency::{Latencies, histogram};

/// Requests sent before latencies are recorded.
const WARM: u64 = 200;

/// GETs of a path for `length`, each answered before the next.
///
/// # Errors
/// If the connection fails, or the status of an answer is not 200.
pub fn get(addr: SocketAddr, path: &str, length: Duration) -> io::Result<Latencies> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    let mut latencies = histogram();
    for _ in 0..WARM {
        stream.write_all(request.as_bytes())?;
        answer(&mut reader)?;
    }
    let begun = Instant::now();
    while begun.elapsed() < length {
        let start = Instant::now();
        stream.write_all(request.as_bytes())?;
        answer(&mut reader)?;
        latencies.saturating_record(start.elapsed().as_nanos() as u64);
    }
    Ok(latencies)
}

/// Reads one answer to its end.
fn answer(reader: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(format!("answered {}", line.trim_end())));
    }
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            Some((name, value)) if name.eq_ignore_ascii_case("transfer-encoding") && value.trim() == "chunked" => {
                return chunks(reader);
            }
            Some(_) => {}
        }
    }
    io::copy(&mut reader.take(length), &mut io::sink()).map(drop)
}

/// Reads the rest of a chunked answer, from within its head.
fn chunks(reader: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        io::copy(&mut reader.by_ref().take(length + 2), &mut io::sink())?;
        if length == 0 {
            return Ok(());
        }
    }
}
