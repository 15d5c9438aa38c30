//! `Problems`: the error codes of one request, all at once, without an allocation once warm.

use std::fmt::{Display, Write as _};

/// See the module. Each code once, in the order in which they were found.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct Problems {
    text: String,
    ends: Vec<u32>,
}

impl Problems {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Notes a code, with the figure or name that follows it.
    pub(super) fn push(&mut self, code: impl Display) {
        let start = self.text.len();
        write!(self.text, "{code}").expect("invariant: a String takes what is written to it");
        if self.iter().any(|known| known == &self.text[start..]) {
            self.text.truncate(start);
        } else {
            self.ends.push(self.text.len() as u32);
        }
    }

    /// Notes a code unless the condition holds.
    pub(super) fn require(&mut self, holds: bool, code: &'static str) {
        if !holds {
            self.push(code);
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &str> {
        let start = |at: usize| if at == 0 { 0 } else { self.ends[at - 1] as usize };
        (0..self.ends.len()).map(move |at| &self.text[start(at)..self.ends[at] as usize])
    }
}
