//! The identity of the caller.

use axum::response::Response;
use ordo_core::json::message::PERMISSIONS;
use ordo_core::proto::{ClientAuthority, IdentityType, Permissions};
use prost::Message;

use super::answer::Wanted;

/// Features of a caller without a token.
const FEATURES: [&str; 5] = ["Admin", "Alter", "Audit", "Operator", "Query"];

/// Identity of a caller without a token, while identities are not checked.
const DEV: &str = "dev";

/// Authority recorded for a write.
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
