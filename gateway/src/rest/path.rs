//! Path segments: URL-decoded; empty for accounts without an owner (`/balance/for//1234`).

use hyper::Uri;
use percent_encoding::percent_decode_str;

/// Stands for an empty segment during routing. No code can contain it.
const EMPTY: &str = "%00";

/// Bytes of an owner, an account, an order and the like, at most: what is longer names nothing.
const SEGMENT_BYTES_MAX: usize = 256;

/// Removes one slash at the end of the path, and marks every empty segment that is left for the router.
pub(super) fn mark_empty_segments<B>(mut request: hyper::Request<B>) -> hyper::Request<B> {
    let uri = request.uri();
    let without_slash = uri.path().strip_suffix('/').filter(|path| !path.is_empty());
    if without_slash.is_none() && !uri.path().contains("//") {
        return request;
    }
    let meant = without_slash.unwrap_or(uri.path());
    let marked = meant.split('/').skip(1).map(|segment| if segment.is_empty() { EMPTY } else { segment });
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

/// Whether a segment is longer, decoded, than anything that a path can name.
pub(super) fn has_long_segment(path: &str) -> bool {
    path.split('/')
        .any(|segment| segment.len() > SEGMENT_BYTES_MAX && percent_decode_str(segment).count() > SEGMENT_BYTES_MAX)
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
        assert_eq!(marked("/balance/for//"), "/balance/for/%00");
        assert_eq!(marked("/"), "/");
        assert_eq!(segment("\0"), "");
    }

    #[test]
    fn a_path_may_end_in_a_slash() {
        assert_eq!(marked("/balance/?asAt=x"), "/balance?asAt=x");
        assert_eq!(marked("/balance/for/A/1234/"), "/balance/for/A/1234");
        assert_eq!(marked("/balance/for//1234/"), "/balance/for/%00/1234");
    }

    #[test]
    fn a_segment_is_measured_as_it_is_meant() {
        assert!(!has_long_segment(&format!("/owner/byid/{}", "%41".repeat(256))));
        assert!(has_long_segment(&format!("/owner/byid/{}", "%41".repeat(257))));
        assert!(has_long_segment(&format!("/{}/x", "a".repeat(257))));
    }
}
