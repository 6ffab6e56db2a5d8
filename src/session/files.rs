//! The manifests that a learner works on, in the folder where the lab was started.

use std::{collections::BTreeMap, fs, io, io::Write as _, path::Path};

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

/// Writes the files that are missing below `folder`; none that is there is changed.
pub fn write(
    folder: &Path,
    files: &BTreeMap<String, String>,
) -> Result<Vec<(String, Outcome)>, Error> {
    files
        .iter()
        .map(|(name, text)| {
            let path = folder.join(name);
            let outcome = one(&path, text).map_err(|source| Error {
                path: path.display().to_string(),
                source,
            })?;
            Ok((name.clone(), outcome))
        })
        .collect()
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

fn one(path: &Path, text: &str) -> io::Result<Outcome> {
    match fs::read_to_string(path) {
        Ok(found) if found == text => return Ok(Outcome::Same),
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
        let outcome = || write(folder.path(), &files).unwrap()[0].1;
        assert_eq!(outcome(), Outcome::Written);
        assert_eq!(outcome(), Outcome::Same);
        fs::write(folder.path().join("01-a/b.yaml"), "mine").unwrap();
        assert_eq!(outcome(), Outcome::Kept);
        assert_eq!(
            fs::read_to_string(folder.path().join("01-a/b.yaml")).unwrap(),
            "mine"
        );
    }
}
