//! Blocks of Markdown pages whose figures come from kept results.
//!
//! ```text
//! <!-- figures run=perf/results/2026-11-24-0123456.json
//! The engine alone applies {run.engine_updates_per_s} trades/s.
//! -->
//! The engine alone applies 1.42 M trades/s.
//! <!-- /figures -->
//! ```
//!
//! The comment names the kept results and holds the template; the lines between it and the closing comment are rendered
//! from both, and never edited. A figure is printed with its unit ([`crate::pages::figure::text`]); `{run.a / run.b}`
//! is a ratio, `{run.commit}` a condition, `{run.conditions}` all of them, `{demo}` a kept text as a whole.

pub mod figure;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::report::Report;

const OPENING: &str = "<!-- figures ";
const END_OF_TEMPLATE: &str = "-->";
const CLOSING: &str = "<!-- /figures -->";
/// Columns of a kept text; longer lines are cut.
const COLUMNS_MAX: usize = 112;

/// Files by the names that templates use for them, relative to the repository.
pub type Sources = BTreeMap<String, String>;

/// Why a page cannot be rendered.
#[derive(Debug, Error)]
pub enum PageError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{path}: {why}")]
    Result { path: PathBuf, why: String },
    #[error("{page}, line {line}: {why}")]
    Block { page: PathBuf, line: usize, why: String },
}

/// The pages of a repository: every Markdown file outside of `target` and hidden folders.
///
/// # Errors
/// If a folder cannot be read.
pub fn pages(root: &Path) -> Result<Vec<PathBuf>, PageError> {
    let (mut pages, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        for entry in entries.map_err(|source| PageError::File { path: folder.clone(), source })? {
            let (path, name) = (entry.path(), entry.file_name());
            let is_hidden = name.to_string_lossy().starts_with('.') || name == "target";
            if path.is_dir() && !is_hidden {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

/// Renders every block of a page again, from the results that `newer` names, or else from those that the block names.
///
/// # Errors
/// A result that cannot be read; a block without an end, or with a placeholder that no result has.
pub fn rendered(root: &Path, page: &Path, newer: &Sources) -> Result<String, PageError> {
    let text = read(page)?;
    let mut out = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(sources) = line.strip_prefix(OPENING) else {
            out.push_str(&format!("{line}\n"));
            continue;
        };
        let refuse = |why: String| PageError::Block { page: page.to_owned(), line: at + 1, why };
        let mut block = Block::of(sources, newer).map_err(refuse)?;
        let mut template = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != END_OF_TEMPLATE);
        block.template = template.by_ref().collect();
        if !lines.by_ref().any(|(_, line)| line == CLOSING) {
            return Err(refuse(format!("the block has no '{CLOSING}'")));
        }
        let results = block.results(root)?;
        out.push_str(&block.text(&results).map_err(refuse)?);
    }
    Ok(out)
}

/// The results that a page's blocks name.
///
/// # Errors
/// If the page cannot be read.
pub fn sources(page: &Path) -> Result<Vec<String>, PageError> {
    let text = read(page)?;
    let openings = text.lines().filter_map(|line| line.strip_prefix(OPENING));
    let files = openings.flat_map(|sources| sources.split(' ').filter_map(|it| Some(it.split_once('=')?.1.to_owned())));
    Ok(files.collect())
}

/// A kept result: a report, or the output of a command.
enum Kept {
    Report(Box<Report>),
    Text(String),
}

/// A block of a page.
struct Block<'p> {
    sources: Sources,
    template: Vec<&'p str>,
}

impl<'p> Block<'p> {
    fn of(sources: &str, newer: &Sources) -> Result<Block<'p>, String> {
        let pairs = sources.split(' ').map(|pair| {
            let (name, file) = pair.split_once('=').ok_or_else(|| format!("'{pair}': a source is NAME=FILE"))?;
            let file = newer.get(name).map_or(file, String::as_str);
            Ok((name.to_owned(), file.to_owned()))
        });
        Ok(Block { sources: pairs.collect::<Result<_, String>>()?, template: Vec::new() })
    }

    fn results(&self, root: &Path) -> Result<BTreeMap<&str, Kept>, PageError> {
        let results = self.sources.iter().map(|(name, file)| Ok((&**name, kept(&root.join(file))?)));
        results.collect()
    }

    /// The whole block, opening and closing comment included.
    fn text(&self, results: &BTreeMap<&str, Kept>) -> Result<String, String> {
        let sources: Vec<String> = self.sources.iter().map(|(name, file)| format!("{name}={file}")).collect();
        let template = self.template.join("\n");
        let rendered = self.template.iter().map(|line| filled(line, results)).collect::<Result<Vec<_>, _>>()?;
        let rendered = rendered.join("\n");
        Ok(format!("{OPENING}{}\n{template}\n{END_OF_TEMPLATE}\n{rendered}\n{CLOSING}\n", sources.join(" ")))
    }
}

fn read(path: &Path) -> Result<String, PageError> {
    fs::read_to_string(path).map_err(|source| PageError::File { path: path.to_owned(), source })
}

fn kept(path: &Path) -> Result<Kept, PageError> {
    let text = read(path)?;
    if path.extension().is_none_or(|extension| extension != "json") {
        return Ok(Kept::Text(text));
    }
    let report = Report::from_json(&text);
    let report = report.map_err(|error| PageError::Result { path: path.to_owned(), why: error.to_string() })?;
    Ok(Kept::Report(Box::new(report)))
}

/// A line of a template with its placeholders replaced.
fn filled(line: &str, results: &BTreeMap<&str, Kept>) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), line);
    while let Some((before, after)) = rest.split_once('{') {
        let (placeholder, after) = after.split_once('}').ok_or_else(|| format!("'{line}': a brace is not closed"))?;
        out.push_str(before);
        out.push_str(&value(placeholder, results)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn value(placeholder: &str, results: &BTreeMap<&str, Kept>) -> Result<String, String> {
    if let Some((one, other)) = placeholder.split_once(" / ") {
        let ratio = number(one, results)? / number(other, results)?;
        return Ok(format!("{ratio:.2}"));
    }
    if let Some(Kept::Text(text)) = results.get(placeholder) {
        return Ok(cut(text));
    }
    let (report, name) = report_of(placeholder, results)?;
    if let Some(value) = report.figures.get(name) {
        return Ok(figure::text(name, *value));
    }
    if name == "conditions" {
        return Ok(report.conditions.summary());
    }
    let condition = report.conditions.rows().into_iter().find(|(condition, _)| condition == name);
    condition.map(|(_, value)| value).ok_or_else(|| format!("{{{placeholder}}}: the result has no such figure"))
}

fn number(placeholder: &str, results: &BTreeMap<&str, Kept>) -> Result<f64, String> {
    let (report, name) = report_of(placeholder, results)?;
    report.figures.get(name).copied().ok_or_else(|| format!("{{{placeholder}}}: the result has no such figure"))
}

fn report_of<'r>(placeholder: &'r str, results: &'r BTreeMap<&str, Kept>) -> Result<(&'r Report, &'r str), String> {
    let (source, name) = placeholder.split_once('.').unwrap_or((placeholder, ""));
    match results.get(source) {
        Some(Kept::Report(report)) => Ok((report, name)),
        _ => Err(format!("{{{placeholder}}}: the block names no result '{source}'")),
    }
}

/// A kept text whose lines fit a page, without its last line end.
fn cut(text: &str) -> String {
    let lines = text.trim_end().lines().map(|line| match line.char_indices().nth(COLUMNS_MAX) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
