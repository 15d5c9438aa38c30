use super::*;
use crate::proto::{ExchangeDestination, OrderStatusDetails};

fn exchange(destinations: &[(&str, &str)]) -> MetadataRecord {
    let destination = |(code, route): &(&str, &str)| ExchangeDestination {
        ex_destination: (*code).into(),
        route: (*route).into(),
        ..Default::default()
    };
    let status = |(code, is_completed): (&str, bool)| OrderStatusDetails {
        code: code.into(),
        is_completed,
        ..Default::default()
    };
    MetadataRecord::new(Details::Exchange(Box::new(ExchangeDetails {
        exchange: "XASX".into(),
        destinations: destinations.iter().map(destination).collect(),
        order_statuses: [("OnMarket", false), ("Filled", true)].map(status).into(),
        ..Default::default()
    })))
}

#[test]
fn a_route_is_that_of_the_destination_or_else_the_exchange() {
    let mut metadata = Metadata::default();
    assert_eq!(metadata.route("XASX", ""), Route::To("XASX"));
    assert_eq!(metadata.route("XASX", "Dark"), Route::To("XASX"));
    metadata.set(exchange(&[]));
    assert_eq!(metadata.route("XASX", ""), Route::To("XASX"));
    metadata.set(exchange(&[("Lit", "itch")]));
    assert_eq!(metadata.route("XASX", ""), Route::To("itch"));
    assert_eq!(metadata.route("XASX", "Lit"), Route::To("itch"));
    assert_eq!(metadata.route("XASX", "Dark"), Route::To("XASX"));
    metadata.set(exchange(&[("Lit", "itch"), ("Dark", "")]));
    assert_eq!(metadata.route("XASX", ""), Route::Ambiguous);
    assert_eq!(metadata.route("XASX", "Lit"), Route::To("itch"));
    assert_eq!(metadata.route("XASX", "Dark"), Route::To("XASX"));
    assert_eq!(metadata.route("XNYS", "Lit"), Route::To("XNYS"));
}

#[test]
fn a_status_completes_an_order_where_its_exchange_says_so() {
    let mut metadata = Metadata::default();
    assert_eq!(metadata.is_completed_status("XASX", "Filled"), None);
    metadata.set(exchange(&[]));
    assert_eq!(metadata.is_completed_status("XASX", "Filled"), Some(true));
    assert_eq!(metadata.is_completed_status("XASX", "OnMarket"), Some(false));
    assert_eq!(metadata.is_completed_status("XASX", "Expired"), None);
    assert_eq!(metadata.is_completed_status("XNYS", "Filled"), None);
}

#[test]
fn records_are_kept_and_dropped_by_both_parts_of_the_key() {
    let mut metadata = Metadata::default();
    for (owner, account) in [("P", "1"), ("O", "2"), ("O", "1"), ("", "1")] {
        metadata.set(MetadataRecord::new(Details::of_key(MetadataKind::Account, owner, account)));
    }
    let keys = |metadata: &Metadata| -> Vec<(String, String)> {
        let key = |record: &MetadataRecord| (record.details.key().0.to_owned(), record.details.key().1.to_owned());
        metadata.all(MetadataKind::Account).map(key).collect()
    };
    let expected = [("", "1"), ("O", "1"), ("O", "2"), ("P", "1")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(keys(&metadata), expected);
    assert_eq!(metadata.all_under(MetadataKind::Account, "O").count(), 2);
    assert!(metadata.remove(MetadataKind::Account, "O", "3").is_none());
    assert!(metadata.remove(MetadataKind::Account, "O", "2").is_some());
    assert!(metadata.account("O", "2").is_none() && metadata.account("O", "1").is_some());
    assert_eq!(keys(&metadata).len(), 3);
}

#[test]
fn every_kind_goes_through_its_operation_and_back() {
    for kind in MetadataKind::ALL {
        let details = Details::of_key(kind, "first", if kind as u8 == 2 || kind as u8 == 5 { "second" } else { "" });
        assert_eq!(details.kind(), kind);
        assert_eq!(Details::decode(kind, &details.encode()), Ok(details.clone()));
        let (define, undefine) = (details.clone().define(), details.clone().undefine());
        assert_eq!((define.r#type, undefine.r#type), (kind.define() as i32, kind.undefine() as i32));
        assert_eq!(Details::of_operation(kind, &define), Some(details.clone()));
        assert_eq!(Details::of_operation(kind, &undefine), Some(details));
    }
}
