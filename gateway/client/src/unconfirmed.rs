//! `Unconfirmed`: what an adapter has submitted and does not know to be durable, in order, to be sent again.

use std::collections::VecDeque;

use bytes::Bytes;

/// See the module.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    updates: VecDeque<(i64, Bytes)>,
    bytes: usize,
    bytes_max: usize,
    /// Sent in form and order up to this position; what is above waits for the feed to be resumed.
    sent_until: i64,
}

impl Unconfirmed {
    pub(super) fn new(bytes_max: usize) -> Unconfirmed {
        Unconfirmed { updates: VecDeque::new(), bytes: 0, bytes_max, sent_until: 0 }
    }

    /// One update always fits into an empty buffer, however large it is.
    pub(super) fn has_room_for(&self, update: &Bytes) -> bool {
        self.updates.is_empty() || self.bytes + update.len() <= self.bytes_max
    }

    pub(super) fn push(&mut self, position: i64, update: Bytes) {
        debug_assert!(self.updates.back().is_none_or(|(last, _)| *last < position));
        self.bytes += update.len();
        self.updates.push_back((position, update));
    }

    /// Drops everything up to a position: it is durable.
    pub(super) fn forget_until(&mut self, position: i64) {
        while let Some((first, update)) = self.updates.front()
            && *first <= position
        {
            self.bytes -= update.len();
            self.updates.pop_front();
        }
    }

    /// What to send next goes on from here.
    pub(super) fn rewind_to(&mut self, position: i64) {
        self.sent_until = position;
    }

    /// The next update that is not sent yet.
    pub(super) fn next_unsent(&mut self) -> Option<Bytes> {
        let (last, _) = self.updates.back()?;
        if *last <= self.sent_until {
            return None;
        }
        let at = self.updates.partition_point(|(position, _)| *position <= self.sent_until);
        let (position, update) = &self.updates[at];
        self.sent_until = *position;
        Some(update.clone())
    }

    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(positions: &[i64]) -> Unconfirmed {
        let mut buffer = Unconfirmed::new(10);
        positions.iter().for_each(|position| buffer.push(*position, Bytes::from(format!("u{position}"))));
        buffer
    }

    fn unsent(buffer: &mut Unconfirmed) -> Vec<Bytes> {
        std::iter::from_fn(|| buffer.next_unsent()).collect()
    }

    #[test]
    fn after_a_resume_only_what_is_above_it_is_sent_again() {
        let mut buffer = buffer(&[3, 5, 9]);
        assert_eq!(unsent(&mut buffer), ["u3", "u5", "u9"]);
        buffer.rewind_to(6);
        assert_eq!(unsent(&mut buffer), ["u9"]);
    }

    #[test]
    fn what_is_recorded_but_not_durable_is_kept() {
        let mut buffer = buffer(&[3, 5, 9]);
        buffer.forget_until(4);
        buffer.rewind_to(0);
        assert_eq!(unsent(&mut buffer), ["u5", "u9"]);
    }

    #[test]
    fn a_full_buffer_has_no_room_until_a_bookmark_makes_some() {
        let mut buffer = buffer(&[1, 2, 3, 4]);
        let next = Bytes::from("abc");
        assert!(!buffer.has_room_for(&next));
        buffer.forget_until(1);
        assert!(buffer.has_room_for(&Bytes::from("abcd")));
        assert!(!buffer.has_room_for(&Bytes::from("abcde")));
    }

    #[test]
    fn an_update_larger_than_the_buffer_fits_when_it_is_alone() {
        assert!(buffer(&[]).has_room_for(&Bytes::from(vec![0; 11])));
    }
}
