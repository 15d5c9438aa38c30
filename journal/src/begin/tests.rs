use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Mutex;

use super::*;
use crate::Fate;
use crate::disk::{DiskFile, DurabilityProof, Lock};
use crate::testing::{DIR, Rig, append};

type Act = Box<dyn FnOnce() + Send>;

/// A folder to which something is done right after it was listed for the first time.
struct Shifting {
    folder: Arc<dyn Folder>,
    act: Mutex<Option<Act>>,
}

impl fmt::Debug for Shifting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.folder.fmt(f)
    }
}

impl Folder for Shifting {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn id(&self) -> u64 {
        self.folder.id()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = self.folder.list();
        if let Some(act) = self.act.lock().unwrap().take() {
            act();
        }
        names
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.folder.create(name)
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.folder.open(name, access)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.folder.rename(from, to)
    }

    fn move_to(&self, name: &str, to: &dyn Folder) -> io::Result<()> {
        self.folder.move_to(name, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.folder.sync()
    }

    fn lock(&self) -> io::Result<Arc<dyn Lock>> {
        self.folder.lock()
    }

    fn reserve_descriptors(&self) {
        self.folder.reserve_descriptors();
    }

    fn durability_proof(&self) -> io::Result<DurabilityProof> {
        self.folder.durability_proof()
    }

    fn random(&self, into: &mut [u8]) -> io::Result<()> {
        self.folder.random(into)
    }

    fn raw(&self) -> Option<BorrowedFd<'_>> {
        self.folder.raw()
    }
}

/// `segments` on a live folder failed with "seg-...: missing" where the hub archived that segment meanwhile.
#[test]
fn a_segment_that_is_archived_while_the_folder_is_read_is_not_missing() {
    let rig = Rig::new(170);
    let mut journal = rig.journal();
    append(&mut journal, 1..=900);
    journal.flush().unwrap();
    let archiver = journal.archiver();
    let folder = rig.disk.open_folder(Path::new(DIR)).unwrap();
    let before = Extent::of(&*folder).unwrap().expect("a journal");
    let archive: Act = Box::new(move || assert!(archiver.archive(600, &Fate::Remove).unwrap().segments > 0));
    let shifting = Shifting { folder: Arc::clone(&folder), act: Mutex::new(Some(archive)) };
    let found = Extent::of(&shifting).unwrap().expect("a journal");
    assert!(found.indices.start > before.indices.start);
    assert_eq!(Some(found), Extent::of(&*folder).unwrap());
}

#[test]
fn a_segment_that_is_missing_for_good_is_named() {
    let rig = Rig::new(171);
    let mut journal = rig.journal();
    append(&mut journal, 1..=900);
    journal.close().unwrap();
    rig.disk.set(&rig.segment(0), None);
    let folder = rig.disk.open_folder(Path::new(DIR)).unwrap();
    let error = Extent::of(&*folder).unwrap_err();
    assert!(error.to_string().contains(&segment_name(0)), "{error}");
}
