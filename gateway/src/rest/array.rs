//! An array of messages on its way out, in the form that was asked for.

use ordo_core::json::{self, ArrayWriter, MessageId, Style};

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json(Style),
    Protobuf,
}

/// See the module. Record by record.
pub(super) enum ArrayForm {
    Protobuf,
    Json(Option<ArrayWriter>, MessageId),
}

impl ArrayForm {
    pub(super) fn of(form: Form, message: MessageId) -> ArrayForm {
        match form {
            Form::Json(style) => ArrayForm::Json(Some(ArrayWriter::new(message, style)), message),
            Form::Protobuf => ArrayForm::Protobuf,
        }
    }

    pub(super) fn put(&mut self, record: &[u8], out: &mut Vec<u8>) {
        match self {
            ArrayForm::Protobuf => json::put_delimited(record, out),
            ArrayForm::Json(Some(array), message) => {
                if let Err(error) = array.push(record, out) {
                    tracing::error!(?error, message = message.name(), "a record has no JSON form");
                }
            }
            ArrayForm::Json(None, _) => unreachable!("invariant: nothing comes behind the end"),
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if let ArrayForm::Json(array, _) = self
            && let Some(array) = array.take()
        {
            array.finish(out);
        }
    }
}
