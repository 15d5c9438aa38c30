//! `ordo journal dump`: the updates, readable or as JSON lines.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use ordo_core::json::{self, Style, message};
use ordo_core::wire::FeedRequest;
use ordo_gateway::investigation::words;
use ordo_gateway::replay::{Applied, Options, Replay};

use super::time;
use crate::place::Place;
use crate::replay::of_replay;
use crate::table::{self, Output, Table};
use crate::{Failure, check_folder};

/// Prints the updates, in the order in which they were applied
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo journal dump ./data --feed XNAS --from XNAS:100 --kind trade --json

A place is a number of the journal (123), a position (oms:123) or a time. --from and --to are inclusive. Reads only:
safe on the folder of a running hub.")]
pub(super) struct Dump {
    /// Folder of the journal
    dir: PathBuf,
    /// The first place to print
    #[arg(long)]
    from: Option<Place>,
    /// The last place to print
    #[arg(long)]
    to: Option<Place>,
    /// Updates of this sequence only: a feed, or oms
    #[arg(long)]
    feed: Option<String>,
    /// Updates of this account only, as OWNER/ACCOUNT
    #[arg(long)]
    account: Option<String>,
    /// Updates of the order with this OrderID only
    #[arg(long)]
    order: Option<String>,
    /// Update, Replace, Trade, CashTransfer, AssetTransfer, Operation (or one by name, as DefineOwner), Status,
    /// Configure
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// What a dump says of an update.
struct Line {
    number: u64,
    sequence: String,
    position: i64,
    time: String,
    kind: String,
    account: String,
    order: String,
    errors: Vec<String>,
    update: String,
}

impl Dump {
    pub(super) fn run(self) -> Result<(), Failure> {
        check_folder(&self.dir)?;
        let options = Options { snapshots: false, ..Options::default() };
        let mut replay = Replay::open(&self.dir, options).map_err(of_replay)?;
        let format = self.output.format();
        let mut out = BufWriter::new(std::io::stdout().lock());
        let mut table = Table::new(
            &["Number", "Sequence", "Position", "Time", "Kind", "Account", "Order", "Errors", "Update"],
            &["Number", "Position"],
        );
        while let Some(line) = self.next(&mut replay)? {
            match format {
                table::Format::JsonLines => {
                    if table::is_pipe_broken(out.write_all(line.json().as_bytes()))? {
                        return Ok(());
                    }
                }
                _ => table.push(line.row()),
            }
        }
        if format == table::Format::JsonLines {
            return table::is_pipe_broken(out.flush()).map(drop);
        }
        drop(out);
        table.print(format)
    }

    /// The next update that is asked for.
    fn next(&self, replay: &mut Replay) -> Result<Option<Line>, Failure> {
        loop {
            let Some(next) = replay.peek().map_err(of_replay)? else { return Ok(None) };
            if self.to.as_ref().is_some_and(|to| to.is_behind(replay.engine(), &next)) {
                return Ok(None);
            }
            let Some(Applied { input, outcome, names }) = replay.next().map_err(of_replay)? else { return Ok(None) };
            let line = Line::of(input.bytes, input.request, outcome);
            let stamp = outcome.stamp;
            let sequence = names.feed(stamp.feed).to_owned();
            if self.from.as_ref().is_none_or(|from| from.is_reached(&stamp, names)) && self.wants(&line, &sequence) {
                return Ok(Some(Line { sequence, ..line }));
            }
        }
    }

    fn wants(&self, line: &Line, sequence: &str) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let kind = self.kind.as_deref().is_none_or(|wanted| {
            let (family, name) = line.kind.split_once(' ').unwrap_or((&line.kind, ""));
            wanted.eq_ignore_ascii_case(family) || wanted.eq_ignore_ascii_case(name)
        });
        kind && is(&self.feed, sequence) && is(&self.account, &line.account) && is(&self.order, &line.order)
    }
}

impl Line {
    fn of(bytes: &[u8], request: &FeedRequest, outcome: &ordo_core::outcome::Outcome) -> Line {
        let words = words(bytes, request);
        let mut update = Vec::new();
        if let Err(error) =
            json::from_binary(message::FEED_REQUEST, request.span.of(bytes), Style::default(), &mut update)
        {
            update = format!("\"unreadable: {error:?}\"").into_bytes();
        }
        Line {
            number: outcome.stamp.sequence,
            sequence: String::new(),
            position: outcome.stamp.position,
            time: time(outcome.stamp.time_ns),
            kind: words.kind,
            account: words.account,
            order: words.order_id,
            errors: outcome.codes().map(str::to_owned).collect(),
            update: String::from_utf8(update).unwrap_or_default(),
        }
    }

    fn row(self) -> Vec<String> {
        vec![
            self.number.to_string(),
            self.sequence,
            // An update that changed nothing has none.
            if self.position == 0 { String::new() } else { self.position.to_string() },
            self.time,
            self.kind,
            self.account,
            self.order,
            self.errors.join(", "),
            self.update,
        ]
    }

    fn json(&self) -> String {
        let texts = [("Sequence", &self.sequence), ("Time", &self.time), ("Kind", &self.kind)];
        let texts = texts.map(|(name, text)| format!("\"{name}\":{}", table::quoted(text))).join(",");
        let errors: Vec<String> = self.errors.iter().map(|error| table::quoted(error)).collect();
        let (number, position, errors, update) = (self.number, self.position, errors.join(","), &self.update);
        format!(
            "{{\"Number\":{number},\"Position\":\"{position}\",{texts},\"Errors\":[{errors}],\"Update\":{update}}}\n"
        )
    }
}
