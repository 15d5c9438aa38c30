//! The whole state as one outcome: what those who follow need after an image was loaded in place of a replay.

use super::metadata::show_definition;
use super::{Engine, cash_event, holding_event};
use crate::names::FeedNo;
use crate::outcome::{MetadataKind, Outcome};

impl Engine {
    /// Puts every visible record into `out` as an event. Names are not repeated: take them from [`Engine::names`].
    pub fn describe(&self, out: &mut Outcome) {
        out.clear();
        let kinds = MetadataKind::ALL.into_iter();
        kinds.flat_map(|kind| self.state.metadata.all(kind)).for_each(|record| show_definition(record, out));
        let mut scratch = crate::wire::ReverseWriter::default();
        for (number, row) in self.state.orders.iter() {
            if row.is_some() {
                self.state.show_order(number, false, out);
            }
        }
        for (number, row) in self.state.requests.rows.iter() {
            if let Some(row) = row {
                let state = out.keep(self.state.bytes.get(row.state));
                out.requests.push(row.event(number, false, state));
            }
        }
        for (number, row) in self.state.cash.iter() {
            let event = row.map(|row| cash_event(number, row, &mut scratch, &mut out.bytes));
            out.balances.extend(event.filter(|event| !event.removed));
        }
        for (number, row) in self.state.holdings.iter() {
            let event = row.map(|row| holding_event(number, row));
            out.holdings.extend(event.filter(|event| !event.removed));
        }
    }

    /// Every feed that had a status, with its encoded FeedDetails.
    pub fn feed_details(&self) -> impl Iterator<Item = (FeedNo, Vec<u8>)> {
        self.state.feeds.iter().enumerate().filter_map(|(number, row)| {
            row.details.as_ref().map(|details| (FeedNo(number as u32), prost::Message::encode_to_vec(details)))
        })
    }
}
