//! An object in memory: as JSON, which is small, and as a value while it is in use, which takes ten times as much.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

use super::index::{Fact, facts};

/// How many bytes of JSON the objects have that are kept as values, at most.
pub(super) const OPEN: usize = 1 << 20;

/// An object as it is kept.
#[derive(Debug)]
pub struct Held {
    json: Box<RawValue>,
    /// By what it is found besides its name.
    pub(super) facts: Vec<Fact>,
    value: Mutex<Option<Arc<Value>>>,
    /// Whether somebody read it lately.
    used: AtomicBool,
}

impl Held {
    /// An object, which is in use.
    pub(super) fn of(object: &Arc<Value>) -> Self {
        // Nothing that is in a value can't be written as JSON.
        let json = to_raw_value(&**object).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self {
            facts: facts(&json),
            json,
            value: Mutex::new(Some(Arc::clone(object))),
            used: AtomicBool::new(false),
        }
    }

    /// An object that was kept as JSON.
    pub(super) fn of_json(json: &RawValue) -> Self {
        Self {
            facts: facts(json),
            json: json.to_owned(),
            value: Mutex::new(None),
            used: AtomicBool::new(false),
        }
    }

    /// It as JSON.
    #[must_use]
    pub fn json(&self) -> &RawValue {
        &self.json
    }

    /// It as a value.
    #[must_use]
    pub fn value(&self) -> Arc<Value> {
        let value = self.locked().clone();
        value.unwrap_or_else(|| Arc::new(self.read()))
    }

    /// It without the record of who manages its fields, which is half of it; and its whole metadata as JSON.
    #[must_use]
    pub fn without_managers(&self) -> Option<(Value, &RawValue)> {
        type Fields<'a> = BTreeMap<&'a str, &'a RawValue>;
        let read = |json: &RawValue| serde_json::from_str::<Value>(json.get()).ok();
        let fields: Fields<'_> = serde_json::from_str(self.json.get()).ok()?;
        let whole = *fields.get("metadata")?;
        let mut object = Map::new();
        for (name, json) in &fields {
            let value = if *name == "metadata" {
                let of: Fields<'_> = serde_json::from_str(whole.get()).ok()?;
                let own = of.iter().filter(|(name, _)| **name != "managedFields");
                let own = own.map(|(name, json)| Some(((*name).to_owned(), read(json)?)));
                Value::Object(own.collect::<Option<_>>()?)
            } else {
                read(json)?
            };
            object.insert((*name).to_owned(), value);
        }
        Some((Value::Object(object), whole))
    }

    fn read(&self) -> Value {
        serde_json::from_str(self.json.get()).unwrap_or_else(|error| {
            tracing::error!("an object that was kept can't be read: {error}");
            Value::Null
        })
    }

    fn locked(&self) -> MutexGuard<'_, Option<Arc<Value>>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The objects that are kept as values: those that were read or written last.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// The one that was opened first comes first.
    all: VecDeque<Arc<Held>>,
    /// How many bytes of JSON they are.
    bytes: usize,
}

impl Open {
    /// Reads an object, which stays open for a while.
    pub(super) fn read(&mut self, held: &Arc<Held>) -> Arc<Value> {
        let mut value = held.locked();
        if let Some(value) = &*value {
            held.used.store(true, Ordering::Relaxed);
            return Arc::clone(value);
        }
        let read = Arc::new(held.read());
        *value = Some(Arc::clone(&read));
        drop(value);
        self.keep(held);
        read
    }

    /// Notes an object that is open, and closes others if there are too many.
    pub(super) fn keep(&mut self, held: &Arc<Held>) {
        self.bytes += held.json.get().len();
        self.all.push_back(Arc::clone(held));
        while self.bytes > OPEN {
            let Some(first) = self.all.pop_front() else {
                return;
            };
            // What was read since, by others than those who look at everything, has another turn.
            if first.used.swap(false, Ordering::Relaxed) {
                self.all.push_back(first);
            } else {
                self.bytes -= first.json.get().len();
                *first.locked() = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_but_the_managers_is_read() {
        let metadata = json!({"name": "a", "managedFields": [{"manager": "x"}]});
        let held = Held::of(&Arc::new(json!({"metadata": metadata, "spec": {"a": 1}})));
        let (object, whole) = held.without_managers().unwrap();
        assert_eq!(object, json!({"metadata": {"name": "a"}, "spec": {"a": 1}}));
        assert_eq!(
            serde_json::from_str::<Value>(whole.get()).unwrap(),
            metadata
        );
    }

    #[test]
    fn what_is_used_stays_open_and_the_rest_is_closed_but_not_lost() {
        let large = "x".repeat(100 << 10);
        let held = |i: usize| Arc::new(Held::of(&Arc::new(json!({"i": i, "data": large}))));
        let is_open = |held: &Held| held.locked().is_some();
        let mut open = Open::default();
        let all: Vec<_> = (0..30).map(held).collect();
        for held in &all {
            open.keep(held);
            open.read(&all[0]);
        }
        assert!(is_open(&all[0]) && is_open(&all[29]));
        assert!(!is_open(&all[1]));
        assert!(open.bytes <= OPEN);
        assert_eq!(all[1].value()["i"], 1);
        assert!(!is_open(&all[1]));
        assert_eq!(open.read(&all[1])["i"], 1);
        assert!(is_open(&all[1]));
    }
}
