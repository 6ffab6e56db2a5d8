//! Rosters: who takes part, from a CSV or YAML file. Every mistake is told with its line.

use std::path::Path;

use crate::{
    class::model::Student,
    lab::{
        fields::{Fields, Problems},
        names,
        problem::{Place, Problem},
        text::Lang,
        yaml::{Node, Tree},
    },
};

/// The columns of a CSV file, of which `id` is needed.
const COLUMNS: [&str; 4] = ["id", "name", "email", "language"];

/// The students of a roster: YAML by its file's ending, else CSV with a first line of names.
pub(super) fn students(path: &Path, text: &str) -> Result<Vec<Student>, Vec<Problem>> {
    let is_yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    if is_yaml { yaml(text) } else { csv(text) }
}

fn csv(text: &str) -> Result<Vec<Student>, Vec<Problem>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let broken = |e: &csv::Error| {
        let line = e.position().map_or(1, csv::Position::line);
        let place = place(line);
        Problem::at(place, format!("the file is no CSV: {e}"))
    };
    let headers = reader.headers().map_err(|e| vec![broken(&e)])?.clone();
    let mut problems = Vec::new();
    for header in &headers {
        if !COLUMNS.contains(&header) {
            problems.push(Problem::unknown(place(1), "column", header, &COLUMNS));
        }
    }
    let column = |name: &str| headers.iter().position(|h| h == name);
    let Some(id) = column("id") else {
        problems.push(Problem::at(
            place(1),
            "the first line names no column \"id\"",
        ));
        return Err(problems);
    };
    let mut found = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                problems.push(broken(&error));
                continue;
            }
        };
        let at = place(record.position().map_or(1, csv::Position::line));
        let cell = |name: &str| {
            let text = column(name).and_then(|i| record.get(i)).unwrap_or_default();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let id = record.get(id).unwrap_or_default();
        let lang = cell("language").and_then(|text| language(&text, at, &mut problems));
        found.push((at, student(id, cell("name"), cell("email"), lang)));
    }
    checked(found, problems)
}

fn yaml(text: &str) -> Result<Vec<Student>, Vec<Problem>> {
    let tree = Node::parse(text).map_err(|p| vec![p])?;
    let Tree::List(items) = &tree.value else {
        let message = format!("expected a list of students, found {}", tree.kind());
        return Err(vec![Problem::at(tree.place, message)]);
    };
    let noted = Problems::default();
    let mut languages = Vec::new();
    let found = items.iter().map(|item| {
        let fields = Fields::of(item, &COLUMNS, &noted);
        let lang = fields
            .maybe("language")
            .and_then(|text| language(&text, item.place, &mut languages));
        let id = fields.string("id");
        (
            item.place,
            student(&id, fields.maybe("name"), fields.maybe("email"), lang),
        )
    });
    let found = found.collect();
    let mut problems = noted.into_sorted();
    problems.extend(languages);
    checked(found, problems)
}

fn student(id: &str, name: Option<String>, email: Option<String>, lang: Option<Lang>) -> Student {
    Student {
        id: id.to_owned(),
        name,
        email,
        lang,
    }
}

fn language(text: &str, place: Place, problems: &mut Vec<Problem>) -> Option<Lang> {
    match text {
        "en" => Some(Lang::En),
        "ja" => Some(Lang::Ja),
        other => {
            problems.push(Problem::unknown(place, "language", other, &["en", "ja"]));
            None
        }
    }
}

/// Every id once, and each a name for Kubernetes.
fn checked(
    found: Vec<(Place, Student)>,
    mut problems: Vec<Problem>,
) -> Result<Vec<Student>, Vec<Problem>> {
    let mut seen = std::collections::HashMap::new();
    for (place, student) in &found {
        if let Some(message) = names::label_problem(&student.id) {
            problems.push(Problem::at(*place, format!("id: {message}")));
        } else if let Some(first) = seen.insert(student.id.as_str(), place.line) {
            let message = format!("student \"{}\" is in line {first} already", student.id);
            problems.push(Problem::at(*place, message));
        }
    }
    if problems.is_empty() {
        return Ok(found.into_iter().map(|(_, student)| student).collect());
    }
    problems.sort_by_key(|p| (p.place.line, p.place.column));
    Err(problems)
}

fn place(line: u64) -> Place {
    Place {
        line: usize::try_from(line).unwrap_or(usize::MAX),
        column: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(found: Result<Vec<Student>, Vec<Problem>>) -> Vec<(usize, String)> {
        let problems = found.unwrap_err();
        problems
            .into_iter()
            .map(|p| (p.place.line, p.message))
            .collect()
    }

    #[test]
    fn a_csv_roster_is_read() {
        let text = "\u{feff}id,name,language\nsato, 佐藤 花,ja\nmori,\"Mori, Ken\",\n";
        let found = students(Path::new("r.csv"), text).unwrap();
        assert_eq!(found[0].name.as_deref(), Some("佐藤 花"));
        assert_eq!(found[0].lang, Some(Lang::Ja));
        assert_eq!(found[1].name.as_deref(), Some("Mori, Ken"));
        assert_eq!(found[1].lang, None);
    }

    #[test]
    fn mistakes_of_a_roster_have_their_lines() {
        let text = "id,langauge\nsato,ja\nSato,ja\nsato,ja\nmori,ja,more\n";
        let told = lines(students(Path::new("r.csv"), text));
        let at: Vec<usize> = told.iter().map(|(line, _)| *line).collect();
        assert_eq!(at, [1, 3, 4, 5], "{told:?}");
        let told = lines(students(Path::new("r.csv"), "name\nSato\n"));
        assert!(told[0].1.contains("no column \"id\""), "{told:?}");
    }

    #[test]
    fn a_yaml_roster_is_read() {
        let found = students(
            Path::new("r.yaml"),
            "- {id: sato, language: ja}\n- {id: mori}\n",
        );
        assert_eq!(found.unwrap().len(), 2);
        let told = lines(students(
            Path::new("r.yaml"),
            "- {id: sato, langauge: ja}\n- {id: sato}\n",
        ));
        assert_eq!(told.len(), 2, "{told:?}");
    }
}
