//! `Rig`: a hub on a temporary folder, small and patient, that can be stopped, dropped and started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordo_client::{Connection, Form, Subscriber, rest};
use ordo_gateway::hub::{Config, Hub, HubError, Stopped, Wait, WritePath};
use ordo_history::replay::{Options, Replay, ReplayError};
use tempfile::TempDir;

use super::FaultyDisk;

/// See the module. The folder goes with it, the journal's tail too.
pub struct Rig {
    folder: TempDir,
    config: Config,
    hub: Option<Hub>,
}

impl Rig {
    pub fn start() -> Rig {
        Rig::start_with(|_| {})
    }

    pub fn start_with(set: impl FnOnce(&mut Config)) -> Rig {
        let folder = TempDir::new().expect("a temporary folder");
        let mut config = small(folder.path());
        set(&mut config);
        let hub = Hub::start(config.clone()).expect("the hub starts");
        Rig { folder, config, hub: Some(hub) }
    }

    /// On a disk that fails on demand; segments are small, so that the next one is needed soon.
    pub fn start_on(disk: &FaultyDisk, set: impl FnOnce(&mut Config)) -> Rig {
        Rig::start_with(|config| {
            config.disk = Some(Arc::new(disk.clone()));
            config.write_path = WritePath::Thread;
            config.segment_bytes = 256 << 10;
            config.message_bytes_max = 16 << 10;
            config.ring_slots = 64;
            set(config);
        })
    }

    pub fn hub(&self) -> &Hub {
        self.hub.as_ref().expect("the hub runs")
    }

    /// What stopping comes to, where it may not go well.
    pub fn try_stop(&mut self) -> Result<Stopped, HubError> {
        self.hub.take().expect("the hub runs").stop()
    }

    /// What a power loss takes: the journal's tail.
    pub fn lose_tail(&self) {
        for entry in std::fs::read_dir(self.folder.path()).expect("the folder is there") {
            let path = entry.expect("a name").path();
            if path.extension().is_some_and(|it| it == "tail") {
                std::fs::remove_file(path).expect("it is removed");
            }
        }
    }

    pub fn addr(&self) -> SocketAddr {
        self.hub.as_ref().expect("the hub runs").addr()
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn data(&self) -> PathBuf {
        self.config.data.clone()
    }

    pub fn stop(&mut self) -> Stopped {
        self.hub.take().expect("the hub runs").stop().expect("the hub stops well")
    }

    /// Lets go of the hub without asking it to stop.
    pub fn drop_hub(&mut self) {
        drop(self.hub.take().expect("the hub runs"));
    }

    pub fn start_again(&mut self) {
        assert!(self.hub.is_none(), "one at a time");
        self.hub = Some(Hub::start(self.config.clone()).expect("the hub starts again"));
    }

    /// The same with other settings.
    pub fn start_again_with(&mut self, set: impl FnOnce(&mut Config)) {
        set(&mut self.config);
        self.start_again();
    }

    /// What starting another hub on the same folder comes to.
    pub fn try_start(&self) -> Result<Hub, HubError> {
        Hub::start(self.config.clone())
    }

    pub fn connect(&self, form: Form) -> Connection {
        Connection::open(self.addr(), form).expect("a connection")
    }

    pub fn subscriber(&self, form: Form) -> Subscriber {
        Subscriber::open(self.addr(), form).expect("a subscriber")
    }

    pub fn get(&self, target: &str) -> rest::Answer {
        rest::get(self.addr(), target).expect("an answer")
    }

    /// The record replayed: from its beginning, or from the newest snapshot.
    pub fn replay(&self, snapshots: bool) -> Replay {
        replay(&self.config.data, snapshots).expect("the record can be replayed")
    }
}

/// Settings of a hub that shares a machine with its tests: no pinning, no spinning, little memory and disk.
pub fn small(folder: &Path) -> Config {
    let mut config = Config::new(folder.join("data"));
    config.dev = true;
    config.wait = Wait::Park;
    config.pin = false;
    config.ring_slots = 1024;
    config.segment_bytes = 1 << 20;
    config.tail_dir = Some(folder.to_owned());
    config.tail_bytes = 1 << 20;
    config.message_bytes_max = 256 << 10;
    config.orders_expected = 1024;
    config
}

pub fn replay(data: &Path, snapshots: bool) -> Result<Replay, ReplayError> {
    let options = Options { snapshots, orders_expected: 1024 };
    let mut replay = Replay::open(data, options)?;
    replay.run()?;
    Ok(replay)
}

/// The snapshot files of a rig's folder.
pub fn snapshot_files(rig: &Rig) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(rig.data()).expect("the folder can be listed");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.file_name().is_some_and(|name| is_snapshot(&name.to_string_lossy()))).collect()
}

fn is_snapshot(name: &str) -> bool {
    name.starts_with("snap-") && name.ends_with(".ordo")
}

/// Waits until the hub has made so many snapshots.
pub fn wait_for_snapshots(rig: &Rig, count: usize) {
    let deadline = std::time::Instant::now() + super::PATIENCE;
    while snapshot_files(rig).len() < count {
        assert!(std::time::Instant::now() < deadline, "no {count} snapshots come");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
