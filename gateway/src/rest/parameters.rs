//! Query parameters: decoded, in order, repeated ones kept.

use axum::extract::FromRequestParts;
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
    /// The first value of a parameter, which may be empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::bad(format!("the parameter {name} is missing")))
    }

    /// False if absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(Refusal::bad(format!("{name}: true or false"))),
        }
    }
}
