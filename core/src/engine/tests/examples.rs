//! The worked examples of the rules, figure for figure.

use super::check;

#[test]
fn e1_buy_deposit_order_partial_fill_fill_settlement() {
    check(
        "
        cash A 10000                                 -> cash A 10000 0 0 0 | held A none | events balance transaction
        buy A #1 100@10 est 9.95                     -> cash A 10000 0 -1009.95 0 | held A none
                                                     -> order A #1 100 0 0 open | events action order balance
        trade #1 T1 40@9.90 fee 9.95 paid 9.95 exec 40/396 -> cash A 10000 -405.95 -600 0 | held A 40 0 9.9
                                                     -> order A #1 100 40 396 open
                                                     -> events action order holding balance transaction
        trade #1 T2 60@10 exec 100/996 done          -> cash A 10000 -1005.95 0 0 | held A 100 0 9.96
                                                     -> order A #1 100 100 996 done
        cash A -1005.95 settle                       -> cash A 8994.05 0 0 0 | held A 100 0 9.96
                                                     -> order A #1 100 100 996 done | events balance transaction
        ",
    );
}

/// As E1, with every executed figure left to the hub.
#[test]
fn e1_with_derived_figures_is_the_same() {
    check(
        "
        cash A 10000
        buy A #1 100@10 est 9.95           -> cash A 10000 0 -1009.95 0
        trade #1 T1 40@9.90 fee 9.95       -> cash A 10000 -405.95 -600 0 | order A #1 100 40 396 open
        trade #1 T2 60@10 done             -> cash A 10000 -1005.95 0 0 | order A #1 100 100 996 done
                                           -> oddities 0 0 0
        ",
    );
}

#[test]
fn e3_amend_up_amend_down_cancel_of_a_part_filled_buy() {
    check(
        "
        cash A 5000
        buy A #3 200@5                     -> cash A 5000 0 -1000 0 | held A none | order A #3 200 0 0 open
        amend #3 300@5.1                   -> cash A 5000 0 -1530 0 | held A none | order A #3 300 0 0 open
        trade #3 T1 50@5.1 exec 50/255     -> cash A 5000 -255 -1275 0 | held A 50 0 5.1 | order A #3 300 50 255 open
        amend #3 120@5                     -> cash A 5000 -255 -350 0 | held A 50 0 5.1 | order A #3 120 50 255 open
                                           -> events action order balance
        amend #3 done                      -> cash A 5000 -255 0 0 | held A 50 0 5.1 | order A #3 120 50 255 done
        ",
    );
}

#[test]
fn e4_market_orders() {
    check(
        "
        cash A 2000
        buy A #4 100@-                     -> cash A 2000 0 0 0 | held A none | order A #4 100 0 0 open
                                           -> events action order
        amend #4 reserve 5.25              -> cash A 2000 0 -525 0 | held A none | order A #4 100 0 0 open
        trade #4 T1 60@5.30 exec 60/318    -> cash A 2000 -318 -210 0 | held A 60 0 5.3 | order A #4 100 60 318 open
        trade #4 T2 40@5.40 exec 100/534 done -> cash A 2000 -534 0 0 | held A 100 0 5.34 | order A #4 100 100 534 done
        ",
    );
}

#[test]
fn e5_trade_correction() {
    check(
        "
        cash A 10000
        buy A #5 100@10
        trade #5 T1 40@9.90 exec 40/396    -> cash A 10000 -396 -600 0 | held A 40 0 9.9 | order A #5 100 40 396 open
        correct #5 T1 50@9.80 exec 50/490  -> cash A 10000 -490 -500 0 | held A 50 0 9.8 | order A #5 100 50 490 open
                                           -> events action order holding balance transaction
        ",
    );
}

#[test]
fn e6_trade_cancel_on_a_live_order() {
    check(
        "
        cash A 10000
        buy A #6 100@10
        trade #6 T1 40@10 fee 5 exec 40/400 -> cash A 10000 -405 -600 0 | held A 40 0 10 | order A #6 100 40 400 open
        bust #6 T1 exec 0/0                -> cash A 10000 0 -1000 0 | held A none | order A #6 100 0 0 open
                                           -> events action order -holding balance transaction
        ",
    );
}

#[test]
fn e9_move_of_a_part_filled_order() {
    check(
        "
        cash A 5000
        cash B 5000
        buy A #9 100@10
        trade #9 T1 30@10 exec 30/300      -> cash A 5000 -300 -700 0 | held A 30 0 10 | order A #9 100 30 300 open
                                           -> cash B 5000 0 0 0 | held B none
        amend #9 to B                      -> cash A 5000 -300 0 0 | held A 30 0 10 | order A #9 gone
                                           -> cash B 5000 0 -700 0 | held B none | order B #9 100 30 300 open
                                           -> events action -order order balance balance
        trade #9 T2 70@10 exec 100/1000 done -> cash A 5000 -300 0 0 | held A 30 0 10
                                           -> cash B 5000 -700 0 0 | held B 70 0 10 | order B #9 100 100 1000 done
        bust #9 T1 exec 70/700             -> cash A 5000 0 0 0 | held A none
                                           -> cash B 5000 -700 0 0 | held B 70 0 10 | order B #9 100 70 700 done
                                           -> events action order -holding balance transaction
        ",
    );
}

#[test]
fn e11_removal_of_a_live_order() {
    check(
        "
        cash A 5000
        buy A #12 100@10                   -> cash A 5000 0 -1000 0 | held A none | order A #12 100 0 0 open
        amend #12 remove                   -> cash A 5000 0 0 0 | held A none | order A #12 gone
                                           -> events action -order balance
        ",
    );
}

#[test]
fn e12_settlement_statuses_and_funds() {
    check(
        "
        cash A 500 fund 1.5 unbooked       -> cash A 0 498.5 0 0
        cash A 498.5 settle                -> cash A 498.5 0 0 0
        cash A 200 reverse                 -> cash A 298.5 200 0 0
        cash A -100 fund -2                -> cash A 200.5 200 0 0 | held A none
        ",
    );
}

#[test]
fn e13_pools() {
    check(
        "
        cash A 1000
        cash A 5000 pool Margin            -> cash A 1000 0 0 5000
        cash A 300 pool Collateral         -> cash A 1000 0 0 5000 Collateral=300
        cash A 40 pool Collateral unbooked -> cash A 1000 0 0 5000 Collateral=300 Collateral:Unbooked=40
        cash A 40 pool Collateral settle   -> cash A 1000 0 0 5000 Collateral=340 | events balance transaction
        cash A -340 pool Collateral        -> cash A 1000 0 0 5000
        ",
    );
}

#[test]
fn e14_asset_transfers_with_and_without_a_cost() {
    check(
        "
        stock A 100                        -> held A 100 0 none | events holding transaction
        stock A -100                       -> held A none | events -holding transaction
        stock A 100 price 8                -> held A 100 0 8
        stock A 50                         -> held A 150 0 8
        stock A -30                        -> held A 120 0 8 | cash A none
        ",
    );
}

#[test]
fn e15_average_price_over_buys_and_sells() {
    check(
        "
        buy A #15 1000@100
        trade #15 T1 100@10 exec 100/1000  -> cash A 0 -1000 -90000 0 | held A 100 0 10 | order A #15 1000 100 1000 open
        trade #15 T2 50@13 exec 150/1650   -> cash A 0 -1650 -85000 0 | held A 150 0 11 | order A #15 1000 150 1650 open
        sell A #16 60@12
        trade #16 T3 60@12 exec 60/720     -> cash A 0 -930 -85000 0 | held A 90 0 11 | order A #16 60 60 720 open
        trade #15 T4 10@12 exec 160/1770   -> cash A 0 -1050 -84000 0 | held A 100 0 11.1
                                           -> order A #15 1000 160 1770 open
        trade #15 T5 33@10 exec 193/2100   -> cash A 0 -1380 -80700 0 | held A 133 0 10.82706767
                                           -> order A #15 1000 193 2100 open | order A #16 60 60 720 open
        ",
    );
}
