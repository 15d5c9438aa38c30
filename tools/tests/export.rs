//! `ordo journal export`: the rows of a file are what was recorded, all digits kept.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ordo_core::proto::{Account, ExternalAction, ExternalActionType, OrderState, OrderTrade};
use ordo_core::proto::{OrderTradeType, Side};
use ordo_gateway::hub::Hub;
use ordo_testkit::actions;
use support::{figure, small, stderr, submit};
use tempfile::TempDir;

fn account(id: &str) -> Option<Account> {
    Some(actions::account("OWN", id))
}

fn deposit(reference: &str, digits: &str) -> ExternalAction {
    let of = actions::account("OWN", "A, \"quoted\"");
    actions::cash(actions::details(&of, reference), actions::cash_transfer(digits))
}

fn trade(id: &str, kind: OrderTradeType, quantity: &str, account_id: &str) -> ExternalAction {
    let order = OrderState {
        account: account(account_id),
        order_id: "o1".into(),
        exchange: "XASX".into(),
        code: "BHP".into(),
        currency: "AUD".into(),
        side: Side::Buy as i32,
        price: figure("10.500"),
        quantity: figure("100"),
        ..OrderState::default()
    };
    let trade = OrderTrade {
        trade_id: id.into(),
        r#type: kind as i32,
        price: figure("10.123456789012345678"),
        quantity: figure(quantity),
        ..OrderTrade::default()
    };
    ExternalAction {
        r#type: ExternalActionType::Trade as i32,
        order: Some(order.into()),
        trade: Some(trade.into()),
        ..ExternalAction::default()
    }
}

/// A folder with two deposits, a trade, its correction, its cancel, and a refused trade in it.
fn recorded(folder: &Path) {
    let hub = Hub::start(small(&folder.join("data"), folder)).expect("a hub");
    let actions = [
        deposit("D1", "0.000000000000000001"),
        deposit("D2", "100"),
        trade("T1", OrderTradeType::Trade, "40", "B"),
        trade("T1", OrderTradeType::Correction, "30", "B"),
        trade("T1", OrderTradeType::Cancel, "0", "B"),
        trade("T2", OrderTradeType::Trade, "1", ""),
    ];
    submit(&hub, (1..).zip(actions));
    hub.stop().expect("it stops well");
}

fn export(folder: &Path, file: &str, options: &[&str]) -> (Output, PathBuf) {
    let to = folder.join(file);
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordo"));
    command.args(["journal", "export"]).arg(folder.join("data")).arg("--to").arg(&to).args(options);
    (command.output().expect("the program runs"), to)
}

/// The columns asked for, of each row.
#[track_caller]
fn rows(folder: &Path, options: &[&str], columns: &[&str]) -> Vec<String> {
    let (output, file) = export(folder, "out.csv", options);
    assert!(output.status.success(), "{}", stderr(&output));
    let mut reader = csv::Reader::from_path(file).expect("a file");
    let headers = reader.headers().expect("a header row").clone();
    let places = columns.iter().map(|name| headers.iter().position(|header| header == *name).expect("the column"));
    let places: Vec<usize> = places.collect();
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.map(|row| places.iter().map(|at| &row[*at]).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn every_update_is_a_row_refused_ones_too() {
    let folder = TempDir::new().expect("a folder");
    recorded(folder.path());
    let all = rows(folder.path(), &[], &["Sequence", "Position", "Kind", "Reference", "Errors"]);
    let expected = [
        "oms 1 Status  ",
        "F 1 CashTransfer D1 ",
        "F 2 CashTransfer D2 ",
        "F 3 Trade T1 ",
        "F 4 Trade T1 ",
        "F 5 Trade T1 ",
        "F 6 Trade T2 Account",
        "oms 2 Status  ",
    ];
    assert_eq!(all, expected);
    let updates = rows(folder.path(), &["--from", "F:1", "--until", "F:2"], &["Account", "Update"]);
    assert_eq!(updates.len(), 2);
    assert!(updates[0].starts_with("OWN/A, \"quoted\" {"), "{}", updates[0]);
    assert!(updates[0].contains("0.000000000000000001"), "{}", updates[0]);
}

#[test]
fn trades_are_rows_as_they_came() {
    let folder = TempDir::new().expect("a folder");
    recorded(folder.path());
    let columns =
        ["OwnerID", "AccountID", "OrderID", "TradeID", "Type", "Side", "Price", "Quantity", "Exchange", "Code"];
    let trades = rows(folder.path(), &["--what", "trades"], &columns);
    let trade = |kind, quantity| format!("OWN B o1 T1 {kind} BUY 10.123456789012345678 {quantity} XASX BHP");
    assert_eq!(trades, [trade("Trade", "40"), trade("Correction", "30"), trade("Cancel", "0")]);
}

#[test]
fn events_are_rows_view_by_view() {
    let folder = TempDir::new().expect("a folder");
    recorded(folder.path());
    let of_trade = ["--what", "events", "--from", "F:3", "--until", "F:3"];
    let events = rows(folder.path(), &of_trade, &["Position", "View", "Action", "AccountID", "Key"]);
    let expected = [
        "3 Updates Update B o1",
        "3 Transactions Update B T1",
        "3 Orders Update B o1",
        "3 Holdings Update B XASX/BHP",
        "3 Balances Update B AUD",
    ];
    assert_eq!(events, expected);
    let status = rows(folder.path(), &["--what", "events", "--until", "oms:1"], &["View", "Key", "Record"]);
    assert!(status.len() == 1 && status[0].starts_with("Status F {"), "{status:?}");
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing_behind() {
    let folder = TempDir::new().expect("a folder");
    recorded(folder.path());
    let (output, _) = export(folder.path(), "out.xlsx", &[]);
    assert_eq!(output.status.code(), Some(2));
    let (output, _) = export(folder.path(), "none/out.csv", &[]);
    assert_eq!(output.status.code(), Some(1));
    let names = std::fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let names: Vec<_> = names.collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("export")), "{names:?}");
}

#[test]
fn an_interrupted_export_leaves_nothing_behind() {
    let folder = TempDir::new().expect("a folder");
    let hub = Hub::start(small(&folder.path().join("data"), folder.path())).expect("a hub");
    submit(&hub, (1..=4_000).map(|position| (position, deposit(&position.to_string(), "1"))));
    hub.stop().expect("it stops well");
    let out = folder.path().join("out");
    std::fs::create_dir(&out).expect("a folder");
    let names = || std::fs::read_dir(&out).expect("it is there").count();
    // It may be through before it is caught.
    for _ in 0..30 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ordo"));
        command.args(["journal", "export", "--what", "events"]).arg(folder.path().join("data"));
        command.arg("--to").arg(out.join("out.csv")).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the program starts");
        while names() == 0 && process.try_wait().expect("it is ours").is_none() {
            std::thread::yield_now();
        }
        let interrupt = Command::new("kill").args(["-INT", &process.id().to_string()]).stderr(Stdio::null()).status();
        interrupt.expect("kill runs");
        let output = process.wait_with_output().expect("it ends");
        if output.status.success() {
            std::fs::remove_file(out.join("out.csv")).expect("it is whole");
            continue;
        }
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("interrupted: nothing is written"), "{}", stderr(&output));
        assert_eq!(names(), 0);
        return;
    }
    panic!("it was never caught");
}

#[test]
fn a_file_is_not_written_into_the_folder_of_the_journal() {
    let folder = TempDir::new().expect("a folder");
    recorded(folder.path());
    let (output, file) = export(folder.path(), "data/out.csv", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("name a place elsewhere") && !file.exists(), "{}", stderr(&output));
}

#[cfg(not(feature = "parquet"))]
#[test]
fn without_the_feature_parquet_says_how_to_build_it() {
    let folder = TempDir::new().expect("a folder");
    recorded(folder.path());
    let (output, file) = export(folder.path(), "out.parquet", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--features parquet"));
    assert!(!file.exists());
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_holds_the_same_rows_as_csv() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    let folder = TempDir::new().expect("a folder");
    recorded(folder.path());
    for what in ["updates", "events", "trades"] {
        let (output, csv) = export(folder.path(), "out.csv", &["--what", what]);
        assert!(output.status.success());
        let (output, file) = export(folder.path(), "out.parquet", &["--what", what]);
        assert!(output.status.success(), "{}", stderr(&output));
        let reader = SerializedFileReader::new(std::fs::File::open(file).expect("a file")).expect("Parquet");
        let mut csv = csv::Reader::from_path(csv).expect("a file");
        let headers = csv.headers().expect("a header row").clone();
        let mut rows = 0;
        for (row, expected) in reader.get_row_iter(None).expect("rows").zip(csv.records()) {
            let (row, expected) = (row.expect("a row"), expected.expect("a row"));
            for ((name, field), (header, cell)) in row.get_column_iter().zip(headers.iter().zip(&expected)) {
                assert_eq!(name, header);
                match field {
                    Field::Null => assert_eq!(cell, ""),
                    Field::Str(text) => assert_eq!(text, cell),
                    Field::Long(number) if name == "Time" => {
                        let time: ordo_core::proto::TimestampWithTimeZone = cell.parse().expect("a time");
                        assert_eq!(time.unix_nanos().expect("it fits"), number.cast_unsigned());
                    }
                    Field::Long(number) => assert_eq!(number.to_string(), cell),
                    other => panic!("{name} is {other}"),
                }
            }
            rows += 1;
        }
        assert_eq!(i64::from(rows), reader.metadata().file_metadata().num_rows());
        assert!(rows >= 3, "{what}: {rows} rows");
    }
}
