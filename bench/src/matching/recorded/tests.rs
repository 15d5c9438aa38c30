use std::fs::File;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::*;

/// Deletes that were added when the recording ended.
const CLOSING_ROWS: usize = 6_518;
const ROWS: usize = 314_057;

fn fills_of(orders: impl Read, trades: &[(Fill, u64)], rows: usize) -> Vec<Fill> {
    let takers = trades.iter().map(|(_, taker)| *taker).collect();
    matched(MultiGzDecoder::new(orders), &takers, rows)
}

/// Fills that are trades too, each trade counted once.
fn equal(fills: &[Fill], trades: &[(Fill, u64)]) -> usize {
    let mut trades: Vec<Fill> = trades.iter().map(|(fill, _)| *fill).collect();
    let before = trades.len();
    for fill in fills {
        if let Some(at) = trades.iter().position(|trade| trade == fill) {
            trades.swap_remove(at);
        }
    }
    before - trades.len()
}

/// All fills as text, against a file; `ORDO_BLESS=1` writes it anew.
fn compare(fills: &[Fill], golden: &str) {
    let line = |fill: &Fill| format!("{},{},{},{}\n", fill.buyer, fill.seller, fill.price, fill.quantity);
    let text = format!("buyer,seller,price_ticks,quantity_lots\n{}", fills.iter().map(line).collect::<String>());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/matching/recorded").join(golden);
    if std::env::var_os("ORDO_BLESS").is_some() {
        std::fs::write(&path, &text).expect("the golden file is written");
    }
    let kept = std::fs::read_to_string(&path).expect("the golden file is there");
    for (at, (kept, now)) in kept.lines().zip(text.lines()).enumerate() {
        assert_eq!(kept, now, "{golden}, line {}", at + 1);
    }
    assert_eq!(kept.len(), text.len(), "{golden} has other fills at its end");
}

#[test]
fn the_extract_makes_the_fills_that_it_made() {
    let trades = recorded_trades(&include_bytes!("../../../data/btcusd-trades.csv")[..]);
    let fills = fills_of(&include_bytes!("../../../data/btcusd-orders.csv.gz")[..], &trades, usize::MAX);
    compare(&fills, "extract.golden");
    assert_eq!((trades.len(), fills.len(), equal(&fills, &trades)), (66, 67, 50));
}

#[test]
fn the_whole_recording_makes_284_fills_of_which_259_are_real() {
    let Some(folder) = whole() else { return };
    let trades = recorded_trades(File::open(folder.join("btcusd-trades.csv")).expect("the trades"));
    let orders = File::open(folder.join("btcusd-orders.csv.gz")).expect("the orders");
    let fills = fills_of(orders, &trades, ROWS - CLOSING_ROWS);
    assert_eq!((trades.len(), fills.len(), equal(&fills, &trades)), (284, 284, 259));
    compare(&fills, "whole.golden");
}

/// Where the whole recording is: `$ORDO_FLOW_DIR`, else the folder that a checkout may have beside it.
fn whole() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("ORDO_FLOW_DIR").map_or(beside, PathBuf::from);
    let is_there = folder.join("btcusd-orders.csv.gz").exists();
    if !is_there {
        println!("skipped: no btcusd-orders.csv.gz in ORDO_FLOW_DIR");
    }
    is_there.then_some(folder)
}
