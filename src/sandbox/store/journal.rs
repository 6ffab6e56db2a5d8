//! What survives the process: all objects in one file, the changes since in another. A change is in its file before anybody
//! hears of it; the two files together hold no more than a few times what the objects need.
//!
//! A change is written, not synced: it survives the end of the process, however sudden, not that of the machine.

use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Held, Key, Objects, Record};

/// The form of the files.
const FORMAT: u32 = 1;
/// From how many bytes of changes on the objects are written anew.
const LARGE: u64 = 16 << 20;

const OBJECTS: &str = "objects.jsonl";
const CHANGES: &str = "changes.jsonl";
/// The objects' file while it is written: what a killed process left of it is written over.
const UNFINISHED: &str = "objects.jsonl.new";

/// The first line of the objects' file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: u32,
    version: u64,
}

/// One object, or the end of one.
#[derive(Debug, Serialize, Deserialize)]
struct Line<'a> {
    version: u64,
    #[serde(borrow)]
    place: Cow<'a, str>,
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    object: Option<&'a RawValue>,
}

/// What was kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) version: u64,
    pub(super) places: Objects,
}

/// Why the files can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// What it says makes no sense.
    #[error("{path}, line {line}: {why}")]
    Damaged {
        /// The file.
        path: String,
        /// The line, from one on.
        line: usize,
        /// Why.
        why: String,
    },
    /// Another program wrote it.
    #[error("{path} has the form {found}, and this program reads {FORMAT}")]
    Form {
        /// The file.
        path: String,
        /// Its form.
        found: u32,
    },
}

/// The files of a store.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    changes: File,
    /// The bytes of whole changes in the file.
    written: u64,
    /// The bytes of the objects' file.
    base: u64,
    /// Changes that are not in the file yet.
    pending: Vec<u8>,
}

impl Journal {
    /// Opens the files of a folder, which may be empty; gives what was kept.
    pub(super) fn open(folder: &Path) -> Result<(Self, Kept), Error> {
        let (objects, changes) = (folder.join(OBJECTS), folder.join(CHANGES));
        let mut kept = read_objects(&objects)?;
        let written = read_changes(&changes, &mut kept)?;
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |source| Error::File { path, source }
        };
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        let file = options.open(&changes).map_err(failed(&changes))?;
        // A change that was not written whole was told to nobody.
        file.set_len(written).map_err(failed(&changes))?;
        let base = fs::metadata(&objects).map_or(0, |m| m.len());
        let journal = Self {
            folder: folder.to_owned(),
            changes: file,
            written,
            base,
            pending: Vec::new(),
        };
        Ok((journal, kept))
    }

    /// Notes a change, to be written with the next ones.
    pub(super) fn note(&mut self, change: &Record) {
        let after = change.after.as_deref();
        // Nothing fails in memory.
        let _ = write_line(
            &mut self.pending,
            change.version,
            &change.place,
            &change.key,
            after,
        );
    }

    /// Writes what was noted. What fails is tried again with the next changes.
    pub(super) fn write(&mut self, version: u64, objects: &Objects) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.changes.write_all(&self.pending) {
            // A part of a line would spoil what follows it.
            self.changes.set_len(self.written)?;
            return Err(error);
        }
        self.written += u64::try_from(self.pending.len()).unwrap_or_default();
        self.pending.clear();
        if self.written > LARGE && self.written > 2 * self.base {
            self.compact(version, objects)?;
        }
        Ok(())
    }

    /// Writes all objects anew, and begins the changes anew. Changes that the objects' file has already are passed over when
    /// they are read, so the end of the process between the two does no harm.
    fn compact(&mut self, version: u64, objects: &Objects) -> io::Result<()> {
        let unfinished = self.folder.join(UNFINISHED);
        let file = File::create(&unfinished)?;
        let mut out = BufWriter::new(&file);
        let head = Head {
            format: FORMAT,
            version,
        };
        serde_json::to_writer(&mut out, &head)?;
        out.write_all(b"\n")?;
        for (place, objects) in objects {
            for (key, object) in objects {
                write_line(&mut out, version, place, key, Some(object))?;
            }
        }
        out.flush()?;
        drop(out);
        file.sync_all()?;
        self.base = file.metadata()?.len();
        fs::rename(unfinished, self.folder.join(OBJECTS))?;
        self.changes.set_len(0)?;
        self.written = 0;
        Ok(())
    }
}

/// Writes a line; its object is JSON already.
fn write_line(
    out: &mut impl io::Write,
    version: u64,
    place: &str,
    key: &Key,
    object: Option<&Held>,
) -> io::Result<()> {
    let line = Line {
        version,
        place: Cow::Borrowed(place),
        namespace: Cow::Borrowed(&key.0),
        name: Cow::Borrowed(&key.1),
        object: object.map(Held::json),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

fn open(path: &Path) -> Result<Option<BufReader<File>>, Error> {
    match File::open(path) {
        Ok(file) => Ok(Some(BufReader::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File {
            path: path.display().to_string(),
            source,
        }),
    }
}

fn read_objects(path: &Path) -> Result<Kept, Error> {
    let mut kept = Kept::default();
    let Some(mut file) = open(path)? else {
        return Ok(kept);
    };
    let mut text = String::new();
    let mut number = 0;
    while next(&mut file, &mut text, path)? > 0 {
        number += 1;
        let damaged = |why: serde_json::Error| Error::Damaged {
            path: path.display().to_string(),
            line: number,
            why: why.to_string(),
        };
        if number == 1 {
            let head: Head = serde_json::from_str(&text).map_err(damaged)?;
            if head.format != FORMAT {
                return Err(Error::Form {
                    path: path.display().to_string(),
                    found: head.format,
                });
            }
            kept.version = head.version;
        } else {
            put(&mut kept, serde_json::from_str(&text).map_err(damaged)?);
        }
    }
    Ok(kept)
}

/// Reads the changes that are whole; gives how many bytes they take.
fn read_changes(path: &Path, kept: &mut Kept) -> Result<u64, Error> {
    let Some(mut file) = open(path)? else {
        return Ok(0);
    };
    let base = kept.version;
    let (mut text, mut whole) = (String::new(), 0);
    let mut number = 0;
    loop {
        let length = next(&mut file, &mut text, path)?;
        number += 1;
        if !text.ends_with('\n') {
            return Ok(whole);
        }
        let line: Line<'_> = serde_json::from_str(&text).map_err(|why| Error::Damaged {
            path: path.display().to_string(),
            line: number,
            why: why.to_string(),
        })?;
        whole += u64::try_from(length).unwrap_or_default();
        if line.version > base {
            kept.version = line.version;
            put(kept, line);
        }
    }
}

/// The next line; the end of the last one, where it was not written whole, may be no text.
fn next(file: &mut BufReader<File>, text: &mut String, path: &Path) -> Result<usize, Error> {
    text.clear();
    let mut bytes = Vec::new();
    let read = file.read_until(b'\n', &mut bytes);
    let length = read.map_err(|source| Error::File {
        path: path.display().to_string(),
        source,
    })?;
    text.push_str(&String::from_utf8_lossy(&bytes));
    Ok(length)
}

fn put(kept: &mut Kept, line: Line<'_>) {
    let key: Key = (line.namespace.into_owned(), line.name.into_owned());
    // Places are few, and shared by their objects.
    let objects = match kept.places.get_mut(&*line.place) {
        Some(objects) => objects,
        None => kept.places.entry(Arc::from(&*line.place)).or_default(),
    };
    match line.object {
        Some(object) => objects.insert(key, Arc::new(Held::of_json(object))),
        None => objects.remove(&key),
    };
}
