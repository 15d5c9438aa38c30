//! Path segments: URL-decoded; empty for accounts without an owner (`/balance/for//1234`).

use hyper::Uri;

/// Stands for an empty segment during routing. No code can contain it.
const EMPTY: &str = "%00";

/// Marks every empty segment, between two slashes or behind the last, for the router.
pub(super) fn mark_empty_segments<B>(mut request: hyper::Request<B>) -> hyper::Request<B> {
    let uri = request.uri();
    let ends_empty = uri.path().len() > 1 && uri.path().ends_with('/');
    if !ends_empty && !uri.path().contains("//") {
        return request;
    }
    let marked = uri.path().split('/').skip(1).map(|segment| if segment.is_empty() { EMPTY } else { segment });
    let mut path: String = marked.flat_map(|segment| ["/", segment]).collect();
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    if let Ok(path) = path.parse() {
        parts.path_and_query = Some(path);
    }
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

/// A segment without that mark.
pub(super) fn segment(matched: &str) -> &str {
    if matched == "\0" { "" } else { matched }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(uri: &str) -> String {
        mark_empty_segments(hyper::Request::builder().uri(uri).body(()).unwrap()).uri().to_string()
    }

    #[test]
    fn an_empty_owner_gets_a_segment_of_its_own() {
        assert_eq!(marked("/balance/for//1234?asAt=x"), "/balance/for/%00/1234?asAt=x");
        assert_eq!(marked("/balance/for/A/1234"), "/balance/for/A/1234");
        assert_eq!(marked("/balance/for/"), "/balance/for/%00");
        assert_eq!(marked("/"), "/");
        assert_eq!(segment("\0"), "");
    }
}
