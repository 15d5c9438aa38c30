//! `ordo config`: the effective settings, with meaning, cost and origin of each.

use std::path::{Path, PathBuf};

use clap::Args;
use ordo_gateway::config::{SETTINGS, Setting};
use ordo_gateway::hub;

use crate::Failure;
use crate::logging::note;
use crate::settings::{Settings, Sources};
use crate::table::{Format, Output, Table, print};

/// Prints the effective settings of a hub, or checks a settings file
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ordo config --config hub.toml --set durability=async
  ordo config --check hub.toml

Prints value, unit, default, range, origin (default, file, environment or command line) and meaning of each setting, and
the cost of a larger value (true, or further right in the range) and of a smaller one. --check exits 0 if a hub accepts
the file, or 1 with the reason. Warnings are those of a starting hub: a tail_dir in which no file can be made and,
without --check, ORDO_ variables that name no setting.")]
pub(crate) struct Config {
    #[command(flatten)]
    sources: Sources,
    /// Checks a settings file and prints nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "set", "json", "csv"])]
    check: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

const COLUMNS: [&str; 9] = ["key", "value", "unit", "default", "range", "origin", "meaning", "cost_up", "cost_down"];

impl Config {
    pub(crate) fn run(self) -> Result<(), Failure> {
        if let Some(file) = &self.check {
            return check(file);
        }
        let settings = self.sources.settle()?;
        settings.config.validate().map_err(Failure::new)?;
        warn(&settings);
        match self.output.format() {
            Format::Table => print(&paragraphs(&settings)),
            format => table(&settings).print(format),
        }
    }
}

fn check(file: &Path) -> Result<(), Failure> {
    let mut settings = Settings::on(hub::Config::default());
    settings.read_file(file)?;
    let refused = |error| Failure::new(format!("{}: {error}", file.display()));
    settings.config.validate().map_err(refused)?;
    warn(&settings);
    print(&format!("{}: good\n", file.display()))
}

/// Prints the warnings of a starting hub.
fn warn(settings: &Settings) {
    for warning in settings.warnings() {
        note!("warning: {warning}");
    }
}

fn table(settings: &Settings) -> Table {
    let mut table = Table::new(&COLUMNS, &[]);
    for setting in &SETTINGS {
        let cells = cells(setting, settings);
        table.push([setting.key].into_iter().map(str::to_owned).chain(cells).collect());
    }
    table
}

/// The cells of a setting after its key, in the order of the columns.
fn cells(setting: &Setting, settings: &Settings) -> [String; 8] {
    let default = setting.value(&hub::Config::default());
    let origin = settings.origin(setting.key).name();
    let [unit, origin, meaning, up, down] =
        [setting.unit, origin, setting.meaning, setting.up, setting.down].map(str::to_owned);
    [setting.value(&settings.config), unit, default, setting.range(), origin, meaning, up, down]
}

/// A paragraph for each setting: on a terminal the texts are too long for columns.
fn paragraphs(settings: &Settings) -> String {
    let paragraph = |setting: &Setting| {
        let [value, unit, default, range, origin, meaning, up, down] = cells(setting, settings);
        format!(
            "{} = {value}  ({unit}; {origin})\n    {meaning}\n    takes    {range}; default {default}\n    \
             up       {up}\n    down     {down}\n\n",
            setting.key
        )
    };
    SETTINGS.iter().map(paragraph).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_shown_with_its_origin() {
        let mut settings = Settings::on(hub::Config::default());
        settings.read_command_line(&["ring_slots=512".into()]).ok().unwrap();
        let text = paragraphs(&settings);
        for setting in &SETTINGS {
            assert!(text.contains(&format!("{} = ", setting.key)), "{}", setting.key);
        }
        assert!(text.contains("ring_slots = 512  (slots; command line)"), "{text}");
        assert!(text.contains("listen = 127.0.0.1:8700  (address:port; default)"), "{text}");
    }

    #[test]
    fn a_good_file_passes_the_check_and_a_contradiction_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hub.toml");
        std::fs::write(&file, "wait = \"busy\"\nlayout = \"cores-4\"\n").unwrap();
        assert!(check(&file).is_ok());
        std::fs::write(&file, "message_bytes_max = 4194304\ntail_bytes = 1048576\n").unwrap();
        let Err(failure) = check(&file) else { panic!("the contradiction passed") };
        assert!(failure.code == 1 && failure.line.contains("tail_bytes"), "{}", failure.line);
    }
}
