//! Where labs come from: the ones in the binary, or a folder.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use include_dir::{Dir, include_dir};

use super::{
    decode,
    manifest::{self, Use},
    model::{Lab, Verb},
    names,
    problem::{self, Place, Problem},
    template::Context,
    yaml::Node,
};

static LABS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/labs");
static MANIFESTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/manifests");

/// A set of labs.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// The folder that holds `labs/` and `manifests/`; none for the labs in the binary.
    root: Option<PathBuf>,
}

/// A lab, ready for one learner, with the files that the learner works on.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The lab.
    pub lab: Lab,
    /// Rendered manifests by their path below `manifests/`, as YAML or JSON text.
    pub files: BTreeMap<String, String>,
}

/// A lab file that was read, to ask for the projects and checks of many learners.
#[derive(Debug, Clone)]
pub struct Outline(Node);

/// What the steps of a lab are judged by, without guide, hints, files and solutions.
#[derive(Debug, Clone)]
pub struct Checks(Node);

impl Checks {
    /// The lab for this learner, as far as it is judged.
    #[must_use]
    pub fn of(&self, context: &Context) -> Lab {
        decode::checks(self.0.clone(), context)
    }
}

impl Outline {
    /// The projects that the lab has for this learner.
    #[must_use]
    pub fn projects(&self, context: &Context) -> Vec<String> {
        decode::projects(&self.0, context)
    }

    /// What its steps are judged by.
    #[must_use]
    pub fn checks(&self) -> Checks {
        let mut tree = self.0.clone();
        decode::keep_checks(&mut tree);
        Checks(tree)
    }
}

/// Why a lab can't be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such lab.
    #[error("there is no lab \"{wanted}\"; there are {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// The folders there are.
        known: Vec<String>,
    },
    /// The learner's id is no name.
    #[error("--student: {0}")]
    Student(String),
    /// A file can't be read.
    #[error("{path} can't be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file has mistakes.
    #[error("{}", problem::render(path, source_text, problems, false))]
    Invalid {
        /// The file.
        path: String,
        /// Its text.
        source_text: String,
        /// What is wrong with it.
        problems: Vec<Problem>,
    },
}

impl Catalogue {
    /// The labs in the binary.
    #[must_use]
    pub fn embedded() -> Self {
        Self { root: None }
    }

    /// The labs of a folder that holds `labs/` and `manifests/`.
    #[must_use]
    pub fn from_dir(root: &Path) -> Self {
        Self {
            root: Some(root.to_owned()),
        }
    }

    /// The labs' folders, `NN-id`, in order.
    pub fn folders(&self) -> Result<Vec<String>, Error> {
        let mut found: Vec<String> = match &self.root {
            None => LABS
                .dirs()
                .filter_map(|d| Some(d.path().file_name()?.to_str()?.to_owned()))
                .collect(),
            Some(root) => {
                let labs = root.join("labs");
                let unreadable = |e: std::io::Error| Error::Unreadable {
                    path: labs.display().to_string(),
                    reason: e.to_string(),
                };
                fs::read_dir(&labs)
                    .map_err(unreadable)?
                    .filter_map(Result::ok)
                    .filter(|e| e.path().join("lab.yaml").is_file())
                    .filter_map(|e| e.file_name().into_string().ok())
                    .collect()
            }
        };
        found.sort();
        Ok(found)
    }

    /// The folder of a lab by number, id or folder.
    pub fn find(&self, wanted: &str) -> Result<String, Error> {
        let folders = self.folders()?;
        let is = |folder: &&String| {
            let (number, id) = folder.split_once('-').unwrap_or((folder, folder));
            folder.as_str() == wanted || id == wanted || number.trim_start_matches('0') == wanted
        };
        folders
            .iter()
            .find(is)
            .cloned()
            .ok_or_else(|| Error::Unknown {
                wanted: wanted.to_owned(),
                known: folders.clone(),
            })
    }

    /// Reads, renders and checks the lab in a folder that `find` gave.
    pub fn load(&self, folder: &str, context: &Context) -> Result<Loaded, Error> {
        let path = format!("labs/{folder}/lab.yaml");
        let text = self.read(&path)?;
        let invalid = |problems: Vec<Problem>| Error::Invalid {
            path: path.clone(),
            source_text: text.clone().into_owned(),
            problems,
        };
        if let Some(problem) = names::label_problem(&context.student) {
            return Err(Error::Student(problem));
        }
        let tree = Node::parse(&text).map_err(|p| invalid(vec![p]))?;
        let (mut lab, scope) = decode::lab(tree, context).map_err(&invalid)?;
        let mut problems = Vec::new();
        let mut files = BTreeMap::new();
        let read =
            |file: &str, what_for: Use, problems: &mut Vec<Problem>| -> Vec<serde_json::Value> {
                let found = self
                    .manifest(file)
                    .and_then(|text| manifest::objects(&text, &scope, &lab.projects, what_for));
                found.unwrap_or_else(|message| {
                    let message = format!("manifests/{file}: {message}");
                    // A file may stand in a step's files and in its solution.
                    if problems.iter().all(|p| p.message != message) {
                        problems.push(Problem::at(place_of(&text, file), message));
                    }
                    Vec::new()
                })
            };
        for file in lab.steps.iter().flat_map(|s| &s.files) {
            let objects = read(file, Use::Typed, &mut problems);
            files.insert(file.clone(), written(file, &objects));
        }
        let mut setup = std::mem::take(&mut lab.setup);
        let mut steps = std::mem::take(&mut lab.steps);
        for action in setup
            .iter_mut()
            .chain(steps.iter_mut().flat_map(|s| s.solve.iter_mut()))
        {
            if let Verb::Apply(file, objects) | Verb::Ensure(file, objects) = &mut action.verb {
                *objects = read(file, Use::Applied, &mut problems);
            }
        }
        (lab.setup, lab.steps) = (setup, steps);
        if problems.is_empty() {
            Ok(Loaded { lab, files })
        } else {
            Err(invalid(problems))
        }
    }

    /// Reads the file of the lab in a folder, which `load` has found to be without mistakes.
    pub fn outline(&self, folder: &str) -> Result<Outline, Error> {
        let path = format!("labs/{folder}/lab.yaml");
        let text = self.read(&path)?;
        let invalid = |problem| Error::Invalid {
            path: path.clone(),
            source_text: text.clone().into_owned(),
            problems: vec![problem],
        };
        Node::parse(&text).map(Outline).map_err(invalid)
    }

    /// A manifest by its path below `manifests/`, which it can't leave.
    fn manifest(&self, file: &str) -> Result<Cow<'static, str>, String> {
        let inside = Path::new(file)
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)));
        if !inside {
            return Err("the path leaves the manifests folder".to_owned());
        }
        self.read(&format!("manifests/{file}"))
            .map_err(|e| e.to_string())
    }

    fn read(&self, path: &str) -> Result<Cow<'static, str>, Error> {
        let unreadable = |reason: String| Error::Unreadable {
            path: path.to_owned(),
            reason,
        };
        match &self.root {
            Some(root) => {
                let full = root.join(path);
                let real = full.canonicalize().map_err(|e| unreadable(e.to_string()))?;
                let home = root.canonicalize().map_err(|e| unreadable(e.to_string()))?;
                if !real.starts_with(&home) {
                    return Err(unreadable(
                        "it is a link that leads out of the folder".to_owned(),
                    ));
                }
                fs::read_to_string(real)
                    .map(Cow::Owned)
                    .map_err(|e| unreadable(e.to_string()))
            }
            None => {
                let file = path
                    .strip_prefix("labs/")
                    .map(|p| LABS.get_file(p))
                    .or_else(|| {
                        path.strip_prefix("manifests/")
                            .map(|p| MANIFESTS.get_file(p))
                    })
                    .flatten();
                file.and_then(include_dir::File::contents_utf8)
                    .map(Cow::Borrowed)
                    .ok_or_else(|| unreadable("no such file in this program".to_owned()))
            }
        }
    }
}

/// Where a lab file names a manifest first.
fn place_of(lab: &str, file: &str) -> Place {
    let tree = Node::parse(lab).ok();
    tree.and_then(|tree| tree.find(file)).unwrap_or_default()
}

/// Objects as a learner's file has them: YAML, or JSON where the file's name says so.
fn written(file: &str, objects: &[serde_json::Value]) -> String {
    let path = Path::new(file);
    if path.extension().is_some_and(|e| e == "json") {
        let documents = objects.iter().map(|o| format!("{o:#}\n"));
        return documents.collect();
    }
    to_yaml(objects)
}

fn to_yaml(objects: &[serde_json::Value]) -> String {
    let documents: Vec<String> = objects
        .iter()
        .filter_map(|o| serde_yaml::to_string(o).ok())
        .collect();
    documents.join("---\n")
}
