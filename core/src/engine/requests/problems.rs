//! `Problems`: what the checks of one request found, all at once.

use crate::refusal::{Code, Refusal};

/// See the module. Each refusal once, in the order in which they were found.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct Problems(Vec<Refusal>);

impl Problems {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, problem: impl Into<Refusal>) {
        let problem = problem.into();
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// Notes a code unless the condition holds.
    pub(super) fn require(&mut self, holds: bool, code: Code) {
        if !holds {
            self.push(code);
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Refusal> {
        self.0.iter()
    }
}
