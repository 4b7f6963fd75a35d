//! A file that grows by whole lines. What must hold: what was confirmed is on the disk; a line that a crash tore is cut off, as its entry comes again;
//! nobody but the owner reads it; a full file is moved aside under its time, never overwritten.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use factotum_model::Timestamp;

use super::sink::{Batch, SinkError};

/// How much is read at a time to find the last whole line, in bytes.
const BLOCK: u64 = 64 << 10;

/// Where it is and when another is begun.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    rotate_bytes: u64,
    keep: usize,
}

/// A file.
pub struct FileSink {
    place: Arc<Place>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    size: u64,
}

impl FileSink {
    /// Opened at the first batch, and again after each failure.
    pub fn configured(path: &Path, rotate_bytes: u64, keep: usize) -> Self {
        Self { place: Arc::new(Place { path: path.to_owned(), rotate_bytes, keep }), open: None }
    }

    /// Appends a batch and syncs it.
    pub async fn deliver(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let (place, open) = (Arc::clone(&self.place), self.open.take());
        let (lines, now) = (batch.lines(), batch.now);
        let what = place.path.display().to_string();
        let appended = tokio::task::spawn_blocking(move || place.append(open, lines.as_bytes(), now)).await;
        let open = appended.map_err(|e| SinkError::Form(e.to_string()))?.map_err(SinkError::io(what))?;
        self.open = open;
        Ok(())
    }
}

impl Place {
    fn append(&self, open: Option<Open>, lines: &[u8], now: Timestamp) -> std::io::Result<Option<Open>> {
        // Somebody may have moved or removed it: what is open is then another file than what has its name.
        let open = open.filter(|open| self.is(&open.file));
        let mut open = open.map_or_else(|| self.open(), Ok)?;
        open.file.write_all(lines)?;
        open.file.sync_data()?;
        open.size += lines.len() as u64;
        if open.size < self.rotate_bytes {
            return Ok(Some(open));
        }
        self.rotate(now)?;
        Ok(None)
    }

    fn is(&self, file: &File) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        match (file.metadata(), std::fs::metadata(&self.path)) {
            (Ok(own), Ok(named)) => (own.dev(), own.ino()) == (named.dev(), named.ino()),
            _ => false,
        }
    }

    fn open(&self) -> std::io::Result<Open> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        let size = whole_lines(&mut file)?;
        file.set_len(size)?;
        file.seek(SeekFrom::Start(size))?;
        // So that the file's name is as lasting as what is in it.
        sync_folder(&self.path)?;
        Ok(Open { file, size })
    }

    fn rotate(&self, now: Timestamp) -> std::io::Result<()> {
        let digits: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        let older = beside(&self.path, &digits);
        if older.exists() {
            return Err(std::io::Error::new(ErrorKind::AlreadyExists, older.display().to_string()));
        }
        std::fs::rename(&self.path, older)?;
        sync_folder(&self.path)?;
        if self.keep > 0 {
            let mut older = self.older()?;
            older.sort();
            let too_many = older.len().saturating_sub(self.keep);
            for path in &older[..too_many] {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// The files that were moved aside.
    fn older(&self) -> std::io::Result<Vec<PathBuf>> {
        let start = beside(&self.path, "");
        let start = start.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut older = Vec::new();
        for entry in std::fs::read_dir(folder(&self.path))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let time = name.strip_prefix(&start).unwrap_or_default();
            if time.len() == "20270115T080000123456Z".len() && time.starts_with('2') && time.ends_with('Z') {
                older.push(folder(&self.path).join(name));
            }
        }
        Ok(older)
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(end);
    path.with_file_name(name)
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("/"))
}

/// Makes the name of a file as lasting as what is in it.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(folder(path))?.sync_all()
}

/// The size up to the end of the last whole line.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        block.resize((end - start) as usize, 0);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block)?;
        if let Some(at) = block.iter().rposition(|b| *b == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + micros)
    }

    fn place(folder: &tempfile::TempDir, rotate_bytes: u64, keep: usize) -> Place {
        Place { path: folder.path().join("audit.jsonl"), rotate_bytes, keep }
    }

    #[test]
    fn a_torn_line_is_cut_off_and_whole_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(&folder, 1 << 20, 0);
        for (before, after) in [
            (String::new(), "new\n".to_owned()),
            ("one\ntwo\n".to_owned(), "one\ntwo\nnew\n".to_owned()),
            ("one\ntw".to_owned(), "one\nnew\n".to_owned()),
            ("torn".repeat(50_000), "new\n".to_owned()),
            (format!("one\n{}", "torn".repeat(50_000)), "one\nnew\n".to_owned()),
        ] {
            std::fs::write(&place.path, before).unwrap();
            place.append(None, b"new\n", at(0)).unwrap();
            assert_eq!(std::fs::read_to_string(&place.path).unwrap(), after);
        }
    }

    #[test]
    fn a_full_file_is_moved_aside_and_the_oldest_go() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let place = place(&folder, 10, 2);
        std::fs::write(folder.path().join("audit.jsonl.notes"), "not ours").unwrap();
        let mut open = None;
        for n in 0..8 {
            open = place.append(open, format!("line {n}\n").as_bytes(), at(n)).unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            ["audit.jsonl.20270115T080000000005Z", "audit.jsonl.20270115T080000000007Z", "audit.jsonl.notes",]
        );
        let newest = folder.path().join(&names[1]);
        assert_eq!(std::fs::read_to_string(&newest).unwrap(), "line 6\nline 7\n");
        assert_eq!(newest.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn who_moves_the_file_away_gets_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(&folder, 1 << 20, 0);
        let open = place.append(None, b"one\n", at(0)).unwrap();
        std::fs::rename(&place.path, folder.path().join("moved")).unwrap();
        place.append(open, b"two\n", at(1)).unwrap();
        assert_eq!(std::fs::read_to_string(&place.path).unwrap(), "two\n");
    }
}
