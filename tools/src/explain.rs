//! `ordo explain`: why a figure is what it is.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ordo_gateway::investigation::{Explanation, Subject, explain};

use crate::journal::time;
use crate::place::Place;
use crate::replay::{Progress, of_replay, open};
use crate::table::{Output, Table};
use crate::{Failure, check_folder};

/// Why a figure is what it is: each update that moved it, in order, before and after
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo explain balance OWN ACC AUD --as-at 2026-11-22T10:15:00Z --data ./data

The changes of a figure sum to what it is. An empty owner is given as ''. Reads only: safe on the folder of a running
hub.")]
pub(crate) struct Explain {
    #[command(subcommand)]
    subject: Asked,
    /// Folder of the journal
    #[arg(long, default_value = "./data", global = true)]
    data: PathBuf,
    /// The last place that counts: a time, a position (oms:123), a number of the journal
    #[arg(long, value_name = "PLACE", global = true)]
    as_at: Option<Place>,
    /// JSON lines
    #[arg(long, conflicts_with = "csv", global = true)]
    json: bool,
    /// CSV with a header row; the default when piped
    #[arg(long, global = true)]
    csv: bool,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// A balance's figures
    Balance { owner: String, account: String, currency: String },
    /// A holding's figures
    Holding { owner: String, account: String, exchange: String, code: String },
    /// An order's state
    Order { owner: String, account: String, order: String },
}

impl Explain {
    pub(crate) fn run(self) -> Result<(), Failure> {
        check_folder(&self.data)?;
        let subject = match self.subject {
            Asked::Balance { owner, account, currency } => Subject::Balance { owner, account, currency },
            Asked::Holding { owner, account, exchange, code } => Subject::Holding { owner, account, exchange, code },
            Asked::Order { owner, account, order } => Subject::Order { owner, account, order },
        };
        let mut replay = open(&self.data, false)?;
        let bar = Progress::new();
        let as_at = self.as_at.as_ref();
        let is_wanted = |engine: &_, next: &_| !as_at.is_some_and(|as_at| as_at.is_behind(engine, next));
        let explanation = explain(&mut replay, &subject, is_wanted, |_| bar.tick()).map_err(of_replay)?;
        drop(bar);
        if explanation.steps.is_empty() {
            return Err(Failure::new(format!("no update ever moved {subject}; check the codes")));
        }
        for (name, value) in &explanation.fields {
            eprintln!("{name} {value}");
        }
        table(&explanation).print(Output::of(self.json, self.csv).format())
    }
}

/// A row for each figure that each update moved.
fn table(explanation: &Explanation) -> Table {
    let mut table = Table::new(
        &["Number", "Sequence", "Position", "Time", "Kind", "Order", "Reference", "Field", "Before", "Change", "After"],
        &["Number", "Position", "Before", "Change", "After"],
    );
    for step in &explanation.steps {
        for moved in &step.moved {
            let change = moved.change.map_or_else(String::new, |change| change.to_string());
            let position = if step.position == 0 { String::new() } else { step.position.to_string() };
            table.push(vec![
                step.number.to_string(),
                step.sequence.clone(),
                position,
                time(step.time_ns),
                step.what.kind.clone(),
                step.what.order_id.clone(),
                step.what.reference.clone(),
                moved.name.clone(),
                moved.before.clone(),
                change,
                moved.after.clone(),
            ]);
        }
    }
    table
}
