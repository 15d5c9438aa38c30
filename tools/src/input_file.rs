//! Files that a command reads whole: settings, changes, tables of a custodian, results.
//!
//! Regular files of a bounded size only: a device has no end, and a pipe may never have one.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::Failure;

/// Settings, and notes of a backup.
pub(crate) const SETTINGS_BYTES_MAX: u64 = 1 << 20;
/// Changes of a what-if, and results of a bench.
pub(crate) const CHANGES_BYTES_MAX: u64 = 64 << 20;
/// A table of a custodian.
pub(crate) const TABLE_BYTES_MAX: u64 = 1 << 30;

/// A file's bytes.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::new(format!("{}: {why}", path.display()));
    // Asked before it is opened: opening a pipe waits for its writer.
    let metadata = fs::metadata(path).map_err(|error| failed(&error))?;
    if !metadata.is_file() {
        return Err(failed(&"not a regular file"));
    }
    let too_large = || failed(&format!("larger than {bytes_max} bytes"));
    if metadata.len() > bytes_max {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| failed(&error))?;
    // It may have grown, and a file of /proc has no size.
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() as u64 > bytes_max { Err(too_large()) } else { Ok(bytes) }
}

/// A file's text.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    let not_text = |_| Failure::new(format!("{}: not UTF-8", path.display()));
    String::from_utf8(read(path, bytes_max)?).map_err(not_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        fs::write(&file, b"ab\xff").unwrap();
        assert_eq!(read(&file, 3).ok().unwrap(), b"ab\xff");
        for (path, bytes_max, why) in [
            (&*file, 2, "larger than 2 bytes"),
            (Path::new("/dev/zero"), 2, "not a regular file"),
            (folder.path(), 2, "not a regular file"),
            (Path::new("/proc/self/maps"), 2, "larger than 2 bytes"),
            (Path::new("/no/such/file"), 2, "No such file"),
        ] {
            let Err(failure) = read(path, bytes_max) else { panic!("{} was read", path.display()) };
            assert!(failure.code == 1 && failure.line.contains(why), "{}", failure.line);
        }
        assert!(read_text(&file, 3).err().unwrap().line.ends_with("not UTF-8"));
    }
}
