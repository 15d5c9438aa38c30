//! `ordo replay --diff`: what differs between two places.

use std::path::Path;

use ordo_gateway::investigation::{Difference, differences};

use super::{Progress, of_replay, open};
use crate::Failure;
use crate::place::{self, Place};
use crate::table::{Output, Table};

pub(super) fn run(dir: &Path, a: &Place, b: &Place, output: Output) -> Result<(), Failure> {
    let mut replay = open(dir, false)?;
    let bar = Progress::new();
    place::fold(&mut replay, Some(a), |_| bar.tick()).map_err(of_replay)?;
    let (before, at_a) = (replay.views(), replay.engine().sequence());
    place::fold(&mut replay, Some(b), |_| bar.tick()).map_err(of_replay)?;
    drop(bar);
    let found = differences(&before, &replay.views());
    eprintln!("{} fields differ, {} updates between", found.len(), replay.engine().sequence() - at_a);
    table(&found).print(output.format())
}

/// A row for each field.
pub(super) fn table(differences: &[Difference]) -> Table {
    let mut table = Table::new(
        &["Record", "OwnerID", "AccountID", "Key", "Field", "Before", "After", "Change"],
        &["Before", "After", "Change"],
    );
    for it in differences {
        let change = it.change.map_or_else(String::new, |change| change.to_string());
        let names = [it.kind.name().to_owned(), it.owner.clone(), it.account.clone(), it.key.clone()];
        table.push(names.into_iter().chain([it.field.clone(), it.before.clone(), it.after.clone(), change]).collect());
    }
    table
}
