//! Access as the hub uses it: headers in, callers and refusals out, with real keys, real issuers and a clock that the
//! tests turn.

mod issuer;
mod issuers;
mod keys;
mod limits;
mod permissions;
mod registering;
mod secrets;
mod tls;
mod tokens;
mod world;
