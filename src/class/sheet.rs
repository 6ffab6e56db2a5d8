//! What is handed out: a card per student with the line to start with. The secret itself is in the kubeconfig, not on paper.

use super::{
    credentials,
    model::{Class, Student},
};
use crate::lab::text::Lang;

/// The look of the printed sheet: two cards beside each other, none broken over two pages.
const STYLE: &str = "\
body{font:14px/1.5 system-ui,sans-serif;margin:1.5rem;color:#111;background:#fff}
h1{font-size:1.3rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:1rem}
.card{border:1px solid #777;border-radius:.4rem;padding:1rem;break-inside:avoid}
.card h2{font-size:1.1rem;margin:0 0 .5rem}
code{display:block;background:#f2f2f2;padding:.5rem;white-space:pre-wrap;overflow-wrap:anywhere}";

/// The sheet as a page without anything from elsewhere.
#[must_use]
pub fn html(class: &Class) -> String {
    let cards: String = class.students.iter().map(|s| card(class, s)).collect();
    let name = escaped(&class.name);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{name}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<h1>{name}</h1>\n<div class=\"cards\">\n{cards}</div>\n</body>\n</html>\n"
    )
}

fn card(class: &Class, student: &Student) -> String {
    let (who, told, line) = words(class, student);
    let lang = if student.lang == Some(Lang::Ja) {
        "ja"
    } else {
        "en"
    };
    format!(
        "<section class=\"card\" lang=\"{lang}\">\n<h2>{}</h2>\n<p>{}</p>\n<code>{}</code>\n</section>\n",
        escaped(&who),
        escaped(told),
        escaped(&line)
    )
}

/// The sheet as text.
#[must_use]
pub fn text(class: &Class) -> String {
    let card = |student: &Student| {
        let (who, told, line) = words(class, student);
        format!("{who}\n  {told}\n\n      {line}\n")
    };
    let cards: Vec<String> = class.students.iter().map(card).collect();
    cards.join("\n")
}

/// Who, what to do, and the line to type.
fn words(class: &Class, student: &Student) -> (String, &'static str, String) {
    let who = match &student.name {
        Some(name) => format!("{} · {name}", student.id),
        None => student.id.clone(),
    };
    let told = match student.lang {
        Some(Lang::Ja) => "受け取った kubeconfig のあるフォルダーで、次を入力します:",
        _ => "In the folder with the kubeconfig that you were given, type:",
    };
    let path = credentials::path(class, student);
    let file = path.file_name().map(|f| f.to_string_lossy().into_owned());
    let lab = class.labs.first().map_or("1", String::as_str);
    let line = format!(
        "export KUBECONFIG=\"$PWD/{}\"; ccnr lab start {lab}",
        file.unwrap_or_default()
    );
    (who, told, line)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
