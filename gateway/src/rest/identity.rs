//! Who the caller is.

use axum::response::Response;
use ordo_core::json::message::PERMISSIONS;
use ordo_core::proto::{IdentityType, Permissions};
use prost::Message;

use super::answer::Wanted;

/// What the edge lets a caller be that needs no token.
const FEATURES: [&str; 5] = ["Admin", "Alter", "Audit", "Operator", "Query"];

/// Whoever is let in without a token may do all.
pub(super) async fn current(wanted: Wanted) -> Response {
    let all = || vec!["*".to_owned()];
    let permissions = Permissions {
        r#type: IdentityType::System as i32,
        identity: "dev".to_owned(),
        owners: all(),
        exchanges: all(),
        feeds: all(),
        features: FEATURES.map(str::to_owned).to_vec(),
        ..Permissions::default()
    };
    wanted.one(PERMISSIONS, &permissions.encode_to_vec())
}
