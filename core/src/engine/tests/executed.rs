//! Executed figures that an adapter leaves out.

use super::*;
use crate::record::Rules;

impl Table {
    /// The stored OrderState's executed figures, `-` where absent: quantity, value, funds.
    fn executed(&self, id: &str) -> String {
        let record = self.views.order(self.account("A"), id).expect("a visible order");
        let state = proto::OrderState::decode(&record.bytes[..]).expect("an OrderState");
        let shown = |number: Option<BigNumber>| number.map_or("-".into(), |number| number.dec().to_string());
        let funds = state.executed_additional_funds.iter().map(|(name, sum)| format!("{name}={:?}", sum.dec()));
        format!("{} {}{}", shown(state.executed_quantity), shown(state.executed_value), join(funds))
    }
}

#[test]
fn an_amend_between_two_trades_loses_nothing() {
    let table = check(
        "
        buy A #1 100@10 est 9
        trade #1 T1 40@10 fee 5            -> order A #1 100 40 400 open | cash A 0 -405 -604 0
        amend #1 90@10                     -> order A #1 90 40 400 open | cash A 0 -405 -504 0
                                           -> events action order balance
        trade #1 T2 10@9                   -> order A #1 90 50 490 open
        bust #1 T1                         -> order A #1 90 10 90 open | cash A 0 -90 -809 0
        amend #1 done                      -> order A #1 90 10 90 done | cash A 0 -90 0 0
        amend #1 open                      -> order A #1 90 10 90 open | cash A 0 -90 -809 0
        bust #1 T2                         -> order A #1 90 0 0 open | cash A 0 0 -909 0 | held A none
        ",
    );
    assert_eq!(table.executed("#1"), "0 0 Brokerage=0");
    table.assert_image_is_whole();
}

#[test]
fn absent_figures_stay_absent_until_there_is_something_executed() {
    let mut table = check("buy A #1 100@10\n amend #1 90@10");
    assert_eq!(table.executed("#1"), "- -");
    let mut action = table.action("amend #1 80@10 exec 5.0/-");
    table.apply(&action);
    assert_eq!(table.executed("#1"), "5.0 -", "one is given, one never was");
    let order = action.order.as_mut().unwrap();
    (order.executed_quantity, order.executed_value) = (None, Some(figure("50")));
    table.apply(&action);
    assert_eq!(table.executed("#1"), "5.0 50", "each by itself");
    action.order.as_mut().unwrap().executed_quantity = Some(figure("0"));
    table.apply(&action);
    assert_eq!((table.executed("#1").as_str(), table.cash("A").as_str()), ("0 50", "0 0 -800 0"), "zero is said");
    table.assert_image_is_whole();
}

#[test]
fn kept_figures_go_along_with_an_order_that_moves_and_through_an_image() {
    let mut table = check(
        "
        buy A #1 100@10
        trade #1 T1 40@10 fee 5
        amend #1 100@10 to B               -> order B #1 100 40 400 open | cash B 0 0 -600 0
        ",
    );
    table.engine = Engine::from_image(&table.engine.image()).expect("just made");
    let amend = table.action("amend #1 70@10");
    table.apply(&amend);
    assert_eq!((table.order("B", "#1").as_str(), table.cash("B").as_str()), ("70 40 400 open", "0 0 -300 0"));
}

#[test]
fn a_derived_figure_never_goes_below_zero() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10
        amend #1 100@10 exec 30/300        -> order A #1 100 30 300 open
        bust #1 T1                         -> order A #1 100 0 0 open | held A none | cash A 0 0 -1000 0
        ",
    );
}

#[test]
fn an_update_recorded_under_the_first_rules_still_forgets_what_it_leaves_out() {
    let mut table = check("buy A #1 100@10\n trade #1 T1 40@10 fee 5");
    let amend = table.action("amend #1 90@10");
    let r#type = FeedRequestType::Action as i32;
    let bytes = |action| proto::FeedRequest { r#type, action: Some(action), ..Default::default() }.encode_to_vec();
    table.apply_at(Stamp { rules: Rules::V1, ..table.next_stamp() }, &bytes(amend));
    assert_eq!((table.executed("#1").as_str(), table.cash("A").as_str()), ("- -", "0 -405 -900 0"));
    let bust = table.action("bust #1 T1");
    table.apply_at(Stamp { rules: Rules::V1, ..table.next_stamp() }, &bytes(bust));
    assert_eq!(table.executed("#1"), "-40 -400 Brokerage=-5");
}
