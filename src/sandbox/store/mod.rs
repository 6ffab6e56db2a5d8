//! Objects in memory, each change with a version of its own, and the latest changes for those who watch.

mod held;
mod index;
pub mod journal;
pub mod selector;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Bound,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::watch;

use self::journal::Journal;
pub use self::{held::Held, index::Fact};
use self::{held::Open, index::Index};
use super::registry::Place;

/// How many changes are remembered for watches, at most.
const REMEMBERED: usize = 20_000;
/// How many bytes of JSON the objects have that changes are remembered of, at most.
const REMEMBERED_BYTES: usize = 16 << 20;
/// From how many objects of a resource on they are not kept open because all of them were read.
const MANY: usize = 500;

/// Namespace and name; the namespace is empty where there is none.
pub type Key = (String, String);

/// The objects of a resource.
type Of = BTreeMap<Key, Arc<Held>>;

/// Objects by where they are kept.
type Objects = HashMap<Place, Of>;

/// All objects.
#[derive(Debug)]
pub struct Store {
    state: Mutex<State>,
    /// The newest version, for those who wait for a change.
    newest: watch::Sender<u64>,
}

/// Objects and changes, while nobody else changes them.
#[derive(Debug, Default)]
pub struct State {
    version: u64,
    places: Objects,
    index: Index,
    /// Those that are in use.
    open: RefCell<Open>,
    changes: VecDeque<Record>,
    /// How many bytes of JSON the changes are.
    bytes: usize,
    /// The version of the oldest change that was forgotten.
    forgotten: u64,
    journal: Option<Journal>,
    /// Why the last changes could not be written down.
    trouble: Option<String>,
}

/// One change of one object, as it is remembered.
#[derive(Debug, Clone)]
pub struct Record {
    /// The version of the store after it.
    pub version: u64,
    /// Where the object is kept.
    pub place: Place,
    /// Its namespace and name.
    pub key: Key,
    before: Option<Arc<Held>>,
    after: Option<Arc<Held>>,
}

impl Record {
    /// The change with the object before and after it.
    #[must_use]
    pub fn read(&self) -> Change {
        let value = |held: &Option<Arc<Held>>| held.as_ref().map(|h| h.value());
        Change {
            version: self.version,
            place: Arc::clone(&self.place),
            key: self.key.clone(),
            before: value(&self.before),
            after: value(&self.after),
        }
    }

    /// How many bytes of JSON the object is that it leads to.
    fn size(&self) -> usize {
        self.after.as_ref().map_or(0, |a| a.json().get().len())
    }
}

/// One change of one object.
#[derive(Debug, Clone)]
pub struct Change {
    /// The version of the store after it.
    pub version: u64,
    /// Where the object is kept.
    pub place: Place,
    /// Its namespace and name.
    pub key: Key,
    /// The object before; none for a new one.
    pub before: Option<Arc<Value>>,
    /// The object after; none for one that is gone.
    pub after: Option<Arc<Value>>,
}

/// Some of the objects of a resource.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The objects, by namespace and name.
    pub items: Vec<Arc<Held>>,
    /// The version that they are of.
    pub version: u64,
    /// The last one's key, if there are more.
    pub more: Option<Key>,
    /// How many more there are.
    pub remaining: usize,
}

/// Changes are no longer remembered that far back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten;

impl Default for Store {
    fn default() -> Self {
        Self {
            state: Mutex::new(State::default()),
            newest: watch::Sender::new(0),
        }
    }
}

impl Store {
    /// The store of a folder, with what was kept there. It is kept from now on.
    pub fn open(folder: &Path) -> Result<Self, journal::Error> {
        let (journal, kept) = Journal::open(folder)?;
        let state = State {
            version: kept.version,
            index: indexed(&kept.places),
            places: kept.places,
            forgotten: kept.version,
            journal: Some(journal),
            ..State::default()
        };
        Ok(Self {
            newest: watch::Sender::new(state.version),
            state: Mutex::new(state),
        })
    }

    /// Why the last changes could not be written down; nothing if they could, or if nothing is.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.locked().trouble.clone()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.locked().version == 0
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.locked().places.values().map(BTreeMap::len).sum()
    }

    /// Looks at the objects, or changes some of them in one go; those who watch hear of it afterwards.
    pub fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.locked();
        let outcome = work(&mut state);
        state.write_down();
        let version = state.version;
        drop(state);
        self.newest.send_if_modified(|newest| {
            let newer = *newest < version;
            *newest = version.max(*newest);
            newer
        });
        outcome
    }

    /// Hears of new versions.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// An object.
    #[must_use]
    pub fn get(&self, place: &Place, key: &Key) -> Option<Arc<Value>> {
        self.locked().get(place, key)
    }

    /// A panic elsewhere leaves whole objects behind: every change is one assignment.
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The newest version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// An object.
    #[must_use]
    pub fn get(&self, place: &Place, key: &Key) -> Option<Arc<Value>> {
        let held = self.places.get(place)?.get(key)?;
        Some(self.open.borrow_mut().read(held))
    }

    /// All objects of a resource, as they are kept.
    #[must_use]
    pub fn all_of(&self, place: &Place) -> Vec<Arc<Held>> {
        let all = within(self.places.get(place), None, None);
        all.map(|(_, held)| Arc::clone(held)).collect()
    }

    /// Whether an object is there.
    #[must_use]
    pub fn has(&self, place: &Place, key: &Key) -> bool {
        self.places
            .get(place)
            .is_some_and(|of| of.contains_key(key))
    }

    /// All objects of a resource, or those of a namespace.
    pub fn list<'a>(
        &'a self,
        place: &Place,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = Arc<Value>> + 'a {
        let all = self.places.get(place);
        let in_use = all.is_some_and(|of| of.len() < MANY);
        within(all, namespace, None).map(move |(_, held)| {
            if in_use {
                self.open.borrow_mut().read(held)
            } else {
                held.value()
            }
        })
    }

    /// The objects of a namespace of which something is known.
    #[must_use]
    pub fn known(&self, place: &Place, namespace: &str, fact: &Fact) -> Vec<Arc<Value>> {
        let names = self.index.names(place, namespace, fact).into_iter();
        let key = |name: &str| (namespace.to_owned(), name.to_owned());
        names
            .filter_map(|name| self.get(place, &key(name)))
            .collect()
    }

    /// Whether a resource has no object, in all namespaces or in one.
    #[must_use]
    pub fn has_none(&self, place: &Place, namespace: Option<&str>) -> bool {
        within(self.places.get(place), namespace, None)
            .next()
            .is_none()
    }

    /// The objects of a resource that are wanted, from after a key on, as they were at a version; none for now.
    pub fn page(
        &self,
        place: &Place,
        namespace: Option<&str>,
        at: Option<u64>,
        after: Option<&Key>,
        limit: usize,
        wanted: Option<&dyn Fn(&Value) -> bool>,
    ) -> Result<Page, Forgotten> {
        let past = match at {
            Some(version) if version < self.version => Some(self.at(place, version)?),
            _ => None,
        };
        let objects = past.as_ref().or(self.places.get(place));
        let mut page = Page {
            version: at.unwrap_or(self.version),
            ..Page::default()
        };
        let mut last: Option<&Key> = None;
        for (key, held) in within(objects, namespace, after) {
            if wanted.is_some_and(|wanted| !wanted(&held.value())) {
                continue;
            }
            if limit > 0 && page.items.len() == limit {
                page.more = last.cloned();
                page.remaining += 1;
            } else {
                last = Some(key);
                page.items.push(Arc::clone(held));
            }
        }
        Ok(page)
    }

    /// The objects of a resource as they were: later changes are taken back.
    fn at(&self, place: &Place, version: u64) -> Result<Of, Forgotten> {
        if version < self.forgotten {
            return Err(Forgotten);
        }
        let mut objects = self.places.get(place).cloned().unwrap_or_default();
        let later = self
            .changes
            .iter()
            .rev()
            .take_while(|c| c.version > version);
        for change in later.filter(|c| c.place == *place) {
            match &change.before {
                Some(before) => objects.insert(change.key.clone(), Arc::clone(before)),
                None => objects.remove(&change.key),
            };
        }
        Ok(objects)
    }

    /// Keeps an object; it gets the new version.
    pub fn put(&mut self, place: &Place, key: &Key, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = Value::from(self.version.to_string());
        let object = Arc::new(object);
        let held = Arc::new(Held::of(&object));
        self.open.get_mut().keep(&held);
        let objects = self.places.entry(Arc::clone(place)).or_default();
        let before = objects.insert(key.clone(), Arc::clone(&held));
        if before.as_ref().is_none_or(|b| b.facts != held.facts) {
            if let Some(before) = &before {
                self.index.remove(place, key, &before.facts);
            }
            self.index.add(place, key, &held.facts);
        }
        self.remember(place, key, before, Some(held));
        object
    }

    /// Removes an object; gives it as it went.
    pub fn remove(&mut self, place: &Place, key: &Key) -> Option<Arc<Value>> {
        let before = self.places.get_mut(place)?.remove(key)?;
        self.index.remove(place, key, &before.facts);
        self.version += 1;
        let mut last = (*before.value()).clone();
        last["metadata"]["resourceVersion"] = Value::from(self.version.to_string());
        self.remember(place, key, Some(before), None);
        Some(Arc::new(last))
    }

    fn remember(
        &mut self,
        place: &Place,
        key: &Key,
        before: Option<Arc<Held>>,
        after: Option<Arc<Held>>,
    ) {
        let record = Record {
            version: self.version,
            place: Arc::clone(place),
            key: key.clone(),
            before,
            after,
        };
        if let Some(journal) = &mut self.journal {
            journal.note(&record);
        }
        self.bytes += record.size();
        self.changes.push_back(record);
        while self.changes.len() > REMEMBERED || self.bytes > REMEMBERED_BYTES {
            let Some(oldest) = self.changes.pop_front() else {
                return;
            };
            self.bytes -= oldest.size();
            self.forgotten = oldest.version;
        }
    }

    fn write_down(&mut self) {
        if let Some(journal) = &mut self.journal {
            let written = journal.write(self.version, &self.places);
            self.trouble = written.err().map(|e| e.to_string());
        }
    }

    /// Every object, as if it had just been made.
    #[must_use]
    pub fn all(&self) -> Vec<Record> {
        let all = self.places.iter().flat_map(|(place, objects)| {
            objects.iter().map(|(key, held)| Record {
                version: self.version,
                place: Arc::clone(place),
                key: key.clone(),
                before: None,
                after: Some(Arc::clone(held)),
            })
        });
        all.collect()
    }

    /// The changes after a version.
    pub fn since(&self, version: u64) -> Result<impl Iterator<Item = &Record>, Forgotten> {
        if version < self.forgotten {
            return Err(Forgotten);
        }
        let first = self.changes.partition_point(|c| c.version <= version);
        Ok(self.changes.range(first..))
    }
}

fn indexed(places: &Objects) -> Index {
    let mut index = Index::default();
    for (place, objects) in places {
        for (key, held) in objects {
            index.add(place, key, &held.facts);
        }
    }
    index
}

/// The objects of a resource, all of them or those of a namespace, from after a key on.
fn within<'a>(
    objects: Option<&'a Of>,
    namespace: Option<&'a str>,
    after: Option<&Key>,
) -> impl Iterator<Item = (&'a Key, &'a Arc<Held>)> + 'a {
    let from = match after {
        Some(key) => Bound::Excluded(key.clone()),
        None => Bound::Included((namespace.unwrap_or_default().to_owned(), String::new())),
    };
    objects
        .into_iter()
        .flat_map(move |of| of.range((from.clone(), Bound::Unbounded)))
        .take_while(move |(key, _)| namespace.is_none_or(|n| key.0 == n))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(name: &str) -> Key {
        ("a".to_owned(), name.to_owned())
    }

    #[test]
    fn a_page_goes_on_as_it_began_whatever_changed_since() {
        let store = Store::default();
        let pods: Place = Arc::from("pods");
        let put = |name: &str| {
            store.with(|s| s.put(&pods, &key(name), json!({"metadata": {"name": name}})));
        };
        for name in ["a", "c", "d"] {
            put(name);
        }
        let page = |at, after: Option<&Key>| {
            store
                .with(|s| s.page(&pods, Some("a"), at, after, 2, None))
                .unwrap()
        };
        let first = page(None, None);
        assert_eq!((first.items.len(), first.remaining), (2, 1));
        put("b");
        store.with(|s| s.remove(&pods, &key("d")));
        put("e");
        let second = page(Some(first.version), first.more.as_ref());
        assert_eq!(second.items[0].value()["metadata"]["name"], "d");
        assert_eq!((second.items.len(), second.more), (1, None));
    }

    #[test]
    fn what_was_written_is_there_again_and_half_a_change_is_not() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let pods: Place = Arc::from("pods");
        let store = Store::open(folder.path()).unwrap();
        assert!(store.is_empty());
        for name in ["a", "b"] {
            store.with(|s| s.put(&pods, &key(name), json!({"metadata": {"name": name}})));
        }
        store.with(|s| s.remove(&pods, &key("a")));
        drop(store);
        let path = folder.path().join("changes.jsonl");
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"{\"version\":4,\"place\":\"po").unwrap();
        let again = Store::open(folder.path()).unwrap();
        assert_eq!(again.with(|s| s.version()), 3);
        assert!(again.get(&pods, &key("a")).is_none());
        assert!(again.get(&pods, &key("b")).is_some());
        assert!(again.with(|s| s.since(2).is_err()));
        again.with(|s| s.put(&pods, &key("c"), json!({})));
        drop(again);
        let third = Store::open(folder.path()).unwrap();
        assert_eq!((third.len(), third.with(|s| s.version())), (2, 4));
    }

    #[test]
    fn the_files_do_not_grow_with_the_number_of_changes() {
        let folder = tempfile::tempdir().unwrap();
        let pods: Place = Arc::from("pods");
        let store = Store::open(folder.path()).unwrap();
        let large = "x".repeat(1 << 20);
        // A killed process left it.
        std::fs::write(folder.path().join("objects.jsonl.new"), &large).unwrap();
        for _ in 0..40 {
            store.with(|s| s.put(&pods, &key("a"), json!({"metadata": {}, "data": large})));
        }
        let files = std::fs::read_dir(folder.path()).unwrap();
        assert_eq!(files.count(), 2);
        let files = std::fs::read_dir(folder.path()).unwrap();
        let size: u64 = files.map(|f| f.unwrap().metadata().unwrap().len()).sum();
        assert!(size < 20 << 20, "{size}");
        drop(store);
        let again = Store::open(folder.path()).unwrap();
        assert_eq!((again.len(), again.with(|s| s.version())), (1, 40));
    }

    #[test]
    fn what_is_forgotten_is_told() {
        let store = Store::default();
        let pods: Place = Arc::from("pods");
        for _ in 0..REMEMBERED + 2 {
            store.with(|s| s.put(&pods, &key("a"), json!({})));
        }
        store.with(|s| {
            assert!(s.since(1).is_err());
            assert_eq!(s.since(s.version() - 2).unwrap().count(), 2);
        });
    }
}
