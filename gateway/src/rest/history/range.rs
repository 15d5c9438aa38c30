//! The requested range of the past, from the query.

use ordo_core::proto::{SubscriptionTarget, SubscriptionType};
use ordo_core::subscription::Positions;
use ordo_history::service::{Begin, End, Span};

use super::super::error::Refusal;
use super::super::query;

/// How a route bounds the updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    /// `from[sequence]`, `to[sequence]`.
    Between,
    /// `from`, `to`: times.
    FromDate,
    /// `from[sequence]`, `to`: a time.
    FromPosition,
    /// `from`: a time, `to[sequence]`.
    ToPosition,
}

impl Bounds {
    fn begins_at_positions(self) -> bool {
        matches!(self, Bounds::Between | Bounds::FromPosition)
    }

    fn ends_at_positions(self) -> bool {
        matches!(self, Bounds::Between | Bounds::ToPosition)
    }
}

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) span: Span,
    /// Empty: all views.
    pub(super) views: Vec<SubscriptionType>,
    /// Filters by owner and account.
    pub(super) targets: Vec<SubscriptionTarget>,
    pub(super) wants_snapshot: bool,
}

impl Asked {
    /// `now` holds the last position of every sequence, and limits the end of the range. It does not limit the start,
    /// so that updates which arrive while the request waits are not included.
    pub(super) fn read(bounds: Bounds, text: &str, now: &Positions) -> Result<Asked, Refusal> {
        let (mut from, mut to) = (Positions::new(), Positions::new());
        let (mut from_ns, mut to_ns) = (0, u64::MAX);
        let (mut owners, mut accounts) = (Vec::new(), Vec::new());
        let (mut views, mut count, mut wants_snapshot, mut names_end) = (Vec::new(), u64::MAX, false, false);
        for (key, value) in query::pairs(text)? {
            if let Some(sequence) = query::subscript(&key, "from").filter(|_| bounds.begins_at_positions()) {
                from.insert(sequence.into(), query::number(&key, &value)?);
            } else if let Some(sequence) = query::subscript(&key, "to").filter(|_| bounds.ends_at_positions()) {
                names_end = true;
                let position: i64 = query::number(&key, &value)?;
                // Limited to the last position, so that a reader knows when the end is reached.
                to.extend(now.get(sequence).map(|last| (sequence.into(), position.min(*last))));
            } else {
                match &*key {
                    "from" if !bounds.begins_at_positions() => from_ns = query::instant(&key, &value)?,
                    "to" if !bounds.ends_at_positions() => to_ns = query::instant(&key, &value)?,
                    "from" | "to" => return Err(Refusal::bad(format!("{key}[sequence]=position is how to say it"))),
                    "count" => count = query::number(&key, &value)?.unsigned_abs(),
                    "for" => views.push(view(&value)?),
                    "owner" => owners.push(value),
                    "account" if value.contains('/') => accounts.push(value),
                    // Names an account that nobody may see.
                    "account" => return Err(Refusal::Forbidden),
                    "snapshot" => {
                        wants_snapshot =
                            query::boolean(&value).ok_or_else(|| Refusal::bad("snapshot: true or false"))?;
                    }
                    key if key.starts_with("from[") || key.starts_with("to[") => {
                        return Err(Refusal::bad(format!("{key}: a time is asked for here")));
                    }
                    _ => {}
                }
            }
        }
        // Past routes of orders are not recorded.
        if views.contains(&SubscriptionType::Feed) {
            return Err(Refusal::refused("Operation"));
        }
        if bounds.ends_at_positions() && !names_end {
            return Err(Refusal::bad("to[sequence]=position is missing"));
        }
        let from = if bounds.begins_at_positions() { Begin::Positions(from) } else { Begin::Time(from_ns) };
        let to = if bounds.ends_at_positions() { End::Positions(to) } else { End::Time(to_ns) };
        let targets = [("Owner", owners), ("Account", accounts)].into_iter().filter(|(_, values)| !values.is_empty());
        let targets = targets.map(|(name, values)| SubscriptionTarget { name: name.into(), values }).collect();
        Ok(Asked { span: Span { from, to, count }, views, targets, wants_snapshot })
    }
}

/// A view by its full name, its short name in any case, or its number.
fn view(text: &str) -> Result<SubscriptionType, Refusal> {
    const PREFIX: &str = "SubscriptionType_";
    let short = text.strip_prefix(PREFIX).unwrap_or(text);
    let by_number = text.parse::<i32>().ok().and_then(|number| SubscriptionType::try_from(number).ok());
    let is_named = |view: &SubscriptionType| view.as_str_name()[PREFIX.len()..].eq_ignore_ascii_case(short);
    let all = (0..=VIEW_NUMBER_MAX).filter_map(|number| SubscriptionType::try_from(number).ok());
    let found = by_number.or_else(|| all.into_iter().find(is_named));
    found
        .filter(|view| *view != SubscriptionType::Unknown)
        .ok_or_else(|| Refusal::bad(format!("for: '{text}' is no subscription type")))
}

const VIEW_NUMBER_MAX: i32 = SubscriptionType::Feed as i32;

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Positions {
        Positions::from([("f".into(), 12), ("oms".into(), 3)])
    }

    #[test]
    fn positions_are_read_and_ends_never_beyond_the_last() {
        let text = "from%5Bf%5D=98&from[none]=4&to[f]=99&to[none]=5&count=7";
        let asked = Asked::read(Bounds::Between, text, &now()).unwrap();
        assert_eq!(asked.span.from, Begin::Positions(Positions::from([("f".into(), 98), ("none".into(), 4)])));
        assert_eq!(asked.span.to, End::Positions(Positions::from([("f".into(), 12)])));
        assert_eq!(asked.span.count, 7);
    }

    #[test]
    fn views_go_by_any_of_their_names() {
        for text in ["SubscriptionType_Transactions", "Transactions", "transactions", "12"] {
            assert_eq!(view(text).unwrap(), SubscriptionType::Transactions, "{text}");
        }
        for text in ["", "0", "Unknown", "99", "Trades"] {
            assert!(view(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let refused = [
            (Bounds::Between, "from[f]=1"),
            (Bounds::Between, "to[f]=-1"),
            (Bounds::Between, "to[f]=x"),
            (Bounds::Between, "to=5"),
            (Bounds::FromDate, "from[f]=5"),
            (Bounds::FromDate, "from=yesterday"),
            (Bounds::ToPosition, "from=2025-01-01T00:00:00Z"),
            (Bounds::FromDate, "snapshot=perhaps"),
            (Bounds::FromDate, "count=-1"),
        ];
        for (bounds, text) in refused {
            assert!(Asked::read(bounds, text, &now()).is_err(), "{bounds:?} {text}");
        }
        assert_eq!(Asked::read(Bounds::FromDate, "account=A", &now()), Err(Refusal::Forbidden));
        for text in ["", "count=&for=&owner=", "SNAPSHOT=True&Count=1"] {
            assert!(Asked::read(Bounds::FromDate, text, &now()).is_ok(), "{text}");
        }
    }
}
