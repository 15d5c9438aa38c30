//! Makes the journals that are kept: a hub's folder with every kind of update in it, and ways to damage one.

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use ordo_client::{Adapter, rest};
use ordo_core::json::{self, message};
use ordo_core::proto::{FeedPosition, FeedRequest};
use ordo_gateway::hub::Hub;
use ordo_journal::verify;
use prost::Message;
use tempfile::TempDir;

use crate::support::{PATIENCE, small};

const FEED: &str = "F";

/// Kinds that a dump of the good journal must show.
pub(crate) const KINDS: &[&str] = &[
    "Update",
    "Replace",
    "Trade",
    "CashTransfer",
    "AssetTransfer",
    "Status",
    "Configure",
    "Operation DefineOwner",
    "Operation DefineAccount",
    "Operation DefineExchange",
    "Operation DefineRequestStatus",
    "Operation DefinePermissions",
    "Operation DefineIdentitySource",
    "Operation UndefineOwner",
    "Operation Transform",
    "Operation TransformAccount",
    "Operation TransformOwner",
];

/// What is done to a folder.
pub(crate) type Damage = fn(&Path);

/// Each fixture, and what is done to the good journal for it.
pub(crate) const DAMAGES: &[(&str, Damage)] = &[
    ("good", |_| {}),
    ("torn", |folder| {
        // The end as a power loss leaves it: the group behind the last is half there.
        let (file, end) = end(folder);
        write_at(&file, end, &[216, 0, 0, 0, 5, 1, 0, 0]);
    }),
    ("flipped", |folder| {
        let first = segments(folder).remove(0);
        let mut byte = [0];
        let file = fs::File::open(&first).expect("a segment");
        file.read_exact_at(&mut byte, 20_000).expect("it is that long");
        write_at(&first, 20_000, &[byte[0] ^ 1]);
    }),
    ("missing-segment", |folder| fs::remove_file(segments(folder).remove(1)).expect("it is removed")),
    ("cut-short", |folder| {
        let first = fs::OpenOptions::new().write(true).open(segments(folder).remove(0)).expect("a segment");
        first.set_len(30_000).expect("it is cut");
    }),
    ("one-header-copy", |folder| write_at(&segments(folder).remove(0), 8, b"damage")),
    ("no-header", |folder| {
        let first = segments(folder).remove(0);
        write_at(&first, 8, b"damage");
        write_at(&first, 4096 + 8, b"damage");
    }),
    ("dirty-room", |folder| {
        let (file, end) = end(folder);
        write_at(&file, end.next_multiple_of(4096) + 4096, b"dirt");
    }),
    ("snapshot-damaged", |folder| {
        let names = fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("an entry").path());
        let snapshots = names.filter(|path| path.to_string_lossy().contains("snap-"));
        snapshots.for_each(|snapshot| write_at(&snapshot, 4200, b"damage"));
    }),
];

/// A hub's folder with every kind of update in it, on several segments, stopped well in between.
pub(crate) fn record(folder: &Path) {
    let hub = start(folder);
    let mut line = Line { adapter: Adapter::open(hub.addr(), FEED).expect("a feed"), position: 0 };
    definitions(&mut line);
    for n in 0..125 {
        flow(&mut line, n);
    }
    line.wait();
    drop(line);
    hub.stop().expect("it stops well");
    let hub = start(folder);
    let adapter = Adapter::open(hub.addr(), FEED).expect("a feed");
    let position = adapter.resumed();
    let mut line = Line { adapter, position };
    transforms(&mut line);
    for n in 125..165 {
        flow(&mut line, n);
    }
    line.wait();
    batches(&hub);
    drop(line);
    hub.stop().expect("it stops well");
}

fn start(folder: &Path) -> Hub {
    let mut config = small(folder, folder);
    (config.segment_bytes, config.message_bytes_max) = (64 << 10, 16 << 10);
    Hub::start(config).expect("a hub")
}

struct Line {
    adapter: Adapter,
    position: i64,
}

impl Line {
    /// Submits a FeedRequest, written as JSON.
    fn submit(&mut self, json: &str) {
        let mut bytes = Vec::new();
        json::to_binary(message::FEED_REQUEST, json.as_bytes(), json::Read::default(), &mut bytes).expect(json);
        self.position += 1;
        let position = Some(FeedPosition { sequence: FEED.into(), position: self.position });
        let request = FeedRequest { position, ..FeedRequest::decode(&*bytes).expect("a FeedRequest") };
        self.adapter.submit_request(request, "").expect("it is taken");
    }

    fn operate(&mut self, kind: &str, details: &str) {
        self.submit(&format!(r#"{{"Type":"Operation","Operation":{{"Type":"{kind}",{details}}}}}"#));
    }

    fn act(&mut self, kind: &str, parts: &str) {
        self.submit(&format!(r#"{{"Type":"Action","Action":{{"Type":"{kind}",{parts}}}}}"#));
    }

    fn wait(&mut self) {
        self.adapter.flush().expect("it is sent");
        self.adapter.wait_bookmark(self.position, PATIENCE).expect("it is durable");
    }
}

fn definitions(line: &mut Line) {
    line.submit(r#"{"Type":"Status","Status":{"FeedID":"F","Status":"Online"}}"#);
    line.submit(r#"{"Type":"Configure","Configuration":{"Settings":{"session":"7"}}}"#);
    line.operate("DefineOwner", r#""OwnerDetails":{"OwnerID":"XS","Name":"Example"}"#);
    line.operate("DefineOwner", r#""OwnerDetails":{"OwnerID":"GONE","Name":"For a while"}"#);
    line.operate("DefineAccount", r#""AccountDetails":{"Account":{"OwnerID":"XS","AccountID":"0"},"Name":"First"}"#);
    line.operate("DefineExchange", r#""ExchangeDetails":{"Exchange":"XASX"}"#);
    line.operate("DefineRequestStatus", r#""RequestStatus":{"Code":"Held","Name":"Held"}"#);
    line.operate("DefinePermissions", r#""Permissions":{"Source":"S","Identity":"User:u"}"#);
    line.operate("DefineIdentitySource", r#""IdentitySource":{"Code":"S"}"#);
    line.operate("UndefineOwner", r#""OwnerDetails":{"OwnerID":"GONE"}"#);
    line.operate("DefineOwner", r#""OwnerDetails":{"Name":"Refused"}"#);
}

/// Cash, stock, an order, its fills, a correction and a cancel.
fn flow(line: &mut Line, n: u32) {
    let account = format!(r#""Account":{{"OwnerID":"XS","AccountID":"{}"}}"#, n % 7);
    let transaction = |id: &str| format!(r#""Transaction":{{"TransactionID":"{id}{n}",{account}}}"#);
    let cash = format!(r#"{},"CashTransfer":{{"Currency":"AUD","Value":{}.{:02}}}"#, transaction("C"), n, n % 100);
    let stock =
        format!(r#"{},"AssetTransfer":{{"Exchange":"XASX","Code":"BHP","Value":{}}}"#, transaction("S"), n * 10);
    line.act("CashTransfer", &cash);
    line.act("AssetTransfer", &stock);
    let side = if n.is_multiple_of(2) { "BUY" } else { "SELL" };
    let order = |executed: u32, completed: bool| {
        format!(
            r#""Order":{{"OrderID":"O{n}",{account},"Exchange":"XASX","Code":"BHP","Currency":"AUD","Side":"{side}","OrderType":"LIMIT","Price":1{}.25,"Quantity":100,"ExecutedQuantity":{executed},"IsCompleted":{completed}}}"#,
            n % 10
        )
    };
    let trade = |kind: &str, quantity: u32| {
        format!(
            r#""Trade":{{"TradeID":"T{n}","Type":"{kind}","Price":1{}.2,"Quantity":{quantity},"AdditionalFunds":{{"Fee":0.{:03}}}}}"#,
            n % 10,
            n
        )
    };
    line.act(if n.is_multiple_of(11) { "Replace" } else { "Update" }, &order(0, false));
    line.act("Trade", &format!("{},{}", order(40, false), trade("Trade", 40)));
    match n % 5 {
        0 => line.act("Trade", &format!("{},{}", order(30, false), trade("Correction", 30))),
        1 => line.act("Trade", &format!("{},{}", order(0, false), trade("Cancel", 0))),
        2 => line.act("Update", &order(40, true)),
        3 => line.act("Update", r#""Order":{"OrderID":"refused"}"#),
        _ => {}
    }
}

fn transforms(line: &mut Line) {
    let transform =
        |kind: &str, rest: &str| format!(r#""Transform":{{"TransformID":"{kind}","TransformType":"{kind}",{rest}}}"#);
    line.operate(
        "Transform",
        &transform("RENAME_SYMBOL", r#""Exchange":"XASX","Code":"BHP","Parameters":{"NewCode":"BHX"}"#),
    );
    line.operate("Transform", &transform("RENAME_CURRENCY", r#""Code":"AUD","Parameters":{"NewCode":"AUX"}"#));
    line.operate("Transform", &transform("RESTATEMENT", r#""Exchange":"XASX","OrderStatus":"Lost""#));
    let account = r#""Account":{"OwnerID":"XS","AccountID":"6"},"Parameters":{"NewAccount":"six"}"#;
    line.operate("TransformAccount", &format!(r#""AccountTransform":{{"Type":"Rename","TransformID":"A",{account}}}"#));
    let owner = r#""OwnerID":"XS","Parameters":{"NewOwner":"XT"}"#;
    line.operate("TransformOwner", &format!(r#""OwnerTransform":{{"Type":"Rename","TransformID":"O",{owner}}}"#));
}

/// Several at once, over REST.
fn batches(hub: &Hub) {
    let member = |account: &str, value: &str| {
        let account = format!(r#""Account":{{"OwnerID":"XT","AccountID":"{account}"}}"#);
        format!(r#"{{"Transaction":{{{account}}},"Transfer":{{"Currency":"AUX","Value":{value}}}}}"#)
    };
    let batch = format!("[{},{},{}]", member("1", "1.5"), member("2", "-2"), member("1", "0.001"));
    let answer = rest::post(hub.addr(), "/balance/bulk", &batch).expect("an answer");
    assert_eq!(answer.status, 204, "{}", answer.text());
}

/// The segments that frames are in, in order.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let report = verify(folder).expect("a journal");
    let used = report.segments.iter().filter(|segment| segment.frames > 0);
    let segments: Vec<PathBuf> = used.map(|segment| folder.join(&segment.name)).collect();
    assert!(segments.len() > 2, "there is one in the middle: {segments:?}");
    segments
}

fn end(folder: &Path) -> (PathBuf, u64) {
    let report = verify(folder).expect("a journal");
    let last = report.segments.iter().rfind(|segment| segment.frames > 0).expect("frames");
    (folder.join(&last.name), last.used_bytes)
}

fn write_at(file: &Path, offset: u64, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(file).expect("it is there");
    file.write_all_at(bytes, offset).expect("it is written");
}

fn journal_files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "ordo"))
}

pub(crate) fn copy(folder: &Path) -> TempDir {
    let to = TempDir::new().expect("a folder");
    for file in journal_files(folder) {
        fs::copy(&file, to.path().join(file.file_name().expect("a name"))).expect("it is copied");
    }
    to
}

/// Packs each file of a journal.
pub(crate) fn pack(folder: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for file in journal_files(folder) {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let packed = fs::File::create(to.join(format!("{name}.gz"))).expect("a file");
        let mut encoder = GzEncoder::new(packed, Compression::best());
        encoder.write_all(&fs::read(&file).expect("it is read")).expect("it is written");
        encoder.finish().expect("it is written");
    }
}
