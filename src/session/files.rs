//! The manifests that a learner works on, in the folder where the lab was started.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::lab::text::Text;

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was written.
    Written,
    /// It was there already, just so.
    Same,
    /// There is another one of this name, which was left alone.
    Kept,
}

/// Writes the files below `folder` that are missing, and those that are still as this program wrote them for another student
/// or cluster; none that somebody worked on is changed. What was written is noted in the file `notes`.
pub fn write(
    folder: &Path,
    files: &BTreeMap<String, String>,
    notes: &Path,
) -> Result<Vec<(String, Outcome)>, Error> {
    let mut notes = Notes::read(notes);
    let outcomes = files
        .iter()
        .map(|(name, text)| {
            let path = folder.join(name);
            let outcome = one(&path, text, &notes).map_err(|source| Error {
                path: path.display().to_string(),
                source,
            })?;
            if outcome != Outcome::Kept {
                notes.note(&path, text);
            }
            Ok((name.clone(), outcome))
        })
        .collect();
    notes.save();
    outcomes
}

/// What this program wrote, by path: a file that reads so still is nobody's work.
struct Notes {
    path: PathBuf,
    digests: BTreeMap<String, String>,
}

impl Notes {
    /// Notes that are not there, or make no sense, are none: then more files are kept.
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        Self {
            path: path.to_owned(),
            digests: serde_json::from_str(&text).unwrap_or_default(),
        }
    }

    fn note(&mut self, path: &Path, text: &str) {
        self.digests.insert(key(path), digest(text));
    }

    fn is_as_written(&self, path: &Path, found: &str) -> bool {
        self.digests.get(&key(path)) == Some(&digest(found))
    }

    /// Keeps them for next time; without them the files are kept then, so that a failure is no trouble.
    fn save(mut self) {
        self.digests.retain(|path, _| Path::new(path).exists());
        let saved = || -> io::Result<()> {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&mut file, &self.digests)?;
            file.persist(&self.path)?;
            Ok(())
        };
        if let Err(error) = saved() {
            tracing::debug!("{} can't be written: {error}", self.path.display());
        }
    }
}

fn key(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.display().to_string()
}

fn digest(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        .fold(String::new(), |out, byte| out + &format!("{byte:02x}"))
}

/// Why a file can't be written.
#[derive(Debug, thiserror::Error)]
#[error("{path} can't be written: {source}; start the lab in a folder of your own")]
pub struct Error {
    path: String,
    #[source]
    source: io::Error,
}

impl Error {
    /// The error as a learner reads it.
    #[must_use]
    pub fn text(&self) -> Text {
        let (path, source) = (&self.path, &self.source);
        Text::new(
            self.to_string(),
            format!("{path} に書き込めません: {source}。自分のフォルダーでラボを開始してください"),
        )
    }
}

fn one(path: &Path, text: &str, notes: &Notes) -> io::Result<Outcome> {
    match fs::read_to_string(path) {
        Ok(found) if found == text => return Ok(Outcome::Same),
        Ok(found) if notes.is_as_written(path, &found) => {
            fs::write(path, text)?;
            return Ok(Outcome::Written);
        }
        Ok(_) => return Ok(Outcome::Kept),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = match fs::File::create_new(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(Outcome::Kept),
        Err(e) => return Err(e),
    };
    if let Err(error) = file.write_all(text.as_bytes()) {
        // Half a manifest would be taken for the learner's own work the next time.
        fs::remove_file(path)?;
        return Err(error);
    }
    Ok(Outcome::Written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learners_own_work_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let files = BTreeMap::from([("01-a/b.yaml".to_owned(), "kind: A\n".to_owned())]);
        let notes = folder.path().join("written.json");
        let outcome = || write(folder.path(), &files, &notes).unwrap()[0].1;
        assert_eq!(outcome(), Outcome::Written);
        assert_eq!(outcome(), Outcome::Same);
        fs::write(folder.path().join("01-a/b.yaml"), "mine").unwrap();
        assert_eq!(outcome(), Outcome::Kept);
        assert_eq!(
            fs::read_to_string(folder.path().join("01-a/b.yaml")).unwrap(),
            "mine"
        );
    }

    #[test]
    fn what_nobody_worked_on_is_written_anew_for_another_student() {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("state/written.json");
        let write = |text: &str| {
            let files = BTreeMap::from([("01-a/b.yaml".to_owned(), text.to_owned())]);
            super::write(folder.path(), &files, &notes).unwrap()[0].1
        };
        assert_eq!(write("namespace: sato-web\n"), Outcome::Written);
        assert_eq!(write("namespace: mori-web\n"), Outcome::Written);
        let path = folder.path().join("01-a/b.yaml");
        assert_eq!(fs::read_to_string(&path).unwrap(), "namespace: mori-web\n");
        fs::write(&path, "namespace: mori-web\nmine: 1\n").unwrap();
        assert_eq!(write("namespace: sato-web\n"), Outcome::Kept);
    }
}
