//! `ViewRecords`: what a view holds at one point, and its encoding as events, in pieces.

use std::sync::Arc;

use prost::Message;

use super::feed_routes::route;
use super::filter::Filter;
use super::subject::Subject;
use crate::encode;
use crate::metadata::{Metadata, MetadataRecord};
use crate::names::Names;
use crate::outcome::MetadataKind;
use crate::proto::{FeedDetails, SubscriptionType, UpdateEventType};
use crate::views::{Record, Table, Views};
use crate::wire::ReverseWriter;

/// A message of a snapshot holds about this many bytes of records.
pub const SNAPSHOT_MESSAGE_BYTES: usize = 64 * 1024;
/// Records that one call of [`RecordWriter::write_some`] looks at: callers hold a lock meanwhile.
const RECORDS_PER_TURN: usize = 8 * 1024;

/// See the module.
#[derive(Debug)]
pub enum ViewRecords {
    /// Of this event type; as Actions of type Replace where that is the type.
    Of(UpdateEventType, Table<Record>),
    /// Orders, of which those that are open and go to a feed count; and what decides where they go.
    Routed(Table<Record>, Box<Metadata>),
    /// FeedDetails.
    Feeds(Vec<Arc<[u8]>>),
    Definitions(Vec<MetadataRecord>),
    Nothing,
}

/// Definitions as a snapshot shows them: what others name comes before them.
const DEFINITIONS: [MetadataKind; 4] =
    [MetadataKind::Exchange, MetadataKind::RequestStatus, MetadataKind::Owner, MetadataKind::Account];

impl ViewRecords {
    /// What a view holds now.
    pub fn of(view: SubscriptionType, views: &Views) -> ViewRecords {
        match view {
            SubscriptionType::Balances => ViewRecords::Of(UpdateEventType::Balance, views.balances().clone()),
            SubscriptionType::Holdings => ViewRecords::Of(UpdateEventType::Holding, views.holdings().clone()),
            SubscriptionType::Orders => ViewRecords::Of(UpdateEventType::Order, views.orders().clone()),
            SubscriptionType::Updates => ViewRecords::Of(UpdateEventType::Action, views.orders().clone()),
            SubscriptionType::Feed => ViewRecords::Routed(views.orders().clone(), Box::new(views.metadata().clone())),
            SubscriptionType::Status => ViewRecords::Feeds(views.feeds().cloned().collect()),
            SubscriptionType::Metadata => {
                let kinds = DEFINITIONS.into_iter();
                ViewRecords::Definitions(kinds.flat_map(|kind| views.metadata().all(kind)).cloned().collect())
            }
            _ => ViewRecords::Nothing,
        }
    }

    /// One more than the largest number that may have a record.
    fn numbers(&self) -> u32 {
        match self {
            ViewRecords::Of(_, table) | ViewRecords::Routed(table, _) => table.numbers(),
            ViewRecords::Feeds(feeds) => feeds.len() as u32,
            ViewRecords::Definitions(definitions) => definitions.len() as u32,
            ViewRecords::Nothing => 0,
        }
    }

    /// Writes the record of a number as an event, if there is one and it passes.
    fn put(&self, number: u32, w: &mut ReverseWriter, names: &Names, filter: &mut Filter) {
        match self {
            ViewRecords::Of(kind, table) => {
                let Some(record) = table.get(number) else { return };
                if filter.passes(names, record.account, record.instrument) {
                    match kind {
                        UpdateEventType::Action => encode::replace_action_event(w, &record.bytes),
                        kind => encode::record_event(w, *kind, &record.bytes),
                    }
                }
            }
            ViewRecords::Routed(table, metadata) => {
                let Some(record) = table.get(number).filter(|record| !record.completed) else { return };
                if filter.passes(names, record.account, record.instrument)
                    && filter.passes_feed(route(metadata, names, record))
                {
                    encode::record_event(w, UpdateEventType::Order, &record.bytes);
                }
            }
            ViewRecords::Feeds(feeds) => {
                if let Some(details) = feeds.get(number as usize)
                    && filter.passes_feed(&feed_id(details))
                {
                    encode::record_event(w, UpdateEventType::Status, details);
                }
            }
            ViewRecords::Definitions(definitions) => {
                let Some(MetadataRecord { details, bytes }) = definitions.get(number as usize) else { return };
                let (first, second) = details.key();
                if filter.passes_subject(&Subject::of_definition(details.kind(), first, second)) {
                    encode::definition_event(w, details.kind(), bytes);
                }
            }
            ViewRecords::Nothing => {}
        }
    }
}

/// Records on their way into messages.
#[derive(Debug)]
pub struct RecordWriter {
    records: ViewRecords,
    next_record: u32,
    is_complete: bool,
}

impl RecordWriter {
    pub fn new(records: ViewRecords) -> RecordWriter {
        RecordWriter { records, next_record: 0, is_complete: false }
    }

    /// Whether all have been written.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Writes the next records that pass, about `bytes` of them; none are written of many that do not pass.
    pub fn write_some(&mut self, w: &mut ReverseWriter, names: &Names, filter: &mut Filter, bytes: usize) {
        for _ in 0..RECORDS_PER_TURN {
            if w.len() >= bytes || self.is_complete {
                break;
            }
            self.records.put(self.next_record, w, names, filter);
            self.next_record += 1;
            self.is_complete = self.next_record >= self.records.numbers();
        }
    }
}

/// The feed that FeedDetails are of.
fn feed_id(details: &[u8]) -> String {
    FeedDetails::decode(details).unwrap_or_default().feed_id
}
