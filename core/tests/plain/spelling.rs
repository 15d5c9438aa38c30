//! From a tree to JSON text: the one form in which the hub writes it, or any of those in which a client may; and, if
//! wanted, with one fault at a place that is known.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use num_bigint::BigUint;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use super::figure::Figure;
use super::{Instant, Tree, Value};
use crate::rng::Rng;

/// Figures that stand in the JSON even where the binary has none.
const ALWAYS: [(&str, &[&str]); 2] = [
    ("CashPosition", &["Balance", "UnbookedTransactions", "UnfilledBuys", "Margin"]),
    ("AssetPosition", &["Quantity", "UnfilledSells"]),
];

/// What is wrong with a text, by what the client is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) code: String,
    /// A name that nobody knows: skipped where that was asked for.
    pub(crate) is_unknown_name: bool,
}

pub(crate) fn canonical(descriptor: &MessageDescriptor, tree: &Tree, is_compact: bool) -> String {
    Speller { rng: None, is_compact, path: Vec::new(), places: 0, struck: None, fault: None }.message(descriptor, tree)
}

pub(crate) fn any(descriptor: &MessageDescriptor, tree: &Tree, rng: &mut Rng) -> String {
    let mut speller =
        Speller { rng: Some(rng), is_compact: false, path: Vec::new(), places: 0, struck: None, fault: None };
    speller.message(descriptor, tree)
}

/// With one fault; none where the message has no place for it.
pub(crate) fn faulty(descriptor: &MessageDescriptor, tree: &Tree, rng: &mut Rng) -> (String, Option<Fault>) {
    let struck = 1 + rng.below(places(descriptor, tree));
    let mut speller =
        Speller { rng: Some(rng), is_compact: false, path: Vec::new(), places: 0, struck: Some(struck), fault: None };
    let text = speller.message(descriptor, tree);
    (text, speller.fault)
}

/// How many values and messages could be struck.
fn places(descriptor: &MessageDescriptor, tree: &Tree) -> usize {
    let mut speller = Speller { rng: None, is_compact: false, path: Vec::new(), places: 0, struck: None, fault: None };
    speller.message(descriptor, tree);
    speller.places
}

struct Speller<'a> {
    /// None: the canonical form, which is the first choice everywhere.
    rng: Option<&'a mut Rng>,
    is_compact: bool,
    path: Vec<String>,
    /// Values and messages met so far, and the one with the fault.
    places: usize,
    struck: Option<usize>,
    fault: Option<Fault>,
}

impl Speller<'_> {
    fn message(&mut self, descriptor: &MessageDescriptor, tree: &Tree) -> String {
        let is_struck = self.is_struck();
        let always = ALWAYS.iter().find(|(name, _)| *name == descriptor.name()).map_or(&[][..], |(_, names)| names);
        let mut members = Vec::new();
        // As declared, which is not the order of the numbers.
        for declared in &descriptor.descriptor_proto().field {
            let field = descriptor.get_field_by_name(declared.name()).expect("declared");
            let name = field.name();
            let written = match tree.get(&field.number()) {
                Some(value) => self.within(name, |speller| speller.field(&field, value)),
                None if self.rng.is_none() && always.contains(&name) => "0".to_owned(),
                None if self.choose(12) == 1 => "null".to_owned(),
                None => continue,
            };
            members.push(format!("{}:{written}", self.name(name)));
        }
        if is_struck {
            members.extend(self.bad_member(descriptor, tree));
        }
        self.shuffle(&mut members);
        self.bracketed('{', &members, '}')
    }

    /// A name that nobody knows, or one that is there already, in whatever spelling.
    fn bad_member(&mut self, descriptor: &MessageDescriptor, tree: &Tree) -> Option<String> {
        let first = descriptor.fields().find(|field| tree.contains_key(&field.number()));
        if let Some(first) = first.filter(|_| self.choose(2) == 1) {
            self.strike(first.name(), false);
            return Some(format!("{}:null", self.name(first.name())));
        }
        let names = ["Prize", "", "order id", "account_id", "ORDERID", "Äußerung.x", "IDS"];
        let name = names[self.choose(names.len())];
        self.strike(name, true);
        let content = ["1", "{\"a\":[1,{}]}", "\"\\u0041\"", "null", "1e999"][self.choose(5)];
        Some(format!("{}:{content}", self.text(name)))
    }

    fn field(&mut self, field: &FieldDescriptor, value: &Value) -> String {
        match (value, field.kind()) {
            (Value::List(items), kind) => {
                let item = |speller: &mut Self, (at, item): (usize, &Value)| {
                    speller.within(&at.to_string(), |speller| speller.value_or_null(&kind, item))
                };
                let items: Vec<String> = items.iter().enumerate().map(|each| item(self, each)).collect();
                self.bracketed('[', &items, ']')
            }
            (Value::Map(entries), Kind::Message(entry)) if field.is_map() => {
                let kind = entry.map_entry_value_field().kind();
                let mut members = Vec::new();
                for (key, value) in entries {
                    let is_struck = self.is_struck();
                    let written = self.within(key, |speller| speller.value_or_null(&kind, value));
                    members.push(format!("{}:{written}", self.text(key)));
                    if is_struck {
                        self.strike(key, false);
                        members.push(format!("{}:{written}", self.text(key)));
                    }
                }
                self.shuffle(&mut members);
                self.bracketed('{', &members, '}')
            }
            (value, kind) => self.value(&kind, value),
        }
    }

    /// Elements and entries are there: they cannot be null.
    fn value_or_null(&mut self, kind: &Kind, value: &Value) -> String {
        if self.is_struck() {
            self.strike_here();
            return "null".to_owned();
        }
        self.value(kind, value)
    }

    fn value(&mut self, kind: &Kind, value: &Value) -> String {
        if self.is_struck() {
            return self.bad_value(kind);
        }
        match (value, kind) {
            (Value::Number(number), Kind::Bool) => (*number != 0).to_string(),
            (Value::Number(number), Kind::Enum(names)) => self.enum_name(names, *number),
            (Value::Number(number), Kind::Int64 | Kind::Uint64) => match self.choose(3) {
                0 => format!("\"{number}\""),
                1 => number.to_string(),
                _ => self.whole(*number),
            },
            (Value::Number(number), _) => match self.choose(3) {
                0 => number.to_string(),
                1 => format!("\"{number}\""),
                _ => self.whole(*number),
            },
            (Value::Text(text), _) => self.text(text),
            (Value::Bytes(bytes), _) => self.base64(bytes),
            (Value::Figure(figure), _) => self.figure(figure),
            (Value::Instant(instant), _) => self.instant(*instant),
            (Value::Message(tree), Kind::Message(inner)) => self.message(inner, tree),
            other => unreachable!("{other:?}"),
        }
    }

    /// What a value of this kind never is.
    fn bad_value(&mut self, kind: &Kind) -> String {
        let out_of_range = |speller: &mut Self, text: &str| {
            speller.fault = Some(Fault { code: "NumberOutOfRange".to_owned(), is_unknown_name: false });
            text.to_owned()
        };
        let bad: &[&str] = match kind {
            Kind::Bool => &["1", "\"true\"", "[]", "{}"],
            Kind::Enum(_) => &["\"NO_SUCH\"", "\"\"", "\"1\"", "true", "1.5", "[]"],
            Kind::Int32 | Kind::Sint32 | Kind::Uint32 | Kind::Int64 | Kind::Uint64 => {
                match self.choose(4) {
                    1 => return out_of_range(self, "18446744073709551616"),
                    2 => return out_of_range(self, "\"1e400\""),
                    _ => {}
                }
                &["0.5", "\"\"", "\"0x1\"", "true", "{}", "\" 1\"", "\"1 \"", "\"NaN\""]
            }
            Kind::String => &["1", "true", "[]", "{}"],
            Kind::Bytes => &["1", "\"=\"", "\"a\"", "\"a b=\"", "\"é\""],
            Kind::Message(inner) if inner.name() == "BigNumber" => {
                match self.choose(4) {
                    1 => return out_of_range(self, "1e4000"),
                    2 => return out_of_range(self, "{\"Scale\":2000,\"Value\":\"AQ==\"}"),
                    _ => {}
                }
                &["true", "\"\"", "\"Infinity\"", "\"1,5\"", "[]", "\"0x10\"", "\"1e\"", "\"--1\""]
            }
            Kind::Message(inner) if inner.name() == "TimestampWithTimeZone" => &[
                "0",
                "\"\"",
                "\"2026-11\"",
                "\"2026-11-22T15\"",
                "\"2026-02-29T00:00:00Z\"",
                "\"2026-11-22T24:00:00Z\"",
                "\"2026-11-22T23:59:60Z\"",
                "\"2026-11-22T15:04:05.1234567890Z\"",
                "\"2026-11-22T15:04:05+10:60\"",
                "\"1969-12-31T23:59:59Z\"",
                "{\"Nanoseconds\":1000000000}",
                "{\"Seconds\":9214646400}",
                "{\"Seconds\":253402300800}",
            ],
            _ => &["1", "\"\"", "[]", "true"],
        };
        self.strike_here();
        bad[self.choose(bad.len())].to_owned()
    }

    fn name(&mut self, declared: &str) -> String {
        let lower_first = |name: &str| name[..1].to_lowercase() + &name[1..];
        let name = match self.choose(4) {
            0 => declared.to_owned(),
            1 => lower_first(declared),
            2 => lower_first(&declared.replace("ID", "Id")),
            _ => return format!("\"\\u00{:02x}{}\"", declared.as_bytes()[0], &declared[1..]),
        };
        format!("\"{name}\"")
    }

    fn enum_name(&mut self, names: &EnumDescriptor, number: i128) -> String {
        let Some(value) = names.values().find(|value| i128::from(value.number()) == number) else {
            return number.to_string();
        };
        let short = value.name().split_once('_').expect("PREFIX_NAME").1;
        match self.choose(5) {
            0 if self.is_compact => format!("\"{short}\""),
            0 => format!("\"{}\"", value.name()),
            1 => format!("\"{short}\""),
            2 => format!("\"{}\"", short.to_lowercase()),
            3 => format!("\"{}\"", short.to_uppercase()),
            _ => number.to_string(),
        }
    }

    /// The same number with a point or an exponent.
    fn whole(&mut self, number: i128) -> String {
        match self.choose(4) {
            0 => format!("{number}.0"),
            1 => format!("{number}e0"),
            2 if number != 0 => format!("{number}000E-3"),
            _ => format!("{number}.00e+0"),
        }
    }

    fn text(&mut self, text: &str) -> String {
        if self.choose(3) == 2 {
            let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            return format!("\"{units}\"");
        }
        serde_json::to_string(text).expect("a text is JSON")
    }

    fn base64(&mut self, bytes: &[u8]) -> String {
        let text = match self.choose(4) {
            0 => STANDARD.encode(bytes),
            1 => STANDARD_NO_PAD.encode(bytes),
            2 => URL_SAFE.encode(bytes),
            _ => URL_SAFE_NO_PAD.encode(bytes),
        };
        format!("\"{text}\"")
    }

    fn figure(&mut self, figure: &Figure) -> String {
        let sign = if figure.is_negative { "-" } else { "" };
        let exponent = format!("{sign}{}e-{}", figure.magnitude, figure.scale);
        match self.choose(7) {
            0 => figure.digits(),
            1 => format!("\"{}\"", figure.digits()),
            2 => exponent,
            3 => format!("\"{exponent}\""),
            4 if figure.scale == 0 && figure.magnitude != BigUint::default() => {
                // Zeros at the end as an exponent.
                let digits = figure.magnitude.to_string();
                let zeros = digits.len() - digits.trim_end_matches('0').len();
                format!("{sign}{}E+{zeros}", &digits[..digits.len() - zeros])
            }
            _ => {
                let mut magnitude = figure.magnitude.to_bytes_le();
                magnitude.resize(magnitude.len() + self.choose(3), 0);
                let members = [
                    format!("{}:{}", self.name("Scale"), figure.scale),
                    format!("{}:{}", self.name("IsNegative"), figure.is_negative),
                    format!("{}:{}", self.name("Value"), self.base64(&magnitude)),
                ];
                self.bracketed('{', &members, '}')
            }
        }
    }

    fn instant(&mut self, instant: Instant) -> String {
        let choice = self.choose(5);
        if choice == 4 {
            let seconds = format!("{}:\"{}\"", self.name("Seconds"), instant.seconds);
            let nanoseconds = format!("{}:{}", self.name("Nanoseconds"), instant.nanoseconds);
            let members = [seconds, nanoseconds, format!("{}:{}", self.name("TzOffset"), instant.minutes_east)];
            return self.bracketed('{', &members, '}');
        }
        let local = instant.seconds as i64 + 60 * i64::from(instant.minutes_east);
        let mut date = date_and_time(local);
        if choice == 3 {
            date.retain(|letter| letter != '-' && letter != ':');
        }
        let nanos = format!("{:09}", instant.nanoseconds);
        let fraction = match (instant.nanoseconds, choice) {
            (0, 0 | 2) => String::new(),
            (_, 1 | 3) => format!(".{nanos}"),
            (n, _) if n % 1_000_000 == 0 => format!(".{}", &nanos[..3]),
            (n, _) if n % 1_000 == 0 => format!(".{}", &nanos[..6]),
            _ => format!(".{nanos}"),
        };
        let size = instant.minutes_east.abs();
        let sign = if instant.minutes_east < 0 { '-' } else { '+' };
        let offset = match (instant.minutes_east, choice) {
            (0, 0 | 1) => "Z".to_owned(),
            (_, 3) => format!("{sign}{:02}{:02}", size / 60, size % 60),
            _ => format!("{sign}{:02}:{:02}", size / 60, size % 60),
        };
        format!("\"{date}{fraction}{offset}\"")
    }

    fn bracketed(&mut self, open: char, members: &[String], close: char) -> String {
        let space = ["", " ", "\n\t", "\r\n  "][self.choose(4)];
        format!("{open}{space}{}{space}{close}", members.join(&format!(",{space}")))
    }

    /// 0 in the canonical form.
    fn choose(&mut self, choices: usize) -> usize {
        self.rng.as_mut().map_or(0, |rng| rng.below(choices))
    }

    fn shuffle(&mut self, members: &mut [String]) {
        if let Some(rng) = &mut self.rng {
            rng.shuffle(members);
        }
    }

    fn within<T>(&mut self, step: &str, inner: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.to_owned());
        let result = inner(self);
        self.path.pop();
        result
    }

    fn is_struck(&mut self) -> bool {
        self.places += 1;
        self.struck == Some(self.places)
    }

    fn strike(&mut self, step: &str, is_unknown_name: bool) {
        self.within(step, |speller| speller.strike_here());
        if let Some(fault) = &mut self.fault {
            fault.is_unknown_name = is_unknown_name;
        }
    }

    fn strike_here(&mut self) {
        let path: Vec<String> = self.path.iter().map(|step| shown(step)).collect();
        self.fault = Some(Fault { code: format!("Data.Deserialise {}", path.join(".")), is_unknown_name: false });
    }
}

/// A client's name in an error: up to 64 bytes of it, and seen even where it is empty.
fn shown(step: &str) -> String {
    let mut out = String::new();
    for letter in step.chars() {
        if out.len() + letter.len_utf8() > 64 {
            break;
        }
        out.push(letter);
    }
    if out.is_empty() { "\"\"".to_owned() } else { out }
}

/// Year by year, month by month.
fn date_and_time(seconds: i64) -> String {
    let (mut days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let (mut year, mut month) = (1970, 0);
    while days < 0 {
        year -= 1;
        days += if is_leap(year) { 366 } else { 365 };
    }
    while days >= if is_leap(year) { 366 } else { 365 } {
        days -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while days >= months[month] {
        days -= months[month];
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}", month + 1, days + 1)
}
