//! `ViewRecords`: the content of a view at one point, and its encoding as events, in pieces.

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

/// Bytes of records in one message of a snapshot, about.
pub const SNAPSHOT_MESSAGE_BYTES: usize = 64 * 1024;
/// Records that one call of [`RecordWriter::write_some`] looks at. Callers hold a lock meanwhile.
const RECORDS_PER_TURN: usize = 8 * 1024;

/// See the module.
#[derive(Debug)]
pub enum ViewRecords {
    /// Records of this event type. Of type Action: orders, as Replace actions.
    Of(UpdateEventType, Table<Record>),
    /// Orders, of which open ones are shown, and the metadata that routes them.
    Routed(Table<Record>, Box<Metadata>),
    /// Encoded FeedDetails.
    Feeds(Vec<Arc<[u8]>>),
    Definitions(Vec<MetadataRecord>),
    Nothing,
}

/// Order of definitions in a snapshot: a definition comes before those that name it.
const DEFINITIONS: [MetadataKind; 4] =
    [MetadataKind::Exchange, MetadataKind::RequestStatus, MetadataKind::Owner, MetadataKind::Account];

impl ViewRecords {
    /// The present content of a view.
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

    /// One more than the largest record number.
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

/// Writes the content of a view in pieces.
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

    /// Whether all records have been written.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Writes further records that pass, about `bytes` of them. It may write none and not be complete.
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

/// The feed that FeedDetails name.
fn feed_id(details: &[u8]) -> String {
    FeedDetails::decode(details).unwrap_or_default().feed_id
}
