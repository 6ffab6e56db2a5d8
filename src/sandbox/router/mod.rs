//! Requests from outside the cluster, by host: what the router of `OpenShift`, or an Ingress controller, would answer.

mod backends;
mod ingresses;
mod page;
mod routes;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use self::backends::Backend;
pub use self::page::Answer;
use super::{prometheus::api::pages, verbs::Api};

/// The most hosts and paths of which is known whose turn it is.
const MOST_TURNS: usize = 4096;

/// A request as the router sees it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, `POST`.
    pub method: &'a str,
    /// The `Host` header, with or without a port.
    pub host: &'a str,
    /// The path, from the root on.
    pub path: &'a str,
    /// What follows the question mark.
    pub query: &'a str,
}

/// The router. It remembers whose turn it is.
#[derive(Debug, Default)]
pub struct Router {
    turns: Mutex<BTreeMap<String, u64>>,
}

/// Where a request is to go.
enum Way {
    /// To one of the backends.
    Backends {
        /// Who takes turns.
        of: String,
        /// Among these.
        backends: Vec<Backend>,
    },
    /// To the same place over TLS.
    Redirect,
}

impl Router {
    /// Answers a request.
    #[must_use]
    pub fn answer(&self, api: &Api, request: &Request<'_>) -> Answer {
        let host = host(request.host);
        let way = routes::find(api, &host, request.path)
            .or_else(|| ingresses::find(api, &host, request.path));
        let (of, backends) = match way {
            None => return Answer::unavailable(),
            Some(Way::Redirect) => return Answer::redirect(&host, request.path, request.query),
            Some(Way::Backends { of, backends }) => (of, backends),
        };
        let weights: Vec<u64> = backends.iter().map(|b| b.weight).collect();
        let turn = self.turn(&of);
        let Some(chosen) = whose(&weights, turn).and_then(|at| backends.get(at)) else {
            return Answer::unavailable();
        };
        // Within a Service it goes round as well.
        let own = self.turn(&format!("{of}/{}", chosen.service));
        let asked = pages::Request {
            method: request.method,
            path: request.path,
            query: request.query,
            form: "",
        };
        chosen.ask(api, own, &asked)
    }

    fn turn(&self, of: &str) -> u64 {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= MOST_TURNS && !turns.contains_key(of) {
            turns.clear();
        }
        let next = turns.entry(of.to_owned()).or_default();
        let turn = *next;
        *next = turn.wrapping_add(1);
        turn
    }
}

/// A host without its port, as names are compared.
fn host(header: &str) -> String {
    let name = header.split(':').next().unwrap_or_default();
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether a path is the one that is wanted, or lies below it.
fn is_below(path: &str, wanted: &str) -> bool {
    let wanted = wanted.trim_end_matches('/');
    let rest = path.strip_prefix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whose turn it is, by weight: the heavy ones more often, but never all at once.
fn whose(weights: &[u64], turn: u64) -> Option<usize> {
    let total: u64 = weights.iter().sum();
    let turn = turn.checked_rem(total)?;
    let mut due = vec![0_i128; weights.len()];
    let mut chosen = 0;
    for _ in 0..=turn {
        for (due, weight) in due.iter_mut().zip(weights) {
            *due += i128::from(*weight);
        }
        // Of those that are due as much, the first.
        chosen = (0..due.len()).rev().max_by_key(|at| due[*at])?;
        due[chosen] -= i128::from(total);
    }
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_taken_by_weight() {
        let turns = |weights: &[u64], n: u64| -> Vec<usize> {
            (0..n).filter_map(|turn| whose(weights, turn)).collect()
        };
        assert_eq!(turns(&[1, 1], 4), [0, 1, 0, 1]);
        let all = turns(&[90, 10], 100);
        assert_eq!(all.iter().filter(|at| **at == 1).count(), 10);
        assert_eq!(all[..20].iter().filter(|at| **at == 1).count(), 2);
        assert!(turns(&[0, 0], 2).is_empty());
        assert!(turns(&[], 2).is_empty());
    }

    #[test]
    fn a_path_covers_what_lies_below_it() {
        assert!(is_below("/a", "/a"));
        assert!(is_below("/a/b", "/a"));
        assert!(is_below("/a", "/a/"));
        assert!(is_below("/x", "/"));
        assert!(!is_below("/ab", "/a"));
    }
}
