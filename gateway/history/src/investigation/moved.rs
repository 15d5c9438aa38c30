//! `Moved`: a field that differs between two states of a record.

use ordo_core::dec::Dec;

use super::fields::Fields;
use super::value::Value;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub name: String,
    pub before: Value,
    pub after: Value,
    /// The difference, where the field is a figure; a missing figure counts as zero.
    pub change: Option<Dec>,
}

/// The fields that differ, by name. For a record that was added or removed, zeros are left out unless all fields are
/// zero.
pub(super) fn moves(before: &Fields, after: &Fields) -> Vec<Moved> {
    let is_both = !before.is_empty() && !after.is_empty();
    let gone = before.iter().filter(|(name, _)| value(after, name).is_absent());
    let names = after.iter().chain(gone).map(|(name, _)| name);
    let mut moved: Vec<Moved> = names.filter_map(|name| Moved::of(name, (before, after), is_both)).collect();
    if !is_both && moved.iter().any(|it| !it.is_zero()) {
        moved.retain(|it| !it.is_zero());
    }
    moved
}

fn value(fields: &Fields, name: &str) -> Value {
    fields.iter().find(|(other, _)| other == name).map_or(Value::Absent, |(_, value)| value.clone())
}

impl Moved {
    fn of(name: &str, (before, after): (&Fields, &Fields), is_both: bool) -> Option<Moved> {
        let (mut before, mut after) = (value(before, name), value(after, name));
        if is_both {
            // A flag that is false is not encoded.
            match (&before, &after) {
                (Value::Absent, Value::Flag(_)) => before = Value::Flag(false),
                (Value::Flag(_), Value::Absent) => after = Value::Flag(false),
                _ => {}
            }
        }
        let change = match (&before, &after) {
            (Value::Figure(before), Value::Figure(after)) => after.minus(*before).ok(),
            (Value::Absent, Value::Figure(after)) => Some(*after),
            (Value::Figure(before), Value::Absent) => Some(before.negated()),
            _ => None,
        };
        // Amounts are equal whatever their scale; a missing figure is not equal to a zero.
        let is_same = before == after || change.is_some_and(Dec::is_zero) && !before.is_absent() && !after.is_absent();
        (!is_same).then(|| Moved { name: name.to_owned(), before, after, change })
    }

    fn is_zero(&self) -> bool {
        self.change.is_some_and(Dec::is_zero)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(of: &[(&str, Value)]) -> Fields {
        of.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    fn shown(before: &Fields, after: &Fields) -> Vec<String> {
        let moved = moves(before, after);
        let shown = moved.iter().map(|it| {
            let change = it.change.map_or_else(String::new, |change| change.to_string());
            format!("{} '{}' '{}' {change}", it.name, it.before, it.after)
        });
        shown.collect()
    }

    fn figure(text: &str) -> Value {
        Value::Figure(text.parse().expect("a figure"))
    }

    #[test]
    fn of_a_record_that_comes_zeros_are_left_out_unless_there_is_nothing_else() {
        let some = fields(&[("Balance", figure("5")), ("Margin", figure("0"))]);
        let none = fields(&[("Balance", figure("0")), ("Margin", figure("0.0"))]);
        assert_eq!(shown(&Fields::new(), &some), ["Balance '' '5' 5"]);
        assert_eq!(shown(&some, &Fields::new()), ["Balance '5' '' -5"]);
        assert_eq!(shown(&Fields::new(), &none).len(), 2);
    }

    #[test]
    fn a_scale_is_no_difference_and_an_absent_price_is_one() {
        let priced = fields(&[("Price", figure("0")), ("Quantity", figure("10.50"))]);
        let market = fields(&[("Quantity", figure("10.5"))]);
        assert_eq!(shown(&market, &priced), ["Price '' '0' 0"]);
        assert_eq!(shown(&priced, &market), ["Price '0' '' 0"]);
    }

    #[test]
    fn a_flag_that_goes_up_was_down() {
        let text = ("Status", Value::Text("x".into()));
        let up = fields(&[text.clone(), ("IsCompleted", Value::Flag(true))]);
        assert_eq!(shown(&fields(&[text]), &up), ["IsCompleted 'false' 'true' "]);
    }
}
