use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

#[test]
fn a_write_goes_on_at_the_start_of_the_block_in_which_it_stopped() {
    /// The outcome of a call, and how far the write has come after it.
    type Call = (io::Result<usize>, usize);
    let interrupted = || Err(io::ErrorKind::Interrupted.into());
    // Bytes of the write, its calls, and how many of them did not complete it.
    let cases: [(usize, Vec<Call>, u64); 5] = [
        (4_096, vec![(Ok(4_096), 4_096)], 0),
        (8_192, vec![(Ok(100), 0), (interrupted(), 0), (Ok(8_192), 8_192)], 2),
        (12_288, vec![(Ok(5_000), 4_096), (Ok(4_096), 8_192), (Ok(4_096), 12_288)], 2),
        (12_288, vec![(Ok(12_287), 8_192), (Err(io::ErrorKind::WouldBlock.into()), 8_192), (Ok(4_096), 12_288)], 2),
        (0, vec![], 0),
    ];
    for (len, calls, continued) in cases {
        let mut progress = WriteProgress::of(len);
        for (outcome, done) in calls {
            assert!(!progress.is_complete());
            progress.add(outcome).unwrap();
            assert_eq!(progress.done(), done);
        }
        assert!(progress.is_complete());
        assert_eq!(progress.continued(), continued, "{len} bytes");
    }
}

#[test]
fn a_write_ends_at_an_error_and_where_nothing_is_written() {
    let kind = |outcomes: Vec<io::Result<usize>>| {
        let mut progress = WriteProgress::of(8_192);
        outcomes.into_iter().find_map(|outcome| progress.add(outcome).err()).map(|error| error.kind())
    };
    assert_eq!(kind(vec![Ok(0)]), Some(io::ErrorKind::WriteZero));
    assert_eq!(kind(vec![Ok(4_096), Err(io::ErrorKind::StorageFull.into())]), Some(io::ErrorKind::StorageFull));
    assert_eq!(kind((0..100).map(|_| Ok(1)).collect()), None);
    assert_eq!(kind((0..101).map(|_| Ok(1)).collect()), Some(io::ErrorKind::WriteZero));
}

/// Puts something that is not a regular file at a path.
fn make_impostor(what: &str, path: &Path) {
    match what {
        "a pipe" => mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap(),
        "a device" => std::os::unix::fs::symlink("/dev/urandom", path).unwrap(),
        _ => std::fs::create_dir(path).unwrap(),
    }
}

#[test]
fn anything_but_a_regular_file_is_refused_without_waiting_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RealDisk::new().open_folder(dir.path()).unwrap();
    for what in ["a pipe", "a device", "a folder"] {
        make_impostor(what, &dir.path().join(what));
        for access in [Access::Read, Access::Durable] {
            folder.open(what, access).expect_err(what);
        }
        folder.create(what).expect_err(what);
    }
    std::fs::write(dir.path().join("file"), b"x").unwrap();
    assert_eq!(folder.open("file", Access::Read).unwrap().len().unwrap(), 1);
}

#[test]
fn a_folder_stays_the_same_wherever_its_path_leads() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    let disk = RealDisk::new();
    disk.create_folder(&old).unwrap();
    let folder = disk.open_folder(&old).unwrap();
    let lock = folder.lock().unwrap();
    assert_eq!(lock.check(), Ok(()));
    std::fs::rename(&old, &new).unwrap();
    assert_eq!(lock.check(), Err(FolderLost::Moved));
    disk.create_folder(&old).unwrap();
    assert_eq!(lock.check(), Err(FolderLost::Moved));
    folder.create("a").unwrap();
    folder.rename("a", "b").unwrap();
    let mut names = folder.list().unwrap();
    names.sort();
    assert_eq!(names, ["LOCK", "b"]);
    assert!(new.join("b").is_file() && std::fs::read_dir(&old).unwrap().next().is_none());
    folder.remove("b").unwrap();
    assert!(!new.join("b").exists());
    assert_ne!(folder.id(), disk.open_folder(&old).unwrap().id());
}

#[test]
fn a_folder_is_locked_whatever_becomes_of_its_lock_file() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, path) = (RealDisk::new(), dir.path().join("LOCK"));
    let open = || disk.open_folder(dir.path()).unwrap();
    let lock = open().lock().unwrap();
    let is_locked = || open().lock().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
    assert!(is_locked());
    std::fs::remove_file(&path).unwrap();
    assert!(is_locked() && !path.exists(), "a refused lock leaves no file behind");
    // The holder puts the file back, so that builds that look at it alone are kept out too.
    assert_eq!(lock.check(), Ok(()));
    let file = std::fs::File::open(&path).unwrap();
    let flock = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    assert_eq!(flock, Err(rustix::io::Errno::WOULDBLOCK));
    assert_eq!(lock.check(), Ok(()));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"").unwrap();
    assert_eq!(lock.check(), Err(FolderLost::LockReplaced));
    drop(lock);
    assert!(open().lock().is_ok());
}

#[test]
fn memory_is_no_proof_of_durability() {
    let memory = Path::new("/dev/shm");
    if !memory.is_dir() {
        return eprintln!("no memory file system here");
    }
    let dir = tempfile::tempdir_in(memory).unwrap();
    let proof = RealDisk::new().open_folder(dir.path()).unwrap().durability_proof().unwrap();
    assert_eq!((proof, proof.to_string()), (DurabilityProof::Unproven("tmpfs"), "unproven: tmpfs".to_owned()));
}
