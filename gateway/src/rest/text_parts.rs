//! How much a JSON text holds, found in one walk before anything is made of it.
//!
//! It counts brackets, commas and quotes and judges nothing: what is no JSON is refused by the transcoder behind it.

/// What an element of an array, or a whole text, holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) bytes: usize,
    /// Commas and opening brackets: members of objects and elements of arrays, at whatever depth.
    pub(super) count: usize,
}

/// Of a whole text.
pub(super) fn parts(text: &[u8]) -> Parts {
    let mut walk = Walk::default();
    let count = text.iter().filter(|byte| walk.is_part(**byte)).count();
    Parts { bytes: text.len(), count }
}

/// Of each element of the array that a text is.
pub(super) fn array_parts(text: &[u8]) -> impl Iterator<Item = Parts> {
    let begin = text.iter().position(|byte| *byte == b'[').map_or(text.len(), |at| at + 1);
    Elements { rest: &text[begin..] }
}

/// Where a walk through a text is.
#[derive(Debug, Default)]
struct Walk {
    is_in_string: bool,
    is_escaped: bool,
    depth: usize,
}

impl Walk {
    /// Takes the next byte; whether it begins a part.
    fn is_part(&mut self, byte: u8) -> bool {
        if self.is_in_string {
            (self.is_in_string, self.is_escaped) = match byte {
                _ if self.is_escaped => (true, false),
                b'\\' => (true, true),
                byte => (byte != b'"', false),
            };
            return false;
        }
        match byte {
            b'"' => self.is_in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        matches!(byte, b',' | b'{' | b'[')
    }
}

struct Elements<'a> {
    rest: &'a [u8],
}

impl Iterator for Elements<'_> {
    type Item = Parts;

    fn next(&mut self) -> Option<Parts> {
        let mut walk = Walk::default();
        let mut parts = Parts::default();
        for byte in self.rest {
            if walk.depth == 0 && !walk.is_in_string && matches!(byte, b',' | b']') {
                self.rest = &self.rest[parts.bytes + 1..];
                // The end of an empty array is no element.
                return (*byte == b',' || parts.count > 0).then_some(parts);
            }
            parts.count += usize::from(walk.is_part(*byte));
            parts.bytes += 1;
        }
        self.rest = &[];
        (parts.count > 0).then_some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Vec<(usize, usize)> {
        array_parts(text.as_bytes()).map(|it| (it.bytes, it.count)).collect()
    }

    #[test]
    fn elements_are_counted_with_what_is_in_them() {
        assert_eq!(counts("[]"), []);
        assert_eq!(counts(" [ ] "), []);
        assert_eq!(counts("[{},{}]"), [(2, 1), (2, 1)]);
        assert_eq!(counts(r#"[{"a":[1,2],"b":{"c":""}},{}]"#), [(24, 5), (2, 1)]);
    }

    #[test]
    fn what_stands_in_a_text_is_no_part() {
        assert_eq!(counts(r#"[{"a,[{":"],\",}"},{}]"#), [(17, 1), (2, 1)]);
        assert_eq!(parts(br#"{"a":"x,y"}"#), Parts { bytes: 11, count: 1 });
    }

    #[test]
    fn a_text_that_is_cut_off_ends() {
        for text in ["", "[", "[{", "[{},", "[\"", "[\"\\", "{", "]]", "[}}}}"] {
            assert!(counts(text).len() <= 2, "{text}");
        }
    }
}
