//! Random bytes of a message, written field by field as no encoder would: any order, fields given twice, sub-messages
//! in parts, maps with equal keys, unknown fields and groups in between, numbers in more bytes than they need.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::rng::Rng;

/// What is wrong with a message, if anything: at most one kind of thing at a time, so that the refusal is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Figures that cannot be held.
    Range,
    /// Instants that are none: prost does not look, the hub does.
    Time,
    /// Text that is not UTF-8.
    Text,
    /// Fields that are none: tags, lengths, varints and groups that no reader may follow.
    Field,
}

/// How unlike an encoder's the bytes are.
pub(crate) struct Shape<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) flaw: Flaw,
    /// Fields of one message given twice, and sub-messages in parts: once in this many.
    pub(crate) twice: usize,
    /// Groups: once in this many fields.
    pub(crate) groups: usize,
}

impl Shape<'_> {
    pub(crate) fn message(&mut self, descriptor: &MessageDescriptor, depth: usize) -> Vec<u8> {
        match descriptor.name() {
            "BigNumber" => return self.figure(),
            "TimestampWithTimeZone" => return self.time(),
            _ => {}
        }
        let sparse = 2 + depth;
        let mut fields: Vec<FieldDescriptor> = descriptor.fields().filter(|_| self.rng.one_in(sparse)).collect();
        for field in fields.clone() {
            let times = if field.is_list() || field.is_map() { self.rng.below(4) } else { 0 };
            let times = times + usize::from(self.rng.one_in(self.twice));
            fields.extend(std::iter::repeat_n(field, times));
        }
        self.rng.shuffle(&mut fields);
        let mut out = Vec::new();
        for field in fields {
            self.noise(descriptor, &mut out);
            self.field(&field, depth, &mut out);
        }
        self.noise(descriptor, &mut out);
        out
    }

    fn field(&mut self, field: &FieldDescriptor, depth: usize, out: &mut Vec<u8>) {
        let number = field.number();
        match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let content = self.entry(&entry, depth);
                self.delimited(number, &content, out);
            }
            kind => self.value(number, &kind, depth, out),
        }
    }

    fn value(&mut self, number: u32, kind: &Kind, depth: usize, out: &mut Vec<u8>) {
        match kind {
            Kind::String => {
                let text = self.text();
                self.delimited(number, &text, out);
            }
            Kind::Bytes => {
                let bytes: Vec<u8> = (0..self.rng.below(6)).map(|_| self.rng.next() as u8).collect();
                self.delimited(number, &bytes, out);
            }
            Kind::Message(inner) => {
                let content = self.message(inner, depth + 1);
                self.delimited(number, &content, out);
            }
            Kind::Bool | Kind::Enum(_) | Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Int64 | Kind::Uint64 => {
                let value = match self.rng.below(8) {
                    0 => self.rng.next(),
                    1 => self.rng.one_of(&[u64::MAX, i64::MIN as u64, 1 << 32, u64::from(u32::MAX), (-1i32) as u64]),
                    _ => self.rng.one_of(&[0, 1, 2, 10, 12, 21, 110, 111, 120, 200, 210]),
                };
                self.varint(u64::from(number) << 3, out);
                self.varint(value, out);
            }
            other => unreachable!("the schema has no {other:?}"),
        }
    }

    /// A map's entry: key and value in any order, either absent or given twice.
    fn entry(&mut self, entry: &MessageDescriptor, depth: usize) -> Vec<u8> {
        let mut numbers = vec![1, 2];
        match self.rng.below(12) {
            0 => numbers.retain(|&number| number == 1),
            1 => numbers.retain(|&number| number == 2),
            2 => numbers.push(1),
            3 if self.rng.one_in(self.twice) => numbers.push(2),
            4 => numbers.reverse(),
            _ => {}
        }
        let mut out = Vec::new();
        for number in numbers {
            self.noise(entry, &mut out);
            if number == 1 {
                // Few keys: equal ones are what maps are for.
                let key = self.rng.one_of(&["Brokerage", "Tax", "ReservePrice", "Price", "", "a", "b", "c", "d"]);
                self.delimited(1, key.as_bytes(), &mut out);
            } else {
                self.value(2, &entry.map_entry_value_field().kind(), depth, &mut out);
            }
        }
        out
    }

    fn figure(&mut self) -> Vec<u8> {
        let wide = self.flaw == Flaw::Range && self.rng.one_in(4);
        let scale = if wide { self.rng.one_of(&[39, 1000, u32::MAX]) } else { self.rng.one_of(&[0, 2, 8, 38]) };
        let mut magnitude: Vec<u8> = (0..self.rng.below(9)).map(|_| self.rng.next() as u8).collect();
        if wide {
            magnitude.resize(self.rng.one_of(&[0, 3, 15, 16, 17, 20]), 0xf7);
        }
        magnitude.resize(magnitude.len() + self.rng.below(4), 0);
        let mut parts: Vec<Vec<u8>> = vec![Vec::new(); 3];
        self.varint(8, &mut parts[0]);
        self.varint(u64::from(scale), &mut parts[0]);
        let negative = self.rng.below(3) as u64;
        self.varint(16, &mut parts[1]);
        self.varint(negative, &mut parts[1]);
        self.delimited(3, &magnitude, &mut parts[2]);
        if self.rng.one_in(4) {
            parts.remove(self.rng.below(3));
        }
        if self.rng.one_in(self.twice) {
            let again = self.rng.below(parts.len());
            parts.push(parts[again].clone());
        }
        self.rng.shuffle(&mut parts);
        parts.concat()
    }

    fn time(&mut self) -> Vec<u8> {
        let bad = self.flaw == Flaw::Time && self.rng.one_in(3);
        let choose = |rng: &mut Rng, good: &[u64], never: &[u64]| rng.one_of(if bad { never } else { good });
        let seconds = choose(self.rng, &[0, 1, 1_795_323_845, 9_214_646_399], &[1, 9_214_646_400, u64::MAX]);
        let nanos = choose(self.rng, &[0, 1, 999_999_999], &[0, 1_000_000_000, u64::from(u32::MAX)]);
        // Zigzag of minutes east.
        let offset = choose(self.rng, &[0, 1200, 419, 2160], &[0, 2162, u64::from(u32::MAX)]);
        let mut fields = vec![(8, seconds), (16, nanos), (24, offset)];
        fields.retain(|_| !self.rng.one_in(5));
        self.rng.shuffle(&mut fields);
        let mut out = Vec::new();
        for (tag, value) in fields {
            self.varint(tag, &mut out);
            self.varint(value, &mut out);
        }
        out
    }

    fn text(&mut self) -> Vec<u8> {
        if self.flaw == Flaw::Text && self.rng.one_in(6) {
            return self.rng.one_of(&[&b"\xff"[..], b"ab\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"x\x80y"]).to_vec();
        }
        self.rng.one_of(&["", "A", "AUD", "BHP", "XASX", "é", "😀", "\0", "Margin"]).into()
    }

    /// Fields that the schema does not have.
    fn noise(&mut self, descriptor: &MessageDescriptor, out: &mut Vec<u8>) {
        if self.flaw == Flaw::Field && self.rng.one_in(60) {
            out.extend_from_slice(&hostile(self.rng, descriptor));
            return;
        }
        if !self.rng.one_in(6) {
            return;
        }
        let number = self.rng.one_of(&[3, 5, 17, 99, 2047, 536_870_911]);
        if descriptor.get_field(number).is_some() || matches!(descriptor.name(), "BigNumber" | "TimestampWithTimeZone")
        {
            return;
        }
        let tag = u64::from(number) << 3;
        if self.rng.one_in(self.groups) {
            self.varint(tag | 3, out);
            out.extend_from_slice(b"\x0a\x01x\x13\x08\x05\x14");
            self.varint(tag | 4, out);
            return;
        }
        let wire = self.rng.one_of(&[0, 1, 2, 5]);
        self.varint(tag | wire, out);
        match wire {
            0 => self.varint(7, out),
            1 => out.extend_from_slice(&[0xff; 8]),
            5 => out.extend_from_slice(&[0xff; 4]),
            _ => out.extend_from_slice(b"\x03\xff\xff\xff"),
        }
    }

    fn delimited(&mut self, number: u32, content: &[u8], out: &mut Vec<u8>) {
        self.varint(u64::from(number) << 3 | 2, out);
        self.varint(content.len() as u64, out);
        out.extend_from_slice(content);
    }

    /// Now and then in more bytes than it needs.
    fn varint(&mut self, mut value: u64, out: &mut Vec<u8>) {
        let start = out.len();
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
        if self.rng.one_in(40) {
            let longest = if out.len() - start < 5 { 5 } else { 10 };
            while out.len() - start < longest {
                *out.last_mut().expect("one byte was pushed") |= 0x80;
                out.push(0);
            }
        }
    }
}

/// A field that is none, or that comes close to it.
fn hostile(rng: &mut Rng, descriptor: &MessageDescriptor) -> Vec<u8> {
    let known = descriptor.fields().next().map_or(1, |field| field.number()) as u8;
    let depth = rng.one_of(&[1, 5, 20, 90, 150]);
    match rng.below(10) {
        // A known number under each wire type: at most one of them is its own.
        0 => [&[known << 3 | rng.below(8) as u8][..], b"\x01\0\0\0\0\0\0\0"].concat(),
        // Groups within groups, closed or not.
        1 => [[0xfb, 0x3f].repeat(depth), [0xfc, 0x3f].repeat(depth)].concat(),
        2 => [0xfb, 0x3f].repeat(depth),
        3 => b"\xfb\x3f\x8c\x40".to_vec(),
        4 => b"\xfc\x3f".to_vec(),
        // Varints of ten and eleven bytes, the last one too large or not.
        5 => [&b"\xf8\x3f"[..], &[0xff; 9], &[rng.below(4) as u8]].concat(),
        6 => [&b"\xf8\x3f"[..], &[0x80; 10], &[0]].concat(),
        // A length past the end, of the message or of everything.
        7 => vec![0xfa, 0x3f, rng.below(200) as u8],
        8 => [&b"\xfa\x3f"[..], &[0xff; 9], &[1]].concat(),
        // Field number 0, wire types 6 and 7, tags of more than 32 bits.
        _ => rng.one_of(&[&b"\0\0"[..], b"\xfe\x3f", b"\xff\x3f", b"\x80\x80\x80\x80\x80\x01\x00"]).to_vec(),
    }
}
