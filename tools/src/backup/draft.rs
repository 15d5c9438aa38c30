//! A folder that is filled under a temporary name, and gets its final name when it is complete.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use ordo_journal::Snapshots;
use tempfile::TempDir;

use crate::logging::note;
use crate::signals::StopAsked;
use crate::{Failure, check_is_outside};

/// See the module. An unfinished one is removed when it is dropped.
pub(crate) struct Draft {
    folder: TempDir,
    to: PathBuf,
    asked: StopAsked,
    bar: ProgressBar,
}

/// The contents of a draft.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contents {
    pub(crate) segments: usize,
    pub(crate) snapshots: usize,
    pub(crate) bytes: u64,
}

const PIECE_BYTES: usize = 1 << 20;
const BEGIN_NAME: &str = "begin.ordo";

impl Draft {
    /// A draft beside `to`. Refused if `to` exists and is not empty, or lies in the folder that is copied.
    pub(crate) fn of(from: &Path, to: &Path, asked: StopAsked) -> Result<Draft, Failure> {
        check_is_outside(from, to)?;
        let to = std::path::absolute(to).map_err(failed("name", to))?;
        let (Some(parent), Some(name)) = (to.parent(), to.file_name()) else {
            return Err(Failure::with_code(2, format!("{}: name a folder", to.display())));
        };
        fs::create_dir_all(parent).map_err(failed("make", parent))?;
        check_is_free(&to, parent)?;
        let mode = fs::metadata(from).map_err(failed("look at", from))?.mode();
        let folder = tempfile::Builder::new()
            .permissions(Permissions::from_mode(mode & 0o777 | 0o700))
            .prefix(&format!(".{}.", name.to_string_lossy()))
            .suffix(".partial")
            .tempdir_in(parent)
            .map_err(failed("make a folder in", parent))?;
        let style =
            ProgressStyle::with_template("{bar:40} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}");
        let bar = ProgressBar::new(0).with_style(style.expect("invariant: the template is valid"));
        Ok(Draft { folder, to, asked, bar })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Adds bytes to the total of the progress bar.
    pub(crate) fn expect(&self, bytes: u64) {
        self.bar.set_length(self.bar.position() + bytes);
    }

    /// Copies a file to stable storage.
    pub(crate) fn copy(&mut self, dir: &Path, name: &str) -> Result<(), Failure> {
        let from = dir.join(name);
        let source = File::open(&from).map_err(failed("open", &from))?;
        self.pour(source, &from, name)
    }

    /// The same for a file that may have been removed.
    pub(crate) fn copy_if_there(&mut self, dir: &Path, name: &str) -> Result<(), Failure> {
        let from = dir.join(name);
        match File::open(&from) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            opened => self.pour(opened.map_err(failed("open", &from))?, &from, name),
        }
    }

    fn pour(&mut self, mut source: File, from: &Path, name: &str) -> Result<(), Failure> {
        let to = self.path().join(name);
        let mode = source.metadata().map_err(failed("look at", from))?.mode();
        let mut copy = create(&to, mode).map_err(failed("make", &to))?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            if self.asked.is_asked() {
                return Err(Failure::new("interrupted: nothing is left of the copy"));
            }
            match source.read(&mut piece) {
                Ok(0) => break,
                Ok(bytes) => {
                    copy.write_all(&piece[..bytes]).map_err(failed("write", &to))?;
                    self.bar.inc(bytes as u64);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("read", from)(error)),
            }
        }
        copy.sync_all().map_err(failed("sync", &to))
    }

    /// Overwrites a copied file with zeros from an offset to its end.
    pub(crate) fn zero_from(&self, name: &str, offset: u64) -> Result<(), Failure> {
        let path = self.path().join(name);
        let zero = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).open(&path)?;
            let left = file.metadata()?.len().saturating_sub(offset);
            file.seek(SeekFrom::Start(offset))?;
            io::copy(&mut io::repeat(0).take(left), &mut file)?;
            file.sync_all()
        };
        zero().map_err(failed("cut", &path))
    }

    /// Removes damaged snapshots, and those after the last number of the copy.
    pub(crate) fn keep_good_snapshots(&self, last_number: u64) -> Result<(), Failure> {
        let snapshots = Snapshots::new(self.path(), usize::MAX);
        for number in snapshots.sequences().map_err(failed("list", self.path()))? {
            let loaded = snapshots.load(number);
            let why = match loaded {
                Err(error) => error.to_string(),
                Ok(_) if number > last_number => "it is after the last number of the segments".into(),
                Ok(_) => continue,
            };
            note!("snapshot {number} is left out: {why}");
            snapshots.remove(number).map_err(failed("remove a snapshot in", self.path()))?;
        }
        Ok(())
    }

    /// Whether there is a snapshot at or after a number.
    pub(crate) fn has_snapshot_from(&self, number: u64) -> Result<bool, Failure> {
        let snapshots = Snapshots::new(self.path(), usize::MAX).sequences().map_err(failed("list", self.path()))?;
        Ok(snapshots.into_iter().any(|at| at >= number))
    }

    pub(crate) fn contents(&self) -> Result<Contents, Failure> {
        let mut contents = Contents { segments: 0, snapshots: 0, bytes: 0 };
        for entry in fs::read_dir(self.path()).map_err(failed("list", self.path()))? {
            let entry = entry.map_err(failed("list", self.path()))?;
            let name = entry.file_name();
            contents.segments += usize::from(name.to_string_lossy().starts_with("seg-"));
            contents.snapshots += usize::from(name.to_string_lossy().starts_with("snap-"));
            contents.bytes += entry.metadata().map_err(failed("look at", &entry.path()))?.len();
        }
        Ok(contents)
    }

    /// Gives the folder its final name, durably.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        sync_folder(self.path())?;
        fs::rename(self.path(), &self.to).map_err(failed("name", &self.to))?;
        // The folder has its final name: the temporary one is not to be removed.
        let _ = self.folder.keep();
        self.to.parent().map_or(Ok(()), sync_folder)
    }
}

/// The files that are copied before the segments: snapshots, newest first, and the beginning.
pub(crate) fn begin_and_snapshots(dir: &Path) -> Result<Vec<String>, Failure> {
    let mut snapshots = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
        let name = entry.map_err(failed("list", dir))?.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap-") && name.ends_with(".ordo") {
            snapshots.push(name);
        }
    }
    snapshots.sort_unstable_by(|a, b| b.cmp(a));
    snapshots.push(BEGIN_NAME.into());
    Ok(snapshots)
}

/// A new file whose permissions are no wider than the source's; its owner may read and write it.
pub(crate) fn create(path: &Path, source_mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(source_mode & 0o666 | 0o600).open(path)
}

fn check_is_free(to: &Path, parent: &Path) -> Result<(), Failure> {
    let mut entries = match fs::read_dir(to) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        listed => listed.map_err(failed("list", to))?,
    };
    if entries.next().is_some() {
        return Err(Failure::new(format!("{} is not empty: name a folder that is new or empty", to.display())));
    }
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).map_err(failed("look at", path));
    if device(to)? != device(parent)? {
        return Err(Failure::new(format!("{} is a mount point: name a folder in it", to.display())));
    }
    Ok(())
}

fn sync_folder(dir: &Path) -> Result<(), Failure> {
    File::open(dir).and_then(|folder| folder.sync_all()).map_err(failed("sync", dir))
}

pub(crate) fn failed<'a>(what: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Failure + 'a {
    move |error| Failure::new(format!("cannot {what} {}: {error}", path.display()))
}
