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
    time::Duration,
};

use serde_json::Value;
use tokio::sync::watch;

use self::journal::Journal;
pub use self::{held::Held, index::Fact};
use self::{
    held::{OPEN, Open},
    index::Index,
};
use super::registry::Place;

/// How many changes are remembered for watches, at most.
const REMEMBERED: usize = 20_000;
/// How many bytes of JSON the objects have that are kept only because changes of them are remembered, at most.
const REMEMBERED_BYTES: usize = 16 << 20;
/// Up to how many bytes of JSON objects are kept open because all of them were read: what others use stays open beside them.
const OPEN_AT_ONCE: usize = OPEN / 4 * 3;

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
    /// How many bytes of JSON are kept for the changes.
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

    /// How many bytes of JSON are kept for it: those of the object before. The one after is that of the next change of the object,
    /// which is forgotten later, or is there still.
    fn size(&self) -> usize {
        self.before.as_ref().map_or(0, |b| b.json().get().len())
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

/// Why there is no page of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPage {
    /// Changes are no longer remembered that far back.
    Forgotten,
    /// The version has not been reached.
    Later {
        /// The newest version.
        current: u64,
    },
}

impl From<Forgotten> for NoPage {
    fn from(_: Forgotten) -> Self {
        Self::Forgotten
    }
}

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
        self.len() == 0
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

    /// Waits until a version is reached, but no longer than for some time.
    pub async fn reach(&self, version: u64, within: Duration) {
        let mut newest = self.subscribe();
        // Both ways to go on are fine: whoever waits looks again.
        let _ = tokio::time::timeout(within, newest.wait_for(|newest| *newest >= version)).await;
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
        let all = || within(self.places.get(place), namespace, None);
        let bytes: usize = all().map(|(_, held)| held.json().get().len()).sum();
        let in_use = bytes <= OPEN_AT_ONCE;
        all().map(move |(_, held)| {
            if in_use {
                self.open.borrow_mut().read(held)
            } else {
                held.value()
            }
        })
    }

    /// The objects of a namespace of which something is known; of what is known in the whole cluster, all without a namespace.
    #[must_use]
    pub fn known(&self, place: &Place, namespace: Option<&str>, fact: &Fact) -> Vec<Arc<Value>> {
        let keys = self.index.keys(place, namespace, fact).into_iter();
        keys.flatten()
            .filter_map(|key| self.get(place, key))
            .collect()
    }

    /// The names of the objects of which something is known in the whole cluster.
    #[must_use]
    pub fn known_keys(&self, place: &Place, fact: &Fact) -> Vec<Key> {
        let keys = self.index.keys(place, None, fact).into_iter();
        keys.flatten().cloned().collect()
    }

    /// Of how many objects something is known in the whole cluster.
    #[must_use]
    pub fn count_known(&self, place: &Place, fact: &Fact) -> usize {
        let keys = self.index.keys(place, None, fact);
        keys.map_or(0, std::collections::BTreeSet::len)
    }

    /// Whether a resource has no object, in all namespaces or in one.
    #[must_use]
    pub fn has_none(&self, place: &Place, namespace: Option<&str>) -> bool {
        within(self.places.get(place), namespace, None)
            .next()
            .is_none()
    }

    /// The objects of a resource from after a key on, at most so many (zero for all), as they were at a version; none for now.
    pub fn page(
        &self,
        place: &Place,
        namespace: Option<&str>,
        at: Option<u64>,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, NoPage> {
        let version = at.unwrap_or(self.version);
        let mut all = self.at(place, namespace, version, after)?;
        let most = if limit == 0 { usize::MAX } else { limit };
        let taken: Vec<_> = all.by_ref().take(most).collect();
        let remaining = all.count();
        let last = taken.last().map(|(key, _)| (*key).clone());
        Ok(Page {
            items: taken.iter().map(|(_, held)| Arc::clone(held)).collect(),
            version,
            more: last.filter(|_| remaining > 0),
            remaining,
        })
    }

    /// The objects of a resource as they were, from after a key on: later changes are taken back.
    fn at<'a>(
        &'a self,
        place: &Place,
        namespace: Option<&'a str>,
        version: u64,
        after: Option<&Key>,
    ) -> Result<impl Iterator<Item = (&'a Key, &'a Arc<Held>)>, NoPage> {
        let current = self.version;
        if version > current {
            return Err(NoPage::Later { current });
        }
        let later = self.since(version)?.rev();
        let here = later.filter(|c| {
            c.place == *place
                && namespace.is_none_or(|n| c.key.0 == n)
                && after.is_none_or(|after| c.key > *after)
        });
        // Of several changes of an object the first one counts, which comes last.
        let before: BTreeMap<&Key, Option<&Arc<Held>>> =
            here.map(|c| (&c.key, c.before.as_ref())).collect();
        let now = within(self.places.get(place), namespace, after);
        Ok(instead(now, before))
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

    /// The changes after a version, which may be one that has not been reached.
    pub fn since(
        &self,
        version: u64,
    ) -> Result<impl DoubleEndedIterator<Item = &Record>, Forgotten> {
        if version < self.forgotten {
            return Err(Forgotten);
        }
        let first = self.changes.partition_point(|c| c.version <= version);
        Ok(self.changes.range(first..))
    }
}

/// Entries by key, with others in place of some: another object, or none.
fn instead<'a>(
    all: impl Iterator<Item = (&'a Key, &'a Arc<Held>)>,
    others: BTreeMap<&'a Key, Option<&'a Arc<Held>>>,
) -> impl Iterator<Item = (&'a Key, &'a Arc<Held>)> {
    let (mut all, mut others) = (all.peekable(), others.into_iter().peekable());
    std::iter::from_fn(move || {
        loop {
            let Some((key, _)) = others.peek() else {
                return all.next();
            };
            if let Some(earlier) = all.next_if(|(own, _)| own < key) {
                return Some(earlier);
            }
            all.next_if(|(own, _)| own == key);
            if let Some((key, Some(other))) = others.next() {
                return Some((key, other));
            }
        }
    })
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
                .with(|s| s.page(&pods, Some("a"), at, after, 2))
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
        // Before all of it, and after.
        assert_eq!(page(Some(0), None).items.len(), 0);
        let current = store.with(|s| s.version());
        let later = store.with(|s| s.page(&pods, None, Some(current + 1), None, 2));
        assert_eq!(later.unwrap_err(), NoPage::Later { current });
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
        let large = "x".repeat(1 << 20);
        // A killed process left it.
        std::fs::write(folder.path().join(".tmpAbCdEf"), &large).unwrap();
        let store = Store::open(folder.path()).unwrap();
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
    fn what_a_namespace_has_stays_open_whatever_others_have() {
        let store = Store::default();
        let pods: Place = Arc::from("pods");
        store.with(|s| {
            s.put(&pods, &key("small"), json!({"metadata": {}}));
            let large = "x".repeat(4 << 10);
            for i in 0..1000 {
                let other = ("others".to_owned(), i.to_string());
                s.put(&pods, &other, json!({"metadata": {}, "data": large}));
            }
            let read = |namespace| s.list(&pods, Some(namespace)).next().unwrap();
            assert!(Arc::ptr_eq(&read("a"), &read("a")));
            assert!(!Arc::ptr_eq(&read("others"), &read("others")));
        });
    }

    #[test]
    fn the_end_of_many_large_objects_is_not_remembered_whole() {
        let store = Store::default();
        let pods: Place = Arc::from("pods");
        let large = "x".repeat(1 << 20);
        let names: Vec<_> = (0..40).map(|i| key(&i.to_string())).collect();
        store.with(|s| {
            for key in &names {
                s.put(&pods, key, json!({"metadata": {}, "data": large}));
            }
            assert!(s.since(0).is_ok());
            for key in &names {
                s.remove(&pods, key);
            }
            let kept = s.changes.iter().flat_map(|c| [&c.before, &c.after]);
            let kept: HashMap<_, _> = kept
                .flatten()
                .map(|held| (Arc::as_ptr(held), held.json().get().len()))
                .collect();
            assert!(kept.values().sum::<usize>() <= REMEMBERED_BYTES);
            assert!(s.since(names.len() as u64).is_err());
        });
    }

    #[test]
    fn what_was_not_finished_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".tmpAbC123");
        std::fs::write(&left, "{").unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(store.is_empty() && !left.exists());
    }

    #[test]
    fn a_store_that_begins_at_a_version_has_forgotten_the_ones_before() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let pods: Place = Arc::from("pods");
        let store = Store::open(old.path()).unwrap();
        for _ in 0..3 {
            store.with(|s| s.put(&pods, &key("a"), json!({})));
        }
        let reached = journal::newest_version(old.path());
        assert_eq!(reached, 3);
        journal::begin_at(new.path(), reached + 1).unwrap();
        let fresh = Store::open(new.path()).unwrap();
        assert!(fresh.is_empty());
        assert!(fresh.with(|s| s.since(reached).is_err()));
        fresh.with(|s| s.put(&pods, &key("a"), json!({})));
        assert_eq!(fresh.with(|s| s.version()), 5);
        // What has begun goes on.
        journal::begin_at(new.path(), 100).unwrap();
        drop(fresh);
        assert_eq!(Store::open(new.path()).unwrap().with(|s| s.version()), 5);
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
