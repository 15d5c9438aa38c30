//! `ordo replay --step`: update by update, each with what it changed; as text for reading, or as JSON lines.

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
use crate::table::{Format, Output, is_pipe_broken, quoted};

pub(super) fn run(dir: &Path, until: Option<&Place>, output: Output) -> Result<(), Failure> {
    let mut replay = open_beginning(dir, until.map_or(&[], std::slice::from_ref))?;
    let is_json = output.format() == Format::JsonLines;
    let waits = !is_json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut out = std::io::stdout().lock();
    while let Some(next) = replay.peek().map_err(of_replay)? {
        if until.is_some_and(|until| until.is_behind(replay.engine(), &next)) {
            break;
        }
        let Some(applied) = replay.next().map_err(of_replay)? else { break };
        let text = if is_json { json_line(&applied) } else { told(&applied) };
        if is_pipe_broken(out.write_all(text.as_bytes()))? {
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
    each_record(applied, |kind, removed, json| {
        let gone = if removed { " removed" } else { "" };
        text.push_str(&format!("    {kind}{gone} {json}\n"));
    });
    text
}

/// The same as an object.
fn json_line(applied: &Applied<'_>) -> String {
    let (outcome, names) = (applied.outcome, applied.names);
    let (stamp, words) = (outcome.stamp, words(applied.input.bytes, applied.input.request));
    let texts = [
        ("Sequence", names.feed(stamp.feed)),
        ("Position", &*stamp.position.to_string()),
        ("Time", &time(stamp.time_ns)),
        ("Kind", &words.kind),
        ("Account", &words.account),
        ("Order", &words.order_id),
        ("Reference", &words.reference),
    ];
    let texts = texts.map(|(name, text)| format!("\"{name}\":{}", quoted(text))).join(",");
    let errors = outcome.codes().map(|code| quoted(&code)).collect::<Vec<_>>().join(",");
    let mut records = Vec::new();
    each_record(applied, |kind, removed, json| {
        records.push(format!("{{\"Record\":\"{kind}\",\"IsRemoved\":{removed},\"State\":{json}}}"));
    });
    let (number, records) = (stamp.sequence, records.join(","));
    format!("{{\"Number\":{number},{texts},\"Errors\":[{errors}],\"Records\":[{records}]}}\n")
}

/// Each record that an update left behind, as JSON, and whether it was removed.
fn each_record(applied: &Applied<'_>, mut tell: impl FnMut(&str, bool, &str)) {
    let (outcome, names) = (applied.outcome, applied.names);
    let mut scratch = ReverseWriter::default();
    for event in &outcome.orders {
        tell("order", event.removed, &json_of(message::ORDER_STATE, outcome.bytes_of(event.state)));
    }
    for event in &outcome.holdings {
        scratch.clear();
        encode::asset_position(&mut scratch, names, event);
        tell("holding", event.removed, &json_of(message::ASSET_POSITION, scratch.bytes()));
    }
    for event in &outcome.balances {
        scratch.clear();
        encode::cash_position(&mut scratch, names, outcome, event);
        tell("balance", event.removed, &json_of(message::CASH_POSITION, scratch.bytes()));
    }
}

fn json_of(message: MessageId, bytes: &[u8]) -> String {
    let mut json = Vec::new();
    match json::from_binary(message, bytes, Style { is_compact: true }, &mut json) {
        Ok(()) => String::from_utf8(json).expect("invariant: JSON is UTF-8"),
        Err(_) => quoted("unreadable"),
    }
}
