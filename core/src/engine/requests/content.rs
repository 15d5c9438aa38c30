//! Whether two requests say the same, in whatever form they came.
//!
//! A hash of the fields of a ClientRequest: their order, defaults written out, and what the hub fills in do not count.
//! Nested messages are hashed by their fields in the same way.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::wire::{TopFields, field};

/// Which fields of a message are messages. All others are hashed as they stand.
struct Shape {
    nested: &'static [(u32, &'static Shape)],
    /// Filled in by the hub.
    ignored: &'static [u32],
}

const PLAIN: Shape = Shape { nested: &[], ignored: &[] };
/// An entry of a map whose values are figures or messages without messages.
const ENTRY: Shape = Shape { nested: &[(2, &PLAIN)], ignored: &[] };
const ID: Shape = Shape { nested: &[(field::id::VALUES, &PLAIN)], ignored: &[] };
const QUEUE: Shape = Shape { nested: &[(field::client_queue::EXPIRE_AFTER, &PLAIN)], ignored: &[] };

/// New, Amend, Cancel and Move number their fields alike.
const ORDER: Shape = {
    use field::{order_amend as f, order_move};
    let nested = &[
        (order_move::PREV_ACCOUNT, &PLAIN),
        (f::PRICE, &PLAIN),
        (f::QUANTITY, &PLAIN),
        (f::EXPIRY_DATE, &PLAIN),
        (f::FEE_CODES, &PLAIN),
    ];
    Shape { nested, ignored: &[] }
};

const CASH: Shape = {
    use field::client_cash_transfer as f;
    Shape { nested: &[(f::VALUE, &PLAIN), (f::FEE_CODES, &PLAIN)], ignored: &[] }
};

const UPDATE: Shape = {
    use field::client_request_update as f;
    Shape { nested: &[(f::ACCOUNT, &PLAIN), (f::TARGET, &QUEUE), (f::AUTHORITIES, &ENTRY)], ignored: &[] }
};

const DECISION: Shape = Shape { nested: &[(field::client_queue_update::UPDATE, &UPDATE)], ignored: &[] };

const REQUEST: Shape = {
    use field::client_request as f;
    let nested = &[
        (f::ACCOUNT, &PLAIN),
        (f::TIMESTAMP, &PLAIN),
        (f::QUEUE, &QUEUE),
        (f::NEW, &ORDER),
        (f::AMEND, &ORDER),
        (f::CANCEL, &ORDER),
        (f::MOVE, &ORDER),
        (f::CASH_TRANSFER, &CASH),
        (f::VALUES, &ENTRY),
        (f::PROPERTIES, &PLAIN),
        (f::IDS, &ID),
        (f::UPDATE, &DECISION),
    ];
    Shape { nested, ignored: &[f::REQUEST_ID, f::AUTHORITIES] }
};

/// The hash of what a ClientRequest says.
pub(super) fn content_hash(request: &[u8]) -> u64 {
    hash_of(request, &REQUEST)
}

fn hash_of(message: &[u8], shape: &Shape) -> u64 {
    let fields = TopFields::of(message).filter(|field| !shape.ignored.contains(&field.number));
    fields.fold(0, |sum: u64, field| {
        let nested = shape.nested.iter().find(|(number, _)| *number == field.number);
        let seed = u64::from(field.number);
        let hash = match nested {
            Some((_, shape)) => xxh3_64_with_seed(&hash_of(field.content, shape).to_le_bytes(), seed),
            // A default that is written out.
            None if field.content.is_empty() || field.content == [0] && field.whole.len() < 4 => 0,
            None => xxh3_64_with_seed(field.content, seed),
        };
        sum.wrapping_add(hash)
    })
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::proto::{Account, ClientRequest, ClientRequestType, OrderNew, Side};

    fn request() -> ClientRequest {
        ClientRequest {
            r#type: ClientRequestType::New as i32,
            request_id: "R1".into(),
            account: Some(Account { owner_id: "O".into(), account_id: "A".into() }),
            new: Some(Box::new(OrderNew { code: "BHP".into(), side: Side::Buy as i32, ..OrderNew::default() })),
            properties: [("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d".to_owned())].into(),
            ..ClientRequest::default()
        }
    }

    #[test]
    fn fields_in_another_order_and_written_out_defaults_say_the_same() {
        let bytes = request().encode_to_vec();
        let mut fields: Vec<&[u8]> = TopFields::of(&bytes).map(|field| field.whole).collect();
        fields.reverse();
        // IsValidate = false, written out.
        fields.push(&[0x28, 0]);
        assert_eq!(content_hash(&fields.concat()), content_hash(&bytes));
    }

    #[test]
    fn what_the_hub_fills_in_does_not_count() {
        let mut filled = request();
        filled.request_id = "R2".into();
        filled.authorities.insert("Client".into(), Default::default());
        assert_eq!(content_hash(&filled.encode_to_vec()), content_hash(&request().encode_to_vec()));
    }

    #[test]
    fn each_other_field_counts() {
        let hash = |change: fn(&mut ClientRequest)| {
            let mut changed = request();
            change(&mut changed);
            content_hash(&changed.encode_to_vec())
        };
        let hashes = [
            hash(|_| {}),
            hash(|request| request.r#type = ClientRequestType::Amend as i32),
            hash(|request| request.account.as_mut().expect("given").account_id = "B".into()),
            hash(|request| request.new.as_mut().expect("given").code = "RIO".into()),
            hash(|request| request.new.as_mut().expect("given").side = Side::Sell as i32),
            hash(|request| drop(request.properties.remove("a"))),
            hash(|request| request.new = None),
        ];
        for (at, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..at].contains(hash), "the change {at} is not seen");
        }
    }
}
