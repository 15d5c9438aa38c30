//! Who the caller is.

use axum::response::Response;
use ordo_core::json::message::PERMISSIONS;
use ordo_core::proto::{ClientAuthority, IdentityType, Permissions};
use prost::Message;

use super::answer::Wanted;

/// What the edge lets a caller be that needs no token.
const FEATURES: [&str; 5] = ["Admin", "Alter", "Audit", "Operator", "Query"];

/// Whoever is let in without a token may do all.
/// Who anybody is while nobody is checked.
const DEV: &str = "dev";

/// Who sends a write.
pub(super) fn authority() -> ClientAuthority {
    ClientAuthority { r#type: IdentityType::System as i32, identity: DEV.to_owned(), ..ClientAuthority::default() }
}

pub(super) async fn current(wanted: Wanted) -> Response {
    let all = || vec!["*".to_owned()];
    let permissions = Permissions {
        r#type: IdentityType::System as i32,
        identity: DEV.to_owned(),
        owners: all(),
        exchanges: all(),
        feeds: all(),
        features: FEATURES.map(str::to_owned).to_vec(),
        ..Permissions::default()
    };
    wanted.one(PERMISSIONS, &permissions.encode_to_vec())
}
