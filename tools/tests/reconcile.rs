//! `ordo reconcile`: what a custodian's files say against a hub and its folder.

mod support;

use std::path::Path;
use std::process::{Command, Output};

use ordo_core::proto::TransactionDetails;
use ordo_core::proto::{Account, AssetTransfer, CashTransfer, ExternalAction, ExternalActionType};
use ordo_gateway::hub::Hub;
use support::{figure, small, stderr, submit};
use tempfile::TempDir;

fn details(account: &str) -> Option<Box<TransactionDetails>> {
    let account = Some(Account { owner_id: "OWN".into(), account_id: account.into() });
    Some(TransactionDetails { account, ..TransactionDetails::default() }.into())
}

fn cash(account: &str, currency: &str, digits: &str) -> ExternalAction {
    let transfer = CashTransfer { currency: currency.into(), value: figure(digits), ..CashTransfer::default() };
    ExternalAction {
        r#type: ExternalActionType::CashTransfer as i32,
        transaction: details(account),
        cash_transfer: Some(transfer.into()),
        ..ExternalAction::default()
    }
}

fn stock(account: &str, code: &str, digits: &str) -> ExternalAction {
    let transfer =
        AssetTransfer { exchange: "XASX".into(), code: code.into(), value: figure(digits), ..AssetTransfer::default() };
    ExternalAction {
        r#type: ExternalActionType::AssetTransfer as i32,
        transaction: details(account),
        asset_transfer: Some(transfer.into()),
        ..ExternalAction::default()
    }
}

/// A hub with A: 100.10 AUD, 5 USD, 40 BHP; B: 7 AUD. The last is F 4.
fn started(folder: &Path) -> Hub {
    let hub = Hub::start(small(&folder.join("data"), folder)).expect("a hub");
    let actions = [cash("A", "AUD", "100.10"), cash("A", "USD", "5"), stock("A", "BHP", "40"), cash("B", "AUD", "7")];
    submit(&hub, (1..).zip(actions));
    hub
}

const CASH: &str = "OwnerID,AccountID,Currency,Balance\nOWN,A,AUD,100.1000\nOWN,A,USD,5\nOWN,B,AUD,7.00\n";
const STOCK: &str = "Owner,Account,Exchange,Code,Quantity,Remark\nOWN,A,XASX,BHP,40.0,fine\n";

fn reconcile(folder: &Path, cash: &str, stock: &str, options: &[&str]) -> Output {
    let files = [("cash.csv", cash), ("stock.csv", stock)].map(|(name, text)| {
        std::fs::write(folder.join(name), text).expect("it is written");
        folder.join(name)
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordo"));
    command.arg("reconcile").arg("--balances").arg(&files[0]).arg("--holdings").arg(&files[1]).args(options);
    command.output().expect("the program runs")
}

fn out(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn equal_figures_pass_however_they_are_written() {
    let folder = TempDir::new().expect("a folder");
    let hub = started(folder.path());
    let url = format!("http://{}/", hub.addr());
    let data = folder.path().join("data");
    for options in [["--hub", &url], ["--data", data.to_str().expect("UTF-8")]] {
        let output = reconcile(folder.path(), CASH, STOCK, &options);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!((out(&output).len(), stderr(&output)), (0, "4 records are equal\n".into()));
    }
    hub.stop().expect("it stops well");
}

#[test]
fn differences_and_what_is_missing_on_either_side_are_told_exactly() {
    let folder = TempDir::new().expect("a folder");
    let hub = started(folder.path());
    let url = format!("http://{}", hub.addr());
    let cash = "Owner,Account,Currency,Amount,Margin\nOWN,A,AUD,100.100000000000000001,3\nOWN,C,AUD,9,\nOWN,B,AUD,7,\n";
    let stock = "OwnerID,AccountID,Exchange,Code,Quantity\nOWN,A,XASX,BHP,39\nOWN,A,XASX,RIO,0\n";
    let expected = [
        "balance,OWN,A,AUD,Balance,100.100000000000000001,100.10,0.000000000000000001",
        "balance,OWN,A,AUD,Margin,3,0,3",
        "balance,OWN,A,USD,Balance,,5,-5",
        "balance,OWN,C,AUD,Balance,9,,9",
        "holding,OWN,A,XASX/BHP,Quantity,39,40,-1",
    ];
    let data = folder.path().join("data");
    for options in [["--hub", &url], ["--data", data.to_str().expect("UTF-8")]] {
        let output = reconcile(folder.path(), cash, stock, &options);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(out(&output), expected);
        assert_eq!(stderr(&output), "ordo: 5 figures differ, in 6 records compared\n");
    }
    hub.stop().expect("it stops well");
}

#[test]
fn the_past_is_compared_as_it_was() {
    let folder = TempDir::new().expect("a folder");
    let hub = started(folder.path());
    let data = folder.path().join("data");
    let data = data.to_str().expect("UTF-8");
    let before = CASH.replace("OWN,B,AUD,7.00\n", "");
    let output = reconcile(folder.path(), &before, STOCK, &["--data", data, "--as-at", "F:3"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let early = ["--hub", &format!("http://{}", hub.addr()), "--as-at", "2001-01-01T00:00:00Z"];
    let output = reconcile(folder.path(), CASH, STOCK, &early);
    assert_eq!((output.status.code(), out(&output).len()), (Some(1), 4), "nothing was there: {}", stderr(&output));
    let output = reconcile(folder.path(), CASH, STOCK, &["--hub", &format!("http://{}", hub.addr()), "--as-at", "F:3"]);
    assert_eq!(output.status.code(), Some(2), "a hub is not asked for positions");
    hub.stop().expect("it stops well");
}

#[test]
fn rows_that_cannot_be_read_are_named_with_line_and_reason() {
    let folder = TempDir::new().expect("a folder");
    started(folder.path()).stop().expect("it stops well");
    let data = folder.path().join("data");
    let options = ["--data", data.to_str().expect("UTF-8")];
    let cash = CASH.replace("USD,5", "USD,five") + "OWN,,AUD,1\n";
    let output = reconcile(folder.path(), &cash, STOCK, &options);
    assert_eq!((output.status.code(), out(&output).len()), (Some(1), 0));
    let said = stderr(&output);
    assert!(said.contains("cash.csv line 3: Balance: 'five' is no figure"), "{said}");
    assert!(said.contains("cash.csv line 5: AccountID is empty"), "{said}");
    assert!(said.ends_with("ordo: 0 figures differ, in 3 records compared; 2 rows cannot be read\n"), "{said}");
    let output = reconcile(folder.path(), "Owner,Currency\n", STOCK, &options);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("column AccountID or Account is missing"), "{}", stderr(&output));
    let output = reconcile(folder.path(), &CASH.replace("100.1000", "100,100.1000"), STOCK, &options);
    assert_eq!(output.status.code(), Some(1), "a figure with a comma in it is not its first digits");
    assert!(stderr(&output).contains("cash.csv line 2: 5 cells under 4 columns"), "{}", stderr(&output));
    let twice = "Owner,OwnerID,Account,Currency,Balance\nOWN,ZZ,A,AUD,100.10\n";
    let output = reconcile(folder.path(), twice, STOCK, &options);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cash.csv line 1: columns Owner and OwnerID"), "{}", stderr(&output));
}
