//! Generates the flat decoder of the hot messages, checks for the cold messages inside them, and the names of all
//! field numbers.
//!
//! A hot message becomes a `Copy` struct that mirrors the schema: scalars by value, figures as `Option<Dec>`, texts
//! and maps as spans into the received bytes, sub-messages inline. It decodes in one pass without allocation and
//! refuses what prost refuses; shapes that are legal but that no encoder makes (a sub-message given twice, a group)
//! are `Unusual`, and the caller puts those through prost once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use crate::carried::CARRIED;

/// Decoded into structs. All else that they contain is checked and kept as a span.
const HOT: &[&str] = &[
    "FeedRequest",
    "FeedPosition",
    "ExternalAction",
    "OrderState",
    "OrderUpdate",
    "OrderTrade",
    "TransactionDetails",
    "CashTransfer",
    "AssetTransfer",
    "Account",
];

/// Decoded one level deep: their sub-messages stay spans, checked only if hot code asks for them.
const ENVELOPES: &[&str] = &["RequestMessage"];

/// Decoded into structs of their own, on demand: where a hot message holds one it stays a span, and what the decoder
/// accepts of it is exactly what decoding it later accepts. So the slot of an order update does not grow with requests.
const DEFERRED: &[&str] = &[
    "ClientRequest",
    "OrderNew",
    "OrderAmend",
    "OrderCancel",
    "OrderMove",
    "ClientCashTransfer",
    "ClientQueue",
    "ClientQueueUpdate",
    "ClientRequestUpdate",
];

pub(crate) fn write_decoder(descriptors: &FileDescriptorSet, out: &Path) {
    let schema = Schema::new(descriptors);
    let mut code = String::new();
    for name in ENVELOPES.iter().chain(HOT).chain(DEFERRED) {
        schema.write_struct(&mut code, name);
        schema.write_decode(&mut code, name);
    }
    for name in schema.cold_inside_hot() {
        schema.write_check(&mut code, &name);
    }
    std::fs::write(out.join("hot.rs"), code).expect("OUT_DIR is writable");
    std::fs::write(out.join("field.rs"), schema.field_numbers()).expect("OUT_DIR is writable");
}

/// What a field is to the decoder.
enum Shape {
    Text,
    Bytes,
    Bool,
    Int { rust: &'static str, read: &'static str },
    Figure,
    Time,
    Hot(String),
    Cold(String),
    Repeated(Box<Shape>),
    TextMap,
    FigureMap,
    CarriedMap,
    ColdMap(String),
}

struct Schema<'a> {
    messages: BTreeMap<String, &'a DescriptorProto>,
}

impl<'a> Schema<'a> {
    fn new(descriptors: &'a FileDescriptorSet) -> Self {
        let all = descriptors.file.iter().flat_map(|file| &file.message_type);
        Schema { messages: all.map(|m| (m.name().to_owned(), m)).collect() }
    }

    fn shape(&self, message: &DescriptorProto, field: &FieldDescriptorProto) -> Shape {
        if let Some(entry) = map_entry(message, field) {
            return match entry.field[1].r#type() {
                Type::String => Shape::TextMap,
                Type::Message if type_name(&entry.field[1]) == "BigNumber" => Shape::FigureMap,
                Type::Message if type_name(&entry.field[1]) == CARRIED => Shape::CarriedMap,
                Type::Message => Shape::ColdMap(type_name(&entry.field[1])),
                other => panic!("a map to {other:?} is not in the schema"),
            };
        }
        let single = match field.r#type() {
            Type::String => Shape::Text,
            Type::Bytes => Shape::Bytes,
            Type::Bool => Shape::Bool,
            Type::Enum | Type::Int32 => Shape::Int { rust: "i32", read: "int32" },
            Type::Int64 => Shape::Int { rust: "i64", read: "int64" },
            Type::Uint32 => Shape::Int { rust: "u32", read: "uint32" },
            Type::Message => match type_name(field).as_str() {
                "BigNumber" => Shape::Figure,
                "TimestampWithTimeZone" => Shape::Time,
                name if HOT.contains(&name) && !ENVELOPES.contains(&message.name()) => Shape::Hot(name.to_owned()),
                name if DEFERRED.contains(&name) && DEFERRED.contains(&message.name()) => Shape::Hot(name.to_owned()),
                name => Shape::Cold(name.to_owned()),
            },
            other => panic!("a field of type {other:?} is not in the schema"),
        };
        if field.label() == Label::Repeated { Shape::Repeated(Box::new(single)) } else { single }
    }

    fn write_struct(&self, code: &mut String, name: &str) {
        let message = self.messages[name];
        let _ = writeln!(code, "/// `{name}` as received: spans into the bytes it was decoded from.");
        let _ = writeln!(code, "#[derive(Debug, Clone, Copy, Default)]\npub struct {name} {{");
        let _ = writeln!(code, "    /// The message's own bytes, without its tag and length; empty at 0 if absent.");
        let _ = writeln!(code, "    pub span: Span,");
        if self.is_wide(message) {
            let _ = writeln!(code, "    /// Which sub-messages were read into: a bit each, in the schema's order.");
            let _ = writeln!(code, "    written: u16,");
        }
        for field in &message.field {
            let rust = match self.shape(message, field) {
                Shape::Text | Shape::Bytes | Shape::Cold(_) => "Span".to_owned(),
                Shape::Bool => "bool".to_owned(),
                Shape::Int { rust, .. } => rust.to_owned(),
                Shape::Figure => "Option<Dec>".to_owned(),
                Shape::Time => "Option<TimestampWithTimeZone>".to_owned(),
                Shape::Hot(name) => name,
                Shape::Repeated(_) | Shape::TextMap | Shape::FigureMap | Shape::CarriedMap | Shape::ColdMap(_) => {
                    "Repeated".to_owned()
                }
            };
            let _ = writeln!(code, "    pub {}: {rust},", ident(field.name()));
        }
        let _ = writeln!(code, "}}\n");
    }

    fn write_decode(&self, code: &mut String, name: &str) {
        let message = self.messages[name];
        let _ = writeln!(code, "impl {name} {{");
        self.write_reset(code, message);
        let _ = writeln!(
            code,
            "    pub(super) fn read(&mut self, input: Source<'_>, span: Span) -> Result<(), DecodeError> {{"
        );
        let _ = writeln!(code, "        self.span = span;");
        let _ = writeln!(code, "        let mut r = Reader::new(input, span);");
        let _ = writeln!(code, "        while let Some(tag) = r.tag()? {{\n            match tag {{");
        for (at, field) in message.field.iter().enumerate() {
            let (tag, member) = (tag(field), format!("self.{}", ident(field.name())));
            let action = match self.shape(message, field) {
                Shape::Text => format!("{member} = r.text()?"),
                Shape::Bytes => format!("{member} = r.nested()?"),
                Shape::Bool => format!("{member} = r.boolean()?"),
                Shape::Int { read, .. } => format!("{member} = r.{read}()?"),
                Shape::Figure => format!("{{ once({member}.is_some())?; {member} = Some(r.figure()?) }}"),
                Shape::Time => format!("{{ once({member}.is_some())?; {member} = Some(r.time()?) }}"),
                Shape::Hot(_) => {
                    let written =
                        if self.is_wide(message) { format!("self.written |= 1 << {at};") } else { String::new() };
                    format!(
                        "{{ let inner = r.nested()?; once({member}.span.is_given())?; {written} \
                         {member}.read(input, inner)? }}"
                    )
                }
                Shape::Cold(_) if ENVELOPES.contains(&name) => {
                    format!("{{ once({member}.is_given())?; {member} = r.nested()? }}")
                }
                Shape::Cold(cold) => format!(
                    "{{ once({member}.is_given())?; {member} = r.nested()?; check_{}(input, {member})? }}",
                    snake(&cold)
                ),
                Shape::Repeated(inner) => {
                    let check = match *inner {
                        Shape::Text => "let _ = r.text()?;".to_owned(),
                        Shape::Cold(cold) => {
                            format!("let inner = r.nested()?; check_{}(input, inner)?;", snake(&cold))
                        }
                        _ => panic!("{name}.{}: no such repeated field in the schema", field.name()),
                    };
                    format!("{{ let at = r.tag_at(); {check} {member}.add(at, r.at()) }}")
                }
                Shape::TextMap => format!("{{ let at = r.tag_at(); r.text_entry()?; {member}.add(at, r.at()) }}"),
                Shape::FigureMap => format!("{{ let at = r.tag_at(); r.figure_entry()?; {member}.add(at, r.at()) }}"),
                Shape::CarriedMap => {
                    format!("{{ let at = r.tag_at(); r.carried_entry()?; {member}.add(at, r.at()) }}")
                }
                Shape::ColdMap(cold) => format!(
                    "{{ let at = r.tag_at(); if let Some(value) = r.message_entry()? {{ check_{}(input, value)? }} \
                     {member}.add(at, r.at()) }}",
                    snake(&cold)
                ),
            };
            let _ = writeln!(code, "                {tag} => {action},");
        }
        write_unknown(code, message);
        let is_number_map =
            |f: &&FieldDescriptorProto| matches!(self.shape(message, f), Shape::FigureMap | Shape::CarriedMap);
        let maps = message.field.iter().filter(is_number_map);
        for field in maps {
            let (member, tag) = (ident(field.name()), tag(field));
            let _ =
                writeln!(code, "        if self.{member}.count > 1 {{ keys_differ(input, self.{member}, {tag})?; }}");
        }
        let _ = writeln!(code, "        Ok(())\n    }}");
        self.write_accessors(code, message);
        let _ = writeln!(code, "}}\n");
    }

    /// Whether a message is read into again and again and has several hot ones inside: one update fills few of them, and
    /// the others are left untouched.
    fn is_wide(&self, message: &DescriptorProto) -> bool {
        let is_hot = |field: &&FieldDescriptorProto| matches!(self.shape(message, field), Shape::Hot(_));
        HOT.contains(&message.name()) && message.field.iter().filter(is_hot).count() > 1
    }

    /// Makes a wide message its default again before the next one is read into it. Only what was written is written
    /// again: a slot's memory for transfers stays out of the cache while trades come by.
    fn write_reset(&self, code: &mut String, message: &DescriptorProto) {
        if !self.is_wide(message) {
            return;
        }
        let _ = writeln!(code, "    #[inline]\n    pub(super) fn reset(&mut self) {{");
        let _ = writeln!(code, "        self.span = Span::default();");
        for (at, field) in message.field.iter().enumerate() {
            let member = ident(field.name());
            let default = format!("self.{member} = Default::default()");
            let reset = match self.shape(message, field) {
                Shape::Hot(inner) if self.is_wide(self.messages[&inner]) => format!("self.{member}.reset()"),
                _ => default,
            };
            let _ = match self.shape(message, field) {
                Shape::Hot(_) => writeln!(code, "        if self.written & 1 << {at} != 0 {{ {reset} }}"),
                _ => writeln!(code, "        {reset};"),
            };
        }
        let _ = writeln!(code, "        self.written = 0;\n    }}\n");
    }

    fn write_accessors(&self, code: &mut String, message: &DescriptorProto) {
        for field in &message.field {
            let entries = match self.shape(message, field) {
                Shape::FigureMap => "Figures",
                Shape::CarriedMap => "Carried",
                _ => continue,
            };
            let (member, tag) = (ident(field.name()), tag(field));
            let _ = writeln!(
                code,
                "\n    /// The entries of `{}`, in the order received.\n    \
                 pub fn {member}<'a>(&self, input: &'a [u8]) -> {entries}<'a> {{\n        \
                 {entries}::new(input, self.{member}, {tag})\n    }}",
                field.name()
            );
        }
    }

    /// Every message that stands, at any depth, inside a hot one without being hot itself.
    fn cold_inside_hot(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut left: Vec<String> = HOT.iter().chain(DEFERRED).map(|s| (*s).to_owned()).collect();
        while let Some(name) = left.pop() {
            let message = self.messages[&name];
            for field in &message.field {
                let shape = match self.shape(message, field) {
                    Shape::Repeated(inner) => *inner,
                    shape => shape,
                };
                let inner = match shape {
                    Shape::Cold(inner) | Shape::ColdMap(inner) => inner,
                    _ => continue,
                };
                if found.insert(inner.clone()) {
                    left.push(inner);
                }
            }
        }
        found
    }

    /// A cold message is checked to be what prost would accept, and nothing of it is kept.
    fn write_check(&self, code: &mut String, name: &str) {
        let message = self.messages[name];
        let _ = writeln!(
            code,
            "#[cold]\nfn check_{}(input: Source<'_>, span: Span) -> Result<(), DecodeError> {{",
            snake(name)
        );
        if DEFERRED.contains(&name) {
            let _ = writeln!(code, "    {name}::default().read(input, span)\n}}\n");
            return;
        }
        // Two parts of one sub-message may each be what prost accepts, and together not.
        let in_parts = |field: &FieldDescriptorProto| {
            matches!(self.shape(message, field), Shape::Figure | Shape::Time | Shape::Hot(_) | Shape::Cold(_))
        };
        if message.field.iter().any(in_parts) {
            let _ = writeln!(code, "    let mut seen = 0u64;");
        }
        let _ = writeln!(code, "    let mut r = Reader::new(input, span);");
        let _ = writeln!(code, "        while let Some(tag) = r.tag()? {{\n            match tag {{");
        for (at, field) in message.field.iter().enumerate() {
            let nested = |inner: &str| format!("{{ let inner = r.nested()?; check_{}(input, inner)? }}", snake(inner));
            let shape = match self.shape(message, field) {
                Shape::Repeated(inner) => *inner,
                shape => shape,
            };
            let action = match shape {
                Shape::Text => "drop(r.text()?)".to_owned(),
                Shape::Bytes => "drop(r.nested()?)".to_owned(),
                Shape::Bool | Shape::Int { .. } => "drop(r.varint()?)".to_owned(),
                Shape::Figure => "let _ = r.figure()?;".to_owned(),
                Shape::Time => "let _ = r.time()?;".to_owned(),
                Shape::Hot(inner) => format!("{{ let inner = r.nested()?; {inner}::default().read(input, inner)? }}"),
                Shape::Cold(inner) => nested(&inner),
                Shape::TextMap => "r.text_entry()?".to_owned(),
                Shape::FigureMap => "r.figure_entry()?".to_owned(),
                Shape::CarriedMap => "r.carried_entry()?".to_owned(),
                Shape::ColdMap(inner) => {
                    format!("if let Some(value) = r.message_entry()? {{ check_{}(input, value)? }}", snake(&inner))
                }
                Shape::Repeated(_) => unreachable!("no field is repeated twice"),
            };
            let once = format!("once(seen & 1 << {at} != 0)?; seen |= 1 << {at};");
            let action = if in_parts(field) { format!("{{ {once} {action} }}") } else { action };
            let _ = writeln!(code, "                {} => {action},", tag(field));
        }
        write_unknown(code, message);
        let _ = writeln!(code, "    Ok(())\n}}\n");
    }

    /// `field::order_state::PRICE`: the encoders name fields, the schema numbers them.
    fn field_numbers(&self) -> String {
        let mut code = String::new();
        for (name, message) in &self.messages {
            let _ = writeln!(code, "pub mod {} {{", ident(name));
            for field in &message.field {
                let constant = ident(field.name()).trim_start_matches("r#").to_uppercase();
                let _ = writeln!(code, "    pub const {constant}: u32 = {};", field.number());
            }
            let _ = writeln!(code, "}}");
        }
        code
    }
}

/// A known number under another wire type is malformed, as in prost; an unknown number is skipped.
fn write_unknown(code: &mut String, message: &DescriptorProto) {
    let known: Vec<String> = message.field.iter().map(|f| f.number().to_string()).collect();
    let _ = writeln!(code, "                other => match other >> 3 {{");
    let _ = writeln!(code, "                    {} => return Err(DecodeError::Malformed),", known.join(" | "));
    let _ = writeln!(code, "                    _ => r.skip(other)?,");
    let _ = writeln!(code, "                }},\n            }}\n        }}");
}

fn map_entry<'m>(message: &'m DescriptorProto, field: &FieldDescriptorProto) -> Option<&'m DescriptorProto> {
    let name = type_name(field);
    let nested = message.nested_type.iter().find(|n| n.name() == name)?;
    nested.options.as_ref().is_some_and(|o| o.map_entry()).then_some(nested)
}

fn type_name(field: &FieldDescriptorProto) -> String {
    field.type_name().rsplit('.').next().unwrap_or_default().to_owned()
}

fn tag(field: &FieldDescriptorProto) -> u32 {
    let wire = match field.r#type() {
        Type::String | Type::Bytes | Type::Message => 2,
        _ => 0,
    };
    (field.number() as u32) << 3 | wire
}

/// `ExDestination` to `ex_destination`, `OrderID` to `order_id`, `IDs` to `ids`.
fn snake(name: &str) -> String {
    let chars: Vec<char> = name.replace("IDs", "Ids").replace("ID", "Id").chars().collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        if c.is_uppercase() && i > 0 && chars[i - 1] != '_' {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

fn ident(name: &str) -> String {
    match snake(name).as_str() {
        "type" => "r#type".to_owned(),
        "move" => "r#move".to_owned(),
        other => other.to_owned(),
    }
}
