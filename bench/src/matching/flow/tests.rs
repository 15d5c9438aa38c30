use super::*;

#[test]
fn a_flow_is_as_it_is_described() {
    for scenario in SCENARIOS {
        let Flow { messages, counts, .. } = Flow::make(scenario, 400_000, 1);
        println!("{}: {counts:?}", scenario.name);
        let share = |part: u64, whole: u64| part as f64 / whole as f64;
        let resting = counts.new_orders - counts.immediate_or_cancel;
        assert_eq!(messages.len(), 400_000);
        assert!((0.13..0.17).contains(&share(counts.immediate_or_cancel, counts.new_orders)), "{counts:?}");
        assert!((0.17..0.23).contains(&share(counts.amends, counts.new_orders)), "{counts:?}");
        let ended = counts.cancels + counts.filled;
        assert!((0.93..0.97).contains(&share(counts.cancels, ended)), "{counts:?}");
        assert!((0.8..1.25).contains(&share(ended, resting)), "{counts:?}");
        assert!((15_000..21_000).contains(&counts.open_orders), "{counts:?}");
    }
}

#[test]
fn the_same_seed_makes_the_same_flow() {
    let text = |seed| format!("{:?}", Flow::make(SCENARIOS[4], 5_000, seed).messages);
    assert!(text(7) == text(7) && text(7) != text(8));
}

#[test]
fn scenarios_go_from_calm_to_bursts() {
    let ranges: Vec<i64> =
        SCENARIOS.iter().map(|scenario| Flow::make(*scenario, 100_000, 1).counts.price_range).collect();
    assert!(ranges.is_sorted(), "{ranges:?}");
}
