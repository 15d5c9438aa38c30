//! Settings of a hub: defaults, overridden by a TOML file, the environment and the command line, in this order.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::Args;
use ordo_gateway::config::{SETTINGS, Setting};
use ordo_gateway::hub::{Config, ConfigError};
use ordo_history::investigation::toml_error;
use toml::{Table, Value};

use crate::Failure;
use crate::input_file::{SETTINGS_BYTES_MAX, read_text};

/// The settings that a command was given.
#[derive(Debug, Default, Args)]
pub(crate) struct Sources {
    /// TOML file of settings
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One setting; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// The source of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File,
    Environment,
    CommandLine,
}

impl Origin {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Origin::Default => "default",
            Origin::File => "file",
            Origin::Environment => "environment",
            Origin::CommandLine => "command line",
        }
    }
}

/// Settings, and the origin of each.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    origins: BTreeMap<&'static str, Origin>,
    /// About variables of the environment.
    warnings: Vec<String>,
}

impl Sources {
    /// The settings of all sources, each overriding the one before. Not validated.
    pub(crate) fn settle(&self) -> Result<Settings, Failure> {
        let mut settings = Settings::on(Config::default());
        if let Some(file) = &self.config {
            settings.read_file(file)?;
        }
        settings.read_environment(|name| std::env::var(name).ok())?;
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        settings.warnings.extend(names.filter_map(|name| warning_about(&name)));
        settings.read_command_line(&self.set)?;
        Ok(settings)
    }
}

impl Settings {
    pub(crate) fn on(config: Config) -> Settings {
        Settings { config, origins: BTreeMap::new(), warnings: Vec::new() }
    }

    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).copied().unwrap_or(Origin::Default)
    }

    /// Valid settings that are likely mistakes, a line each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let tail = self.config.tail_dir.as_ref().and_then(|tail| {
            let why = tempfile::tempfile_in(tail).err()?;
            Some(format!("tail_dir = '{}': {why}; the tail will be in the data folder", tail.display()))
        });
        self.warnings.iter().cloned().chain(tail).collect()
    }

    fn set(&mut self, key: &str, value: &str, origin: Origin) -> Result<(), ConfigError> {
        let setting = Setting::find(key)?;
        self.config.set(key, value)?;
        self.origins.insert(setting.key, origin);
        Ok(())
    }

    /// Reads a TOML file. A key that names no setting is an error: a typo must not pass in silence.
    pub(crate) fn read_file(&mut self, file: &Path) -> Result<(), Failure> {
        let fail = |error: &dyn Display| Failure::new(format!("{}: {error}", file.display()));
        let text = read_text(file, SETTINGS_BYTES_MAX)?;
        let table: Table = text.parse().map_err(|error| fail(&toml_error(&text, &error)))?;
        if table.contains_key("layout") && table.contains_key(THREADS) {
            return Err(fail(&"layout and [[threads]] set the same thing: leave one out"));
        }
        for (key, value) in flattened(&table) {
            let (key, value) = match (key.as_str(), value) {
                (THREADS, threads) => ("layout", layout_text(threads).map_err(|why| fail(&why))?),
                (key, Value::String(text)) => (key, text.clone()),
                (key, Value::Integer(_) | Value::Boolean(_)) => (key, value.to_string()),
                (key, Value::Array(parts)) if parts.iter().all(Value::is_str) => {
                    (key, parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","))
                }
                (key, _) => {
                    Setting::find(key).map_err(|error| fail(&error))?;
                    return Err(fail(&format!("{key}: a text, a whole number, true or false")));
                }
            };
            self.set(key, &value, Origin::File).map_err(|error| fail(&error))?;
        }
        Ok(())
    }

    /// Reads `ORDO_KEY` for each setting.
    fn read_environment(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), Failure> {
        for setting in &SETTINGS {
            let name = format!("ORDO_{}", variable_key(setting.key));
            if let Some(value) = variable(&name) {
                let usage = |error| Failure::with_code(2, format!("{name}: {error}"));
                self.set(setting.key, &value, Origin::Environment).map_err(usage)?;
            }
        }
        Ok(())
    }

    /// Reads `KEY=VALUE` texts of the command line.
    pub(crate) fn read_command_line(&mut self, given: &[String]) -> Result<(), Failure> {
        for setting in given {
            let usage = |error: &dyn Display| Failure::with_code(2, format!("--set {setting}: {error}"));
            let (key, value) = setting.split_once('=').ok_or_else(|| usage(&"a setting is KEY=VALUE"))?;
            self.set(key, value, Origin::CommandLine).map_err(|error| usage(&error))?;
        }
        Ok(())
    }
}

/// The values of a file by key: `limits.header_ms` stands in the table `[limits]`.
fn flattened(table: &Table) -> Vec<(String, &Value)> {
    let entries = table.iter().map(|(key, value)| match value {
        Value::Table(group) => group.iter().map(|(name, value)| (format!("{key}.{name}"), value)).collect(),
        value => vec![(key.clone(), value)],
    });
    entries.flatten().collect()
}

/// A setting's key as a variable of the environment has it.
fn variable_key(key: &str) -> String {
    key.to_uppercase().replace('.', "_")
}

/// Variables of commands, tests and scripts.
const OTHERS_KNOWN: [&str; 10] =
    ["TOKEN", "LOG", "FLOW_DIR", "SEED", "CASES", "KILLS", "INCIDENT", "BLESS", "POWER_LOSS_CYCLES", "NUMBERS_SHORT"];
const TESTS_BEGIN: &str = "TEST_";

/// The warning about a variable that looks like a setting and names none.
fn warning_about(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("ORDO_")?;
    let is_known = |key: &str| SETTINGS.iter().any(|setting| variable_key(setting.key) == key);
    if is_known(name) || OTHERS_KNOWN.contains(&name) || name.starts_with(TESTS_BEGIN) {
        return None;
    }
    let meant = match Setting::find(&name.to_lowercase()) {
        Ok(setting) => Some(setting.key),
        Err(ConfigError::Unknown { nearest, .. }) => nearest,
        Err(_) => None,
    };
    let question = meant.map_or_else(String::new, |key| format!("; is it ORDO_{}?", variable_key(key)));
    Some(format!("{variable} in the environment names no setting, and is ignored{question}"))
}

/// The key of a layout given thread by thread: `[[threads]] core = 1, stages = ["journal", "engine"], wait = "busy"`.
const THREADS: &str = "threads";

/// Such a layout as the text of the setting.
fn layout_text(threads: &Value) -> Result<String, String> {
    let shape = "[[threads]]: each has stages = [\"journal\", ...] and may have core = 1 and wait = \"busy\"";
    let threads = threads.as_array().ok_or(shape)?;
    let texts: Result<Vec<String>, String> =
        threads.iter().map(|it| thread_text(it.as_table().ok_or(shape)?)).collect();
    Ok(texts?.join(","))
}

fn thread_text(thread: &Table) -> Result<String, String> {
    if let Some(unknown) = thread.keys().find(|key| !["core", "stages", "wait"].contains(&key.as_str())) {
        return Err(format!("[[threads]]: unknown key '{unknown}'; core, stages and wait are known"));
    }
    let stages = thread.get("stages").and_then(Value::as_array).ok_or("[[threads]]: stages are missing")?;
    let names: Option<Vec<&str>> = stages.iter().map(Value::as_str).collect();
    let mut text = names.ok_or("[[threads]]: stages are texts")?.join("+");
    if let Some(core) = thread.get("core") {
        text.push_str(&format!("@{}", core.as_integer().ok_or("[[threads]]: core is a whole number")?));
    }
    if let Some(wait) = thread.get("wait") {
        text.push_str(&format!(":{}", wait.as_str().ok_or("[[threads]]: wait is a text")?));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use ordo_gateway::hub::Durability;
    use tempfile::TempDir;

    use super::*;

    /// The defaults, overridden by the text of a file.
    fn read(text: &str) -> Result<Settings, String> {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("hub.toml");
        std::fs::write(&file, text).unwrap();
        let mut settings = Settings::on(Config::default());
        settings.read_file(&file).map_err(|failure| failure.line)?;
        Ok(settings)
    }

    #[test]
    fn a_later_source_overrides_and_each_setting_has_its_origin() {
        let mut settings =
            read("durability = \"async\"\nring_slots = 512\ntail_bytes = 1048576\ndev = true\n").unwrap();
        let variable = |name: &str| (name == "ORDO_TAIL_BYTES").then(|| "2097152".to_owned());
        settings.read_environment(variable).ok().unwrap();
        settings.read_command_line(&["ring_slots=1024".into()]).ok().unwrap();
        let config = &settings.config;
        assert_eq!((config.durability, config.ring_slots, config.dev), (Durability::Async, 1024, true));
        assert_eq!(config.tail_bytes, 2 << 20);
        let origins = ["durability", "ring_slots", "tail_bytes", "wait"].map(|key| settings.origin(key));
        assert_eq!(origins, [Origin::File, Origin::CommandLine, Origin::Environment, Origin::Default]);
    }

    #[test]
    fn a_variable_that_names_no_setting_is_warned_of_with_the_nearest_name() {
        for setting in &SETTINGS {
            assert_eq!(warning_about(&format!("ORDO_{}", setting.key.to_uppercase())), None);
        }
        for other in ["ORDO_TOKEN", "ORDO_LOG", "ORDO_TEST_PANIC", "ORDO_SEED", "PATH", "MYORDO_WAIT"] {
            assert_eq!(warning_about(other), None, "{other}");
        }
        for (variable, meant) in [
            ("ORDO_DURABILTY", "is it ORDO_DURABILITY?"),
            ("ORDO_wait", "is it ORDO_WAIT?"),
            ("ORDO_COLOUR", "is ignored"),
        ] {
            let warning = warning_about(variable).expect("it names no setting");
            assert!(warning.starts_with(variable) && warning.ends_with(meant), "{warning}");
        }
    }

    #[test]
    fn a_key_that_names_no_setting_is_an_error() {
        let Err(line) = read("durabilty = \"async\"\n") else { panic!("a typo passed") };
        assert!(line.contains("unknown setting 'durabilty'; is it 'durability'?"), "{line}");
        let Err(line) = read("[wait]\nfor = 1\n") else { panic!("a table passed for a word") };
        assert!(line.contains("wait: a text"), "{line}");
    }

    #[test]
    fn threads_in_a_file_become_a_layout() {
        let text = "[[threads]]\ncore = 0\nstages = [\"receiver\", \"publisher\"]\n\
                    [[threads]]\ncore = 1\nstages = [\"journal\", \"engine\"]\nwait = \"busy\"\n";
        let settings = read(text).unwrap();
        assert_eq!(settings.config.layout.to_string(), "receiver+publisher@0,journal+engine@1:busy,views");
        assert_eq!(settings.origin("layout"), Origin::File);
        for (text, why) in [
            ("[[threads]]\nstages = [\"receiver\"]\n", "journal is on no thread"),
            ("[[threads]]\nstages = [\"receiver\"]\npin = 1\n", "unknown key 'pin'"),
            ("layout = \"cores-2\"\n[[threads]]\nstages = []\n", "leave one out"),
            ("threads = 3\n", "[[threads]]: each has stages"),
        ] {
            let Err(line) = read(text) else { panic!("{text} passed") };
            assert!(line.contains(why), "{line}");
        }
    }
}
