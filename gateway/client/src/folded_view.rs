//! `FoldedView`: one subscription's records by key, folded from its snapshot and events.
//!
//! This is the test of every view: at the same position it holds what REST answers. Records stay encoded, as they came;
//! [`FoldedView::records`] decodes them.
//!
//! Invariants: in each sequence positions increase from event to event and never fall behind a Bookmark; one that
//! comes twice is an error, not an overwrite.
//!
//! Absent on purpose: Transactions have no key, and requests of the Feed view none here. Their events are counted and
//! handed to the caller (`Subscriber::next`).

use std::collections::BTreeMap;

use ordo_core::proto::{EventMessageType, SubscriptionDetails, SubscriptionType, UpdateAction};
use ordo_core::wire::field;
use prost::Message;

use super::fields::{Fields, find};
use super::frame::{Event, Place, positions};
use super::{ClientError, Frame};

/// The key of a record: owner, account, then what tells it from the account's others, each behind its length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key of its parts: `["XS", "A", "AUD"]` of a balance, `["XS", "A", "XASX", "BHP"]` of a holding,
    /// `["XS", "A", "1"]` of an order or a request, `["prodigy"]` of a feed; of definitions `["Owner", "XS"]`,
    /// `["Account", "XS", "A"]`, `["Exchange", "XASX"]`, `["RequestStatus", "Pending"]`.
    #[must_use]
    pub fn of(parts: &[&str]) -> Key {
        let mut key = Key::default();
        parts.iter().for_each(|part| key.push(part.as_bytes()));
        key
    }

    fn push(&mut self, part: &[u8]) {
        self.0.extend_from_slice(&(part.len() as u32).to_be_bytes());
        self.0.extend_from_slice(part);
    }
}

/// What a message was to the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    SnapshotStart,
    /// Records of a snapshot.
    Snapshot {
        records: usize,
    },
    SnapshotFinish,
    /// An update's events, at its position in its sequence.
    Update {
        position: i64,
        events: usize,
    },
    Bookmark {
        position: i64,
    },
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct FoldedView {
    details: SubscriptionDetails,
    records: BTreeMap<Vec<u8>, Box<[u8]>>,
    positions: BTreeMap<Box<str>, i64>,
    is_live: bool,
    updates: u64,
    events: u64,
    key: Key,
}

impl FoldedView {
    #[must_use]
    pub fn new(details: SubscriptionDetails) -> FoldedView {
        FoldedView { details, ..FoldedView::default() }
    }

    /// What was subscribed, as the hub accepted it.
    #[must_use]
    pub fn details(&self) -> &SubscriptionDetails {
        &self.details
    }

    /// Whether the snapshot is complete.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// A record as it came, encoded.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&[u8]> {
        self.records.get(&key.0).map(|bytes| &**bytes)
    }

    /// Every record, encoded, by key.
    pub fn encoded(&self) -> impl Iterator<Item = &[u8]> {
        self.records.values().map(|bytes| &**bytes)
    }

    /// Every record decoded, by key: `view.records::<CashPosition>()`.
    ///
    /// # Errors
    /// `Unreadable`: a record that is no such message.
    pub fn records<M: Message + Default>(&self) -> Result<Vec<M>, ClientError> {
        self.encoded()
            .map(|bytes| M::decode(bytes).map_err(|error| ClientError::Unreadable(error.to_string())))
            .collect()
    }

    /// The last position seen of every sequence: the snapshot's, then those of updates and Bookmarks.
    #[must_use]
    pub fn positions(&self) -> &BTreeMap<Box<str>, i64> {
        &self.positions
    }

    #[must_use]
    pub fn position(&self, sequence: &str) -> i64 {
        self.positions.get(sequence).copied().unwrap_or(0)
    }

    /// Live updates folded so far.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Events in those updates.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Folds the next message of this subscription.
    ///
    /// # Errors
    /// `OutOfOrder`; `Unreadable`: a message of no such kind, or events that are not of this view.
    pub fn fold(&mut self, frame: &Frame) -> Result<Step, ClientError> {
        self.fold_event(&frame.event()?)
    }

    pub(super) fn fold_event(&mut self, event: &Event<'_>) -> Result<Step, ClientError> {
        match EventMessageType::try_from(event.kind as i32) {
            Ok(EventMessageType::SnapshotStart) => self.start(event),
            Ok(EventMessageType::SnapshotFinish) => {
                self.is_live = true;
                Ok(Step::SnapshotFinish)
            }
            Ok(EventMessageType::Bookmark) => {
                let place = event.position.unwrap_or_default();
                self.move_to(place, true)?;
                Ok(Step::Bookmark { position: place.position })
            }
            Ok(EventMessageType::Update) => self.update(event),
            _ => Err(ClientError::Unreadable(format!("a message of type {} in a subscription", event.kind))),
        }
    }

    fn start(&mut self, event: &Event<'_>) -> Result<Step, ClientError> {
        let positions = positions(event.snapshot)?;
        // A resumed subscription says no positions: its records go on from where they were.
        if !positions.is_empty() {
            self.records.clear();
            self.positions = positions.into_iter().map(|(sequence, position)| (sequence.into(), position)).collect();
        }
        self.is_live = false;
        Ok(Step::SnapshotStart)
    }

    fn update(&mut self, event: &Event<'_>) -> Result<Step, ClientError> {
        if let Some(place) = event.position {
            self.move_to(place, false)?;
        }
        let mut count = 0;
        for update in event.updates() {
            self.take(update?)?;
            count += 1;
        }
        match event.position {
            None => Ok(Step::Snapshot { records: count }),
            Some(place) => {
                self.updates += 1;
                self.events += count as u64;
                Ok(Step::Update { position: place.position, events: count })
            }
        }
    }

    fn move_to(&mut self, place: Place<'_>, may_stay: bool) -> Result<(), ClientError> {
        let Place { sequence, position } = place;
        match self.positions.get_mut(sequence) {
            Some(last) if position > *last || (may_stay && position == *last) => *last = position,
            None => drop(self.positions.insert(sequence.into(), position)),
            Some(last) => {
                return Err(ClientError::OutOfOrder { sequence: sequence.into(), position, last: *last });
            }
        }
        Ok(())
    }

    /// One UpdateEvent.
    fn take(&mut self, update: &[u8]) -> Result<(), ClientError> {
        let Some(shape) = Shape::of(self.details.r#type()) else { return Ok(()) };
        let is_metadata = self.details.r#type() == SubscriptionType::Metadata;
        let (mut action, mut record) = (UpdateAction::Update as u64, None);
        for entry in Fields::new(update) {
            match entry? {
                (field::update_event::UPDATE_ACTION, value) => action = value.number(),
                (number, value) if number == shape.record => record = Some(value.bytes()),
                _ => {}
            }
        }
        // An Operation in the Updates view has no record, and a request in the Feed view none.
        let Some(record) = record.map(|record| shape.content(record)).transpose()? else { return Ok(()) };
        self.key.0.clear();
        if is_metadata {
            definition_key(record, &mut self.key)?;
        } else {
            shape.key(record, &mut self.key)?;
        }
        if action == UpdateAction::Remove as u64 {
            self.records.remove(&self.key.0);
            return Ok(());
        }
        match self.records.get_mut(&self.key.0) {
            Some(old) if old.len() == record.len() => old.copy_from_slice(record),
            Some(old) => *old = record.into(),
            None => drop(self.records.insert(self.key.0.clone(), record.into())),
        }
        Ok(())
    }
}

/// Where a view's records and their keys stand in its events.
struct Shape {
    /// Field of UpdateEvent.
    record: u32,
    /// Field in which the record itself lies, where it is not the record; 0: it is.
    inner: u32,
    /// Field in which the key's fields lie; 0: in the record.
    keyed: u32,
    /// The account's field, and those of the key's other parts; an account of 0: none.
    account: u32,
    parts: &'static [u32],
}

impl Shape {
    fn of(view: SubscriptionType) -> Option<Shape> {
        use field::{asset_position, cash_position, client_request, client_request_state, external_action};
        use field::{feed_details, order_state, update_event};
        let shape = |record, account, parts| Shape { record, inner: 0, keyed: 0, account, parts };
        Some(match view {
            SubscriptionType::Balances => {
                shape(update_event::BALANCE, cash_position::ACCOUNT, &[cash_position::CURRENCY])
            }
            SubscriptionType::Holdings => {
                let parts = &[asset_position::EXCHANGE, asset_position::CODE];
                shape(update_event::HOLDING, asset_position::ACCOUNT, parts)
            }
            SubscriptionType::Orders | SubscriptionType::Feed => {
                shape(update_event::ORDER, order_state::ACCOUNT, &[order_state::ORDER_ID])
            }
            SubscriptionType::Metadata => shape(update_event::OPERATION, 0, &[]),
            SubscriptionType::Updates => Shape {
                inner: external_action::ORDER,
                ..shape(update_event::ACTION, order_state::ACCOUNT, &[order_state::ORDER_ID])
            },
            SubscriptionType::Requests => Shape {
                keyed: client_request_state::REQUEST,
                ..shape(update_event::REQUEST, client_request::ACCOUNT, &[client_request::REQUEST_ID])
            },
            SubscriptionType::Status => shape(update_event::STATUS, 0, &[feed_details::FEED_ID]),
            _ => return None,
        })
    }

    fn content<'a>(&self, record: &'a [u8]) -> Result<&'a [u8], ClientError> {
        if self.inner == 0 { Ok(record) } else { find(record, self.inner) }
    }

    fn key(&self, record: &[u8], key: &mut Key) -> Result<(), ClientError> {
        let keyed = if self.keyed == 0 { record } else { find(record, self.keyed)? };
        if self.account != 0 {
            let account = find(keyed, self.account)?;
            key.push(find(account, field::account::OWNER_ID)?);
            key.push(find(account, field::account::ACCOUNT_ID)?);
        }
        for part in self.parts {
            key.push(find(keyed, *part)?);
        }
        Ok(())
    }
}

/// The key of what an Operation defines or drops.
fn definition_key(operation: &[u8], key: &mut Key) -> Result<(), ClientError> {
    use field::{account_details, exchange_details, operation as f, owner_details, request_status_details};
    let kinds = [
        (f::OWNER_DETAILS, "Owner", owner_details::OWNER_ID),
        (f::EXCHANGE_DETAILS, "Exchange", exchange_details::EXCHANGE),
        (f::REQUEST_STATUS, "RequestStatus", request_status_details::CODE),
    ];
    for entry in Fields::new(operation) {
        let (number, value) = entry?;
        if number == f::ACCOUNT_DETAILS {
            let account = find(value.bytes(), account_details::ACCOUNT)?;
            key.push(b"Account");
            key.push(find(account, field::account::OWNER_ID)?);
            key.push(find(account, field::account::ACCOUNT_ID)?);
        } else if let Some((_, word, code)) = kinds.iter().find(|(details, ..)| *details == number) {
            key.push(word.as_bytes());
            key.push(find(value.bytes(), *code)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
