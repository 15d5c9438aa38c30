//! `ordo reconcile`: a custodian's balances and holdings against the hub's.
//!
//! A record that one side does not have counts as zero there: custodians leave empty accounts out, and so may the hub.
//! Figures are compared as exact decimals, without rounding.

mod ours;
mod theirs;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use ordo_core::dec::Dec;

use crate::Failure;
use crate::logging::note;
use crate::place::Place;
use crate::table::{Output, Table};
use ours::Source;
use theirs::Theirs;

/// Compares a custodian's balances and holdings with the hub's
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ordo reconcile --balances cash.csv --holdings stock.csv --as-at 2026-11-22T06:00:00Z --data ./data
  ordo reconcile --balances cash.csv --hub http://127.0.0.1:8700 --token $TOKEN

Columns of balances: OwnerID (or Owner), AccountID (or Account), Currency, Balance (or Amount); optional:
UnbookedTransactions, UnfilledBuys, Margin. Columns of holdings: OwnerID, AccountID, Exchange, Code, Quantity; optional:
UnfilledSells. Other columns, and empty cells of optional ones, are not compared. A record that one side does not have
counts as zero there.
Prints a row for each figure that differs; the difference is theirs minus ours. Exits 0 if all figures are equal, 1 if
one differs or a row cannot be read. With --data only reads: safe on the folder of a running hub."
)]
pub(crate) struct Reconcile {
    /// The custodian's balances, as CSV
    #[arg(long, value_name = "FILE", required_unless_present = "holdings")]
    balances: Option<PathBuf>,
    /// The custodian's holdings, as CSV
    #[arg(long, value_name = "FILE")]
    holdings: Option<PathBuf>,
    /// Last place to apply: a time; with --data also a position (oms:123) or a number of the journal
    #[arg(long, value_name = "T")]
    as_at: Option<Place>,
    /// Folder of the journal [default: ./data]
    #[arg(long, value_name = "DIR", conflicts_with = "hub")]
    data: Option<PathBuf>,
    /// Compares with a running hub
    #[arg(long, value_name = "URL")]
    hub: Option<String>,
    /// Token for --hub [default: the value of ORDO_TOKEN]
    #[arg(long, requires = "hub")]
    token: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// The kind of records that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Balance,
    Holding,
}

/// The names that a column may have.
type Column = &'static [&'static str];

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::Balance => "balance",
            Kind::Holding => "holding",
        }
    }

    const fn keys(self) -> &'static [Column] {
        match self {
            Kind::Balance => &[&["OwnerID", "Owner"], &["AccountID", "Account"], &["Currency"]],
            Kind::Holding => &[&["OwnerID", "Owner"], &["AccountID", "Account"], &["Exchange"], &["Code"]],
        }
    }

    /// The first is required.
    const fn figures(self) -> &'static [Column] {
        match self {
            Kind::Balance => &[&["Balance", "Amount"], &["UnbookedTransactions"], &["UnfilledBuys"], &["Margin"]],
            Kind::Holding => &[&["Quantity"], &["UnfilledSells"]],
        }
    }
}

/// Owner, account, and the rest of the record's key, in the order of the columns.
type Key = Vec<String>;
/// The figures of the kind; none where a figure is not given.
type Figures = Vec<Option<Dec>>;
type Records = BTreeMap<Key, Figures>;

impl Reconcile {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let files = [(Kind::Balance, &self.balances), (Kind::Holding, &self.holdings)];
        let files = files.into_iter().filter_map(|(kind, file)| Some((kind, file.as_ref()?)));
        let theirs: Vec<Theirs> = files.map(|(kind, file)| Theirs::read(kind, file)).collect::<Result<_, _>>()?;
        let token = self.token.or_else(|| std::env::var("ORDO_TOKEN").ok());
        let source = Source::of(self.data, self.hub, token, self.as_at)?;
        let kinds: Vec<Kind> = theirs.iter().map(|file| file.kind).collect();
        let ours = source.records(&kinds)?;
        let mut table = Table::new(
            &["Record", "OwnerID", "AccountID", "Key", "Field", "Theirs", "Ours", "Difference"],
            &["Theirs", "Ours", "Difference"],
        );
        let (mut compared, mut differing, mut unread) = (0, 0, 0);
        for (theirs, ours) in theirs.iter().zip(&ours) {
            let keys: BTreeSet<&Key> = theirs.records.keys().chain(ours.keys()).collect();
            // A record whose row cannot be read is neither equal nor missing.
            for key in keys.into_iter().filter(|key| !theirs.unread.contains(*key)) {
                compared += 1;
                let found = differences(theirs, key, ours)?;
                differing += found.len();
                found.into_iter().for_each(|row| table.push(row));
            }
            unread += theirs.bad_rows;
        }
        table.print(self.output.format())?;
        match (differing, unread) {
            (0, 0) => {
                note!("{compared} records are equal");
                Ok(())
            }
            (differing, 0) => Err(Failure::new(format!("{differing} figures differ, in {compared} records compared"))),
            (differing, unread) => Err(Failure::new(format!(
                "{differing} figures differ, in {compared} records compared; {unread} rows cannot be read"
            ))),
        }
    }
}

/// A row for each figure of a record that differs.
fn differences(theirs: &Theirs, key: &Key, ours: &Records) -> Result<Vec<Vec<String>>, Failure> {
    let (their_record, our_record) = (theirs.records.get(key), ours.get(key));
    let mut rows = Vec::new();
    for (at, column) in theirs.kind.figures().iter().enumerate() {
        let figure = |side: Option<&Figures>| side.and_then(|figures| figures.get(at).copied().flatten());
        let (their_figure, our_figure) = (figure(their_record), figure(our_record));
        // Of a record that they have, the figures they give; of one that they do not have, the figures of their columns.
        let is_compared = if their_record.is_some() { their_figure.is_some() } else { theirs.columns[at] };
        let (their_value, our_value) = (their_figure.unwrap_or(Dec::ZERO), our_figure.unwrap_or(Dec::ZERO));
        if !is_compared || their_value == our_value {
            continue;
        }
        let difference = their_value.minus(our_value).map_err(|_| {
            Failure::new(format!("{} of {}: the difference has too many digits", column[0], key.join("/")))
        })?;
        let text = |figure: Option<Dec>| figure.map_or_else(String::new, |figure| figure.to_string());
        let names = [theirs.kind.name(), &key[0], &key[1], &key[2..].join("/"), column[0]].map(str::to_owned);
        let figures = [text(their_figure), text(our_figure), difference.normalised().to_string()];
        rows.push(names.into_iter().chain(figures).collect());
    }
    Ok(rows)
}
