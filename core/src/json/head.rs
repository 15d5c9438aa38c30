//! The head of a message that is refused: its RequestID and Type, as far as they can be made out.
//!
//! Cold. The text may be cut, or be no JSON at all further on; what stands before that counts.

use super::schema::{Kind, Message, MessageId};
use super::text::Text;
use super::{JsonError, scalar};

/// See the module. Empty and 0 where they could not be made out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    pub request_id: String,
    /// The number of the message's type.
    pub r#type: i32,
}

impl Head {
    /// What a text of that message says at its outermost level.
    #[must_use]
    pub fn of(message: MessageId, text: &[u8]) -> Head {
        let mut head = Head::default();
        // The error is that of the message, and known already.
        let _ = head.read(message.table(), &mut Text::unchecked(text));
        head
    }

    fn read(&mut self, message: &Message, text: &mut Text<'_>) -> Result<(), JsonError> {
        text.open(b'{')?;
        let mut is_first = true;
        while text.another(b'}', is_first)? {
            is_first = false;
            let key = text.key()?;
            let field = message.place_of_name(&key).map(|place| &message.fields[place]);
            match field {
                Some(field) if field.name == "RequestID" && text.peek() == b'"' => {
                    self.request_id = text.string()?.into_owned();
                }
                Some(field) if field.name == "Type" => self.r#type = number(field.kind, text)?,
                _ => text.skip()?,
            }
        }
        Ok(())
    }
}

/// The number of an enum's value; 0 for a name that is none.
fn number(kind: Kind, text: &mut Text<'_>) -> Result<i32, JsonError> {
    let varint = match (kind, text.peek()) {
        (Kind::Enum(names), b'"') => return Ok(names.number(&text.string()?).unwrap_or(0)),
        (_, b'-' | b'0'..=b'9') => scalar::varint(kind, text.number()?)?,
        _ => return text.skip().map(|()| 0),
    };
    Ok(varint as i32)
}
