//! `ordo replay --step`: update by update, each with what it changed.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use ordo_core::encode;
use ordo_core::json::{self, MessageId, Style, message};
use ordo_core::wire::ReverseWriter;
use ordo_gateway::investigation::words;
use ordo_gateway::replay::Applied;

use super::{of_replay, open_beginning};
use crate::Failure;
use crate::journal::time;
use crate::place::{self, Place};
use crate::table::is_pipe_broken;

pub(super) fn run(dir: &Path, until: Option<&Place>) -> Result<(), Failure> {
    let mut replay = open_beginning(dir, until.map_or(&[], std::slice::from_ref))?;
    let waits = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut out = std::io::stdout().lock();
    while let Some(next) = replay.peek().map_err(of_replay)? {
        if until.is_some_and(|until| until.is_behind(replay.engine(), &next)) {
            break;
        }
        let Some(applied) = replay.next().map_err(of_replay)? else { break };
        if is_pipe_broken(out.write_all(told(&applied).as_bytes()))? {
            return Ok(());
        }
        let mut line = String::new();
        if waits && std::io::stdin().lock().read_line(&mut line).is_ok_and(|bytes| bytes == 0 || line.trim() == "q") {
            return Ok(());
        }
    }
    place::check_are_named(&mut replay, until)
}

/// The update on a line, and under it a line for each record it left behind.
fn told(applied: &Applied<'_>) -> String {
    let (outcome, names) = (applied.outcome, applied.names);
    let (stamp, words) = (outcome.stamp, words(applied.input.bytes, applied.input.request));
    let about = [words.account, words.order_id, words.reference].join(" ");
    let place = match stamp.position {
        0 => "unnumbered".to_owned(),
        position => format!("{}:{position}", names.feed(stamp.feed)),
    };
    let mut text = format!("{} {place} {} {} {}\n", stamp.sequence, time(stamp.time_ns), words.kind, about.trim());
    outcome.codes().for_each(|code| text.push_str(&format!("    refused: {code}\n")));
    let mut scratch = ReverseWriter::default();
    for event in &outcome.orders {
        text.push_str(&line("order", event.removed, message::ORDER_STATE, outcome.bytes_of(event.state)));
    }
    for event in &outcome.holdings {
        scratch.clear();
        encode::asset_position(&mut scratch, names, event);
        text.push_str(&line("holding", event.removed, message::ASSET_POSITION, scratch.bytes()));
    }
    for event in &outcome.balances {
        scratch.clear();
        encode::cash_position(&mut scratch, names, outcome, event);
        text.push_str(&line("balance", event.removed, message::CASH_POSITION, scratch.bytes()));
    }
    text
}

fn line(kind: &str, removed: bool, message: MessageId, bytes: &[u8]) -> String {
    let mut json = Vec::new();
    if json::from_binary(message, bytes, Style { is_compact: true }, &mut json).is_err() {
        json = b"unreadable".to_vec();
    }
    let gone = if removed { " removed" } else { "" };
    format!("    {kind}{gone} {}\n", String::from_utf8_lossy(&json))
}
