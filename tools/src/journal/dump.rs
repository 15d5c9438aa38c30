//! `ordo journal dump`: the updates, readable or as JSON lines.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use ordo_core::json::{self, Style, message};
use ordo_gateway::investigation::{Words, kinds, words};
use ordo_gateway::replay::Applied;

use super::time;
use crate::place::Place;
use crate::replay::open_beginning;
use crate::rows::Rows;
use crate::table::{Format, Output, quoted};
use crate::window::Window;
use crate::{Failure, check_folder};

/// Prints the updates, in the order in which they were applied
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo journal dump ./data --feed XNAS --from XNAS:100 --kind trade --json

A place is a number of the journal (123), a position (oms:123) or a time: a point of the one order in which the updates
of all feeds were applied. --from and --to are inclusive, and bound all feeds alike: '--from oms:5 --to oms:9' is what
happened from oms:5 to oms:9, on any feed; --feed says of which. Reads only: safe on the folder of a running hub.")]
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
    /// Updates of this account only, those too that move an order away from it; as OWNER/ACCOUNT, or /ACCOUNT where it
    /// has no owner
    #[arg(long, value_parser = account)]
    account: Option<String>,
    /// Updates of the order with this OrderID only
    #[arg(long)]
    order: Option<String>,
    /// Update, Replace, Trade, CashTransfer, AssetTransfer, Operation (or one by name, as DefineOwner), Status,
    /// Configure
    #[arg(long, value_parser = kind)]
    kind: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// As updates are told: an account may be without an owner, but not without a name.
fn account(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        Some((_, account)) if !account.is_empty() => Ok(text.to_owned()),
        _ => Err("an account is written OWNER/ACCOUNT, or /ACCOUNT where it has no owner".into()),
    }
}

/// A family of kinds, or one by name.
fn kind(text: &str) -> Result<String, String> {
    let kinds = kinds();
    let is_one = |kind: &String| is_kind(text, kind);
    if kinds.iter().any(is_one) { Ok(text.to_owned()) } else { Err(format!("one of {}", kinds.join(", "))) }
}

fn is_kind(wanted: &str, kind: &str) -> bool {
    let (family, name) = kind.split_once(' ').unwrap_or((kind, ""));
    [kind, family, name].iter().any(|it| wanted.eq_ignore_ascii_case(it)) && !wanted.is_empty()
}

const COLUMNS: &[&str] = &["Number", "Sequence", "Position", "Time", "Kind", "Account", "Order", "Errors", "Update"];
const FIGURES: &[&str] = &["Number", "Position"];

/// What a dump says of an update.
struct Line {
    number: u64,
    sequence: String,
    position: i64,
    time: String,
    what: Words,
    errors: Vec<String>,
    /// As JSON.
    update: String,
}

impl Dump {
    pub(super) fn run(self) -> Result<(), Failure> {
        check_folder(&self.dir)?;
        let format = self.output.format();
        let mut replay = open_beginning(&self.dir, self.to.as_slice())?;
        let mut rows = Rows::new(COLUMNS, FIGURES, format);
        let window = Window { from: self.from.as_ref(), to: self.to.as_ref() };
        window.go_through(
            &mut replay,
            || Ok(()),
            |applied| {
                let what = words(applied.input.bytes, applied.input.request);
                if !self.wants(&what, applied.names.feed(applied.outcome.stamp.feed)) {
                    return Ok(ControlFlow::Continue(()));
                }
                let line = Line::of(applied, what);
                Ok(if format == Format::JsonLines { rows.put_json(&line.json()) } else { rows.put(line.row()) })
            },
        )?;
        rows.finish().map(drop)
    }

    fn wants(&self, what: &Words, sequence: &str) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let kind = self.kind.as_deref().is_none_or(|wanted| is_kind(wanted, &what.kind));
        let account = is(&self.account, &what.account) || is(&self.account, &what.previous_account);
        kind && account && is(&self.feed, sequence) && is(&self.order, &what.order_id)
    }
}

impl Line {
    fn of(applied: &Applied<'_>, what: Words) -> Line {
        let (input, stamp) = (&applied.input, applied.outcome.stamp);
        let mut update = Vec::new();
        let body = input.request.span.of(input.bytes);
        let update = match json::from_binary(message::FEED_REQUEST, body, Style::default(), &mut update) {
            Ok(()) => String::from_utf8(update).expect("invariant: JSON is UTF-8"),
            Err(error) => quoted(&format!("unreadable: {error:?}")),
        };
        Line {
            number: stamp.sequence,
            sequence: applied.names.feed(stamp.feed).to_owned(),
            position: stamp.position,
            time: time(stamp.time_ns),
            what,
            errors: applied.outcome.codes().map(Cow::into_owned).collect(),
            update,
        }
    }

    fn row(self) -> Vec<String> {
        vec![
            self.number.to_string(),
            self.sequence,
            // An update that changed nothing has none.
            if self.position == 0 { String::new() } else { self.position.to_string() },
            self.time,
            self.what.kind,
            self.what.account,
            self.what.order_id,
            self.errors.join(", "),
            self.update,
        ]
    }

    fn json(&self) -> String {
        let texts = [("Sequence", &self.sequence), ("Time", &self.time), ("Kind", &self.what.kind)];
        let texts = texts.map(|(name, text)| format!("\"{name}\":{}", quoted(text))).join(",");
        let errors: Vec<String> = self.errors.iter().map(|error| quoted(error)).collect();
        let (number, position, errors, update) = (self.number, self.position, errors.join(","), &self.update);
        format!(
            "{{\"Number\":{number},\"Position\":\"{position}\",{texts},\"Errors\":[{errors}],\"Update\":{update}}}\n"
        )
    }
}
