//! `ordo explain`: why a figure is what it is.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ordo_core::json::Style;
use ordo_history::investigation::{Moved, Step, Subject, explain};

use crate::journal::time;
use crate::logging::note;
use crate::place::{self, Place};
use crate::replay::{Progress, of_replay, open_beginning};
use crate::rows::Rows;
use crate::table::Output;
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
    #[command(after_help = "Example:\n  ordo explain balance OWN ACC AUD --as-at 2026-11-22T10:15:00Z --data ./data")]
    Balance { owner: String, account: String, currency: String },
    /// A holding's figures
    #[command(after_help = "Example:\n  ordo explain holding OWN ACC XNAS AAPL --as-at XNAS:120 --data ./data")]
    Holding { owner: String, account: String, exchange: String, code: String },
    /// An order's state
    #[command(after_help = "Example:\n  ordo explain order OWN ACC 17 --data ./data --json")]
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
        let format = Output::of(self.json, self.csv).format();
        let mut replay = open_beginning(&self.data, self.as_at.as_slice())?;
        let bar = Progress::new();
        let is_wanted = |engine: &_, next: &_| {
            bar.tick();
            !self.as_at.as_ref().is_some_and(|as_at| as_at.is_behind(engine, next))
        };
        let (mut rows, mut steps) = (Rows::new(COLUMNS, FIGURES, format), 0);
        let fields = explain(&mut replay, &subject, Style::default(), is_wanted, |step| {
            steps += 1;
            bar.suspend(|| step.moved.iter().try_for_each(|moved| rows.put(row(&step, moved))))
        });
        drop(bar);
        let fields = fields.map_err(of_replay)?;
        place::check_are_named(&mut replay, &self.as_at)?;
        if steps == 0 {
            return Err(Failure::new(format!("no update ever moved {subject}; check the codes")));
        }
        rows.finish()?;
        for (name, value) in &fields {
            note!("{name} {value}");
        }
        Ok(())
    }
}

const COLUMNS: &[&str] =
    &["Number", "Sequence", "Position", "Time", "Kind", "Order", "Reference", "Field", "Before", "Change", "After"];
const FIGURES: &[&str] = &["Number", "Position", "Before", "Change", "After"];

/// A figure that an update moved.
fn row(step: &Step, moved: &Moved) -> Vec<String> {
    vec![
        step.number.to_string(),
        step.sequence.clone(),
        if step.position == 0 { String::new() } else { step.position.to_string() },
        time(step.time_ns),
        step.what.kind.clone(),
        step.what.order_id.clone(),
        step.what.reference.clone(),
        moved.name.clone(),
        moved.before.to_string(),
        moved.change.map_or_else(String::new, |change| change.to_string()),
        moved.after.to_string(),
    ]
}
