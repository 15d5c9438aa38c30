//! Definitions as part of the state: each adds to the state hash, and each change is an event.

use prost::Message;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use super::Engine;
use super::rows::bytes_hash;
use super::state::State;
use crate::metadata::{Details, Metadata, MetadataRecord};
use crate::outcome::{MetadataEvent, MetadataKind, Outcome};

impl Engine {
    /// What is defined now.
    pub fn metadata(&self) -> &Metadata {
        &self.state.metadata
    }

    /// Puts a definition in place of what its key had. False, and no event, if it had the same.
    pub(super) fn define(&mut self, details: Details, out: &mut Outcome) -> bool {
        let record = MetadataRecord::new(details);
        let (first, second) = record.details.key();
        let known = self.state.metadata.get(record.details.kind(), first, second);
        if known.is_some_and(|known| known.bytes == record.bytes) {
            return false;
        }
        show_definition(&record, out);
        self.state.set_metadata(record);
        true
    }

    /// Drops the definition that `named` has the key of. False, and no event, if there is none.
    pub(super) fn undefine(&mut self, named: Details, out: &mut Outcome) -> bool {
        let kind = named.kind();
        let (first, second) = named.key();
        let Some(old) = self.state.drop_metadata(kind, first, second) else { return false };
        let (first, second) = (out.keep(first.as_bytes()), out.keep(second.as_bytes()));
        let (details, operation) = (out.keep(&old.bytes), out.keep(&named.undefine().encode_to_vec()));
        out.metadata.push(MetadataEvent { kind, first, second, removed: true, details, operation });
        true
    }
}

/// The event of a definition as it is.
pub(super) fn show_definition(record: &MetadataRecord, out: &mut Outcome) {
    let (kind, (first, second)) = (record.details.kind(), record.details.key());
    let (first, second) = (out.keep(first.as_bytes()), out.keep(second.as_bytes()));
    let details = out.keep(&record.bytes);
    let operation = out.keep(&record.details.clone().define().encode_to_vec());
    out.metadata.push(MetadataEvent { kind, first, second, removed: false, details, operation });
}

impl State {
    pub(super) fn set_metadata(&mut self, record: MetadataRecord) {
        let new = record_hash(&record);
        let old = self.metadata.set(record).map_or(0, |old| record_hash(&old));
        self.rehash(old, new);
    }

    pub(super) fn drop_metadata(&mut self, kind: MetadataKind, first: &str, second: &str) -> Option<MetadataRecord> {
        let old = self.metadata.remove(kind, first, second)?;
        self.rehash(record_hash(&old), 0);
        Some(old)
    }
}

fn record_hash(record: &MetadataRecord) -> u128 {
    let letter = match record.details.kind() {
        MetadataKind::Owner => b'o',
        MetadataKind::Account => b'a',
        MetadataKind::Exchange => b'x',
        MetadataKind::RequestStatus => b's',
        MetadataKind::Identity => b'i',
        MetadataKind::IdentitySource => b'j',
    };
    let (first, second) = record.details.key();
    let key = xxh3_128_with_seed(second.as_bytes(), xxh3_64(first.as_bytes()));
    bytes_hash(letter, key, &record.bytes)
}
