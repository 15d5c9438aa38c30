//! Query parameters: decoded, in order, repeated ones kept. Names count in any case; an empty value is an omitted one.

use axum::extract::FromRequestParts;
use hyper::HeaderMap;
use hyper::http::request::Parts;

use super::error::Refusal;
use super::query;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Parameters, Refusal> {
        query::pairs(parts.uri.query().unwrap_or_default()).map(Parameters)
    }
}

impl Parameters {
    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::bad(format!("the parameter {name} is missing")))
    }

    /// False if absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(false),
            Some(value) => query::boolean(value).ok_or_else(|| Refusal::bad(format!("{name}: true or false"))),
        }
    }
}

/// A header that is a boolean; what cannot be read is false, like an absent one.
pub(super) fn header_flag(headers: &HeaderMap, name: &str) -> bool {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.and_then(|value| query::boolean(value.trim())).unwrap_or(false)
}
