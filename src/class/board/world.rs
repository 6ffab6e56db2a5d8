//! What the cluster holds of a class, read by lists over the whole cluster: it answers what checks ask for any student.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::selector::{fields_match, labels_match};
use crate::{
    cluster::{
        pages::Wide,
        snapshot::{Answer, Obstacle, Read},
        watch::Change,
    },
    lab::model::{ListRef, ObjectRef},
};

/// The objects of a class, and what was asked beside them.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The namespaces of the class.
    places: HashSet<String>,
    kept: Vec<Shelf>,
    asked: HashMap<Read, Asked>,
}

/// The objects of one list: by namespace, then by name. As text they take a tenth of the memory.
#[derive(Debug, Clone)]
struct Shelf {
    wide: Wide,
    /// Why it could not be read, if it could not.
    trouble: Option<Obstacle>,
    objects: HashMap<String, BTreeMap<String, Box<str>>>,
}

/// An object as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    place: String,
    name: String,
    text: Box<str>,
}

/// One thing that no list answers.
#[derive(Debug, Clone)]
struct Asked {
    at: Timestamp,
    answer: Result<Answer, Obstacle>,
}

/// An answer, and when it was given where that was not by a list.
pub(super) type Told = (Result<Answer, Obstacle>, Option<Timestamp>);

impl World {
    /// An empty world of these namespaces, to be filled from these lists.
    #[must_use]
    pub fn new(places: impl IntoIterator<Item = String>, lists: &[Wide]) -> Self {
        let stock = |wide: &Wide| Shelf {
            wide: wide.clone(),
            trouble: None,
            objects: HashMap::new(),
        };
        Self {
            places: places.into_iter().collect(),
            kept: lists.iter().map(stock).collect(),
            asked: HashMap::new(),
        }
    }

    /// Puts the objects of a list in the place of what there was of it.
    pub fn fill(&mut self, list: usize, objects: Result<Vec<Value>, Obstacle>) {
        let packed = objects.map(|all| all.into_iter().filter_map(|o| self.pack(o)).collect());
        self.refill(list, packed);
    }

    /// The same with what `pack` gave.
    pub(super) fn refill(&mut self, list: usize, objects: Result<Vec<Packed>, Obstacle>) {
        let Some(stock) = self.kept.get_mut(list) else {
            return;
        };
        stock.objects.clear();
        stock.trouble = objects.as_ref().err().cloned();
        for object in objects.into_iter().flatten() {
            let place = stock.objects.entry(object.place).or_default();
            place.insert(object.name, object.text);
        }
    }

    /// What is kept of an object; none of one that is not the class's.
    #[must_use]
    pub fn pack(&self, object: Value) -> Option<Packed> {
        let place = place_of(&object).to_owned();
        let name = object["metadata"]["name"].as_str()?.to_owned();
        self.places.contains(&place).then(|| Packed {
            place,
            name,
            text: slim(object).to_string().into_boxed_str(),
        })
    }

    /// Takes over one change; gives the namespace that it is in, if that is of the class.
    pub fn change(&mut self, list: usize, change: Change) -> Option<String> {
        let (object, gone) = match change {
            Change::Set(object) => (object, false),
            Change::Gone(object) => (object, true),
        };
        let object = self.pack(object)?;
        let stock = self.kept.get_mut(list)?;
        let place = stock.objects.entry(object.place.clone()).or_default();
        if gone {
            place.remove(&object.name);
        } else {
            place.insert(object.name, object.text);
        }
        Some(object.place)
    }

    /// Whether an object of a list is worth keeping.
    #[must_use]
    pub fn wants(&self, object: &Value) -> bool {
        self.places.contains(place_of(object))
    }

    /// Remembers an answer that no list gives.
    pub fn remember(&mut self, read: Read, answer: Result<Answer, Obstacle>, at: Timestamp) {
        self.asked.insert(read, Asked { at, answer });
    }

    /// When something that no list answers was asked last.
    #[must_use]
    pub fn asked_at(&self, read: &Read) -> Option<Timestamp> {
        self.asked.get(read).map(|a| a.at)
    }

    /// What checks ask; none where it has not been asked yet.
    #[must_use]
    pub(super) fn answer(&self, read: &Read) -> Option<Told> {
        let listed = match read {
            Read::Object(object) => self.object(object),
            Read::List(list) => self.list(list),
            _ => None,
        };
        listed.map(|answer| (answer, None)).or_else(|| {
            let asked = self.asked.get(read)?;
            Some((asked.answer.clone(), Some(asked.at)))
        })
    }

    /// The same namespaces, without anything in them.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self::new(self.places.iter().cloned(), &[])
    }

    /// One object of a list, by namespace and name.
    #[must_use]
    pub fn get(&self, list: usize, place: &str, name: &str) -> Option<Value> {
        let text = self.kept.get(list)?.objects.get(place)?.get(name)?;
        unpacked(text)
    }

    fn object(&self, wanted: &ObjectRef) -> Option<Result<Answer, Obstacle>> {
        let (stock, place) = self.shelf_of(wanted)?;
        if let Some(trouble) = &stock.trouble {
            return Some(Err(trouble.clone()));
        }
        let kept = stock.objects.get(place).and_then(|o| o.get(&wanted.name));
        let found = kept.and_then(|text| unpacked(text));
        Some(Ok(found.map_or(Answer::Missing, Answer::Object)))
    }

    fn list(&self, wanted: &ListRef) -> Option<Result<Answer, Obstacle>> {
        let (stock, place) = self.shelf_of_list(wanted)?;
        if let Some(trouble) = &stock.trouble {
            return Some(Err(trouble.clone()));
        }
        let kept = stock.objects.get(place).into_iter();
        let all = kept
            .flat_map(BTreeMap::values)
            .filter_map(|text| unpacked(text));
        let chosen = all.filter(|o| {
            labels_match(wanted.label_selector.as_deref(), o)
                && fields_match(wanted.field_selector.as_deref(), o)
        });
        Some(Ok(Answer::List(chosen.collect())))
    }

    fn shelf_of<'a>(&self, o: &'a ObjectRef) -> Option<(&Shelf, &'a str)> {
        let place = match (&o.namespace, o.kind.as_str()) {
            (Some(namespace), _) => namespace,
            (None, "Namespace") => &o.name,
            (None, _) => return None,
        };
        let stock = self.stock(&o.api_version, &o.kind, place, None)?;
        Some((stock, place))
    }

    fn shelf_of_list<'a>(&self, l: &'a ListRef) -> Option<(&Shelf, &'a str)> {
        let place = l.namespace.as_deref()?;
        let fields = l.field_selector.as_deref();
        Some((self.stock(&l.api_version, &l.kind, place, fields)?, place))
    }

    /// The stock with all that is wanted: its own list was not narrowed, or in the same way.
    fn stock(
        &self,
        version: &str,
        kind: &str,
        place: &str,
        fields: Option<&str>,
    ) -> Option<&Shelf> {
        if !self.places.contains(place) {
            return None;
        }
        self.kept.iter().find(|s| {
            let narrowed = s.wide.fields.as_deref();
            let same = s.wide.api_version == version && s.wide.kind == kind;
            same && (narrowed.is_none() || narrowed == fields)
        })
    }
}

/// What was written by `pack` can be read.
fn unpacked(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// The namespace that an object lies in, or is.
fn place_of(object: &Value) -> &str {
    let meta = &object["metadata"];
    let name = || {
        meta["name"]
            .as_str()
            .filter(|_| object["kind"] == "Namespace")
    };
    meta["namespace"].as_str().or_else(name).unwrap_or_default()
}

/// The object without what no check reads. Of the managed fields stays when somebody wrote last, by which the age of a change
/// is told.
fn slim(mut object: Value) -> Value {
    let Some(meta) = object["metadata"].as_object_mut() else {
        return object;
    };
    if let Some(Value::Array(fields)) = meta.remove("managedFields") {
        let written = fields.iter().filter(|m| m["subresource"] != "status");
        let last = written.filter_map(|m| m["time"].as_str()).max();
        if let Some(last) = last {
            meta.insert("managedFields".to_owned(), json!([{"time": last}]));
        }
    }
    if let Some(notes) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
        notes.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(kind: &str, fields: Option<&str>) -> Wide {
        Wide {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            labels: None,
            fields: fields.map(str::to_owned),
        }
    }

    fn pod(place: &str, name: &str, app: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": place, "labels": {"app": app},
            "managedFields": [
                {"time": "2026-01-01T00:00:00Z", "fieldsV1": {"a": {}}},
                {"time": "2026-01-02T00:00:00Z", "subresource": "status"}]}})
    }

    fn list(place: &str, selector: &str) -> Read {
        Read::List(ListRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: Some(place.to_owned()),
            label_selector: Some(selector.to_owned()),
            field_selector: None,
        })
    }

    #[test]
    fn a_world_answers_for_its_namespaces_and_follows_changes() {
        let mut world = World::new(["a".to_owned(), "b".to_owned()], &[wide("Pod", None)]);
        let pods = vec![
            pod("a", "x", "web"),
            pod("b", "x", "web"),
            pod("c", "x", "web"),
        ];
        world.fill(0, Ok(pods));
        let count = |world: &World, read: &Read| match world.answer(read) {
            Some((Ok(Answer::List(items)), None)) => Some(items.len()),
            _ => None,
        };
        assert_eq!(count(&world, &list("a", "app=web")), Some(1));
        assert_eq!(count(&world, &list("a", "app=api")), Some(0));
        assert_eq!(
            count(&world, &list("c", "app=web")),
            None,
            "not of the class"
        );
        assert_eq!(
            world
                .change(0, Change::Gone(pod("a", "x", "web")))
                .as_deref(),
            Some("a")
        );
        assert_eq!(count(&world, &list("a", "app=web")), Some(0));
        assert_eq!(world.change(0, Change::Set(pod("c", "y", "web"))), None);
        let kept = world
            .get(0, "b", "x")
            .map(|o| o["metadata"]["managedFields"].clone());
        assert_eq!(kept, Some(json!([{"time": "2026-01-01T00:00:00Z"}])));
    }

    #[test]
    fn a_list_that_was_narrowed_answers_nothing_wider() {
        let mut world = World::new(["a".to_owned()], &[wide("Pod", Some("metadata.name=x"))]);
        world.fill(0, Ok(vec![pod("a", "x", "web")]));
        assert!(world.answer(&list("a", "app=web")).is_none());
    }

    #[test]
    fn a_kind_that_could_not_be_listed_is_trouble_and_not_missing() {
        let mut world = World::new(["a".to_owned()], &[wide("Pod", None)]);
        world.fill(0, Err(Obstacle::of_lab("no")));
        assert!(matches!(
            world.answer(&list("a", "app=web")),
            Some((Err(_), None))
        ));
    }
}
