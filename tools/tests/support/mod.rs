//! What the program's tests share: a small hub in the test's process, or one in a process of its own.

// Each test binary uses a part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use ordo_client::Adapter;
use ordo_core::dec::Dec;
use ordo_core::proto::{BigNumber, ExternalAction};
use ordo_gateway::hub::{Config, Hub, Wait};

pub(crate) use ordo_testkit::PATIENCE;

/// Settings of a hub that shares a machine with its tests: no pinning, no spinning, little memory and disk.
pub(crate) fn small(data: &Path, tails: &Path) -> Config {
    let mut config = Config::new(data);
    (config.dev, config.pin, config.wait) = (true, false, Wait::Park);
    (config.segment_bytes, config.message_bytes_max) = (256 << 10, 32 << 10);
    config.tail_dir = Some(tails.into());
    config
}

/// Submits actions at their positions of the feed `F`, and waits until they are durable.
pub(crate) fn submit(hub: &Hub, actions: impl IntoIterator<Item = (i64, ExternalAction)>) {
    let mut adapter = Adapter::open(hub.addr(), "F").expect("a feed");
    for (position, action) in actions {
        adapter.submit(position, action).expect("it is taken");
    }
    adapter.flush().expect("it is sent");
    let last = adapter.last_submitted();
    adapter.wait_bookmark(last, PATIENCE).expect("it is durable");
}

pub(crate) fn figure(digits: &str) -> Option<BigNumber> {
    Some(digits.parse::<Dec>().expect("a figure").into())
}

/// What the program said of what went wrong.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A hub in a process of its own. Killed when it is dropped.
pub(crate) struct Served {
    pub(crate) process: Child,
    pub(crate) addr: SocketAddr,
    /// Kept open: the hub writes to it.
    _out: BufReader<ChildStdout>,
}

impl Served {
    /// `ordo serve` on `folder/data`, sparing with the machine; waits until it listens.
    pub(crate) fn start(folder: &Path, settings: &[&str]) -> Served {
        let tail = folder.join("tail");
        std::fs::create_dir_all(&tail).expect("a folder for the tail");
        let tail = format!("tail_dir={}", tail.display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_ordo"));
        command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
        let sparing = ["wait=park", "pin=false", &tail];
        command.args(sparing.iter().chain(settings).flat_map(|setting| ["--set", setting]));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("the program starts");
        let mut out = BufReader::new(process.stdout.take().expect("its output is ours"));
        let mut line = String::new();
        out.read_line(&mut line).expect("it says where it listens");
        let addr = line.trim().strip_prefix("listening on ").and_then(|addr| addr.parse().ok());
        let Some(addr) = addr else { panic!("it said '{line}', and ended with {:?}", process.wait()) };
        Served { process, addr, _out: out }
    }

    /// SIGKILL: it has no say in it.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("it is ours");
        self.process.wait().expect("it has ended");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
