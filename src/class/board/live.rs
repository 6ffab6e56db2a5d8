//! A board from a cluster: gathered by lists, kept by watches.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    Board, Row, judge,
    scope::Scope,
    world::{Packed, World},
};
use crate::{
    check::verdict::Outcome,
    cluster::{
        Cluster,
        pages::Wide,
        snapshot::{Answer, Obstacle, Read},
        watch::{Change, End},
    },
};

/// How many lists are under way at once.
const LISTS: usize = 6;
/// How many questions that no list answers are under way at once.
const QUESTIONS: usize = 16;
/// How many of them one picture asks for what is not done yet.
const A_PICTURE: usize = 200;
/// How many of them a live board asks each time, and how often: at most ten a second.
const A_TURN: usize = 20;
const TURN: Duration = Duration::from_secs(2);
/// How old such an answer gets while its step is open, in seconds.
const OLD: i64 = 15;
/// What happens within so long is told at once.
const TOGETHER: Duration = Duration::from_millis(50);
/// The pause before a list or watch that failed is tried again.
const AGAIN: Duration = Duration::from_secs(3);

/// How much is asked of what no list answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What steps that are not done yet need, up to a bound; records tell of the others.
    Open,
    /// Everything, for every student.
    Everything,
}

/// A class that is being looked at.
pub struct Watcher {
    cluster: Cluster,
    scope: Scope,
    world: World,
    board: Board,
    /// Since when each open step is as it is, by student and lab, as far as this program saw it change.
    seen: HashMap<(usize, usize), (usize, Timestamp)>,
    /// From where the watch of each list goes on; none where it could not be read.
    versions: Vec<Option<String>>,
}

/// What a watch tells.
enum News {
    All(usize, Result<Vec<Packed>, Obstacle>),
    One(usize, Change),
    Answers(Answers),
}

/// What was asked beside the lists.
type Answers = Vec<(Read, Result<Answer, Obstacle>)>;

impl Watcher {
    /// Reads all lists, asks what no list answers, and judges everybody.
    pub async fn gather(cluster: Cluster, scope: Scope, depth: Depth) -> Self {
        let mut world = World::new(scope.owners.keys().cloned(), &scope.lists);
        let lists = stream::iter(scope.lists.clone().into_iter().enumerate()).map(|(i, wide)| {
            let cluster = cluster.clone();
            let world = &world;
            async move {
                let kept = list(&cluster, &wide, world).await;
                (i, kept)
            }
        });
        let found: Vec<_> = lists.buffer_unordered(LISTS).collect().await;
        let mut versions = vec![None; scope.lists.len()];
        for (i, found) in found {
            let objects = found.map(|(objects, version)| {
                versions[i] = Some(version);
                objects
            });
            world.refill(i, objects);
        }
        let at = cluster.now();
        let board = judge::board(&scope, &world, at);
        let mut watcher = Self {
            cluster,
            scope,
            world,
            board,
            seen: HashMap::new(),
            versions,
        };
        watcher.complete(depth).await;
        watcher
    }

    /// The board as it is now.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Asks until nothing that is wanted is missing: answers open further questions.
    async fn complete(&mut self, depth: Depth) {
        let most = match depth {
            Depth::Open => A_PICTURE,
            Depth::Everything => usize::MAX,
        };
        let mut left = most;
        loop {
            let mut wanted = self.questions(depth, None);
            wanted.truncate(left);
            if wanted.is_empty() {
                return;
            }
            left -= wanted.len();
            self.ask(wanted).await;
        }
    }

    /// What is to be asked; with a time, also what was answered before it and belongs to a step that is open.
    fn questions(&self, depth: Depth, before: Option<Timestamp>) -> Vec<Read> {
        let mut found: BTreeSet<(Option<Timestamp>, &Read)> = BTreeSet::new();
        for row in self.board.labs.iter().flat_map(|l| &l.rows) {
            for (read, open) in &row.wanted {
                // What is no student's own is asked for all at once.
                let of_all = matches!(read, Read::Api(_) | Read::Object(_) | Read::List(_));
                let asked = self.world.asked_at(read);
                let due = match (asked, before) {
                    (None, _) => true,
                    (Some(at), Some(before)) => *open && at < before,
                    (Some(_), None) => false,
                };
                if due && (*open || of_all || depth == Depth::Everything) {
                    found.insert((asked, read));
                }
            }
        }
        found.into_iter().map(|(_, read)| read.clone()).collect()
    }

    /// Asks, and judges those anew whom the answers are about.
    async fn ask(&mut self, reads: Vec<Read>) {
        let answers = answers(self.cluster.clone(), reads).await;
        let about = self.remember(answers);
        self.judge(&about);
    }

    /// Takes over answers; gives the students that they are about.
    fn remember(&mut self, answers: Answers) -> BTreeSet<usize> {
        let asked: HashSet<&Read> = answers.iter().map(|(read, _)| read).collect();
        let about = self.board.labs.iter().flat_map(|lab| {
            let rows = lab.rows.iter().enumerate();
            let with = rows.filter(|(_, r)| r.wanted.iter().any(|(w, _)| asked.contains(w)));
            with.map(|(i, _)| i)
        });
        let about: BTreeSet<usize> = about.collect();
        let at = self.cluster.now();
        for (read, answer) in answers {
            self.world.remember(read, answer, at);
        }
        about
    }

    /// Judges these students anew.
    fn judge(&mut self, students: &BTreeSet<usize>) {
        let at = self.cluster.now();
        for (l, lab) in self.board.labs.iter_mut().enumerate() {
            for s in students {
                let (Some(old), Some(mut new)) = (
                    lab.rows.get_mut(*s),
                    judge::row(&self.scope, &self.world, l, *s, at),
                ) else {
                    continue;
                };
                // A step that became the current one before our eyes is so since then, if the record knows no better.
                if let (Some(_), Some(now)) = (old.current, new.current)
                    && old.current != new.current
                {
                    self.seen.insert((*s, l), (now, at));
                }
                if let Some((step, at)) = self.seen.get(&(*s, l))
                    && new.current == Some(*step)
                {
                    new.since = new.since.max(Some(*at));
                }
                *old = new;
            }
            super::tally::count(lab);
        }
        self.board.at = at;
    }

    /// Follows the cluster, and hands on the board after each change, until `show` says that it is enough.
    pub async fn follow(mut self, mut show: impl FnMut(&Board) -> bool) {
        let (tell, mut news) = mpsc::unbounded_channel();
        let mut watches = JoinSet::new();
        let places = self.world.emptied();
        for (i, wide) in self.scope.lists.iter().enumerate() {
            let watch = Watch {
                cluster: self.cluster.clone(),
                wide: wide.clone(),
                list: i,
                places: places.clone(),
                tell: tell.clone(),
            };
            watches.spawn(watch.keep(self.versions[i].clone()));
        }
        if !show(&self.board) {
            return;
        }
        let mut turn = Instant::now() + TURN;
        let mut asking = JoinSet::new();
        loop {
            while asking.try_join_next().is_some() {}
            let mut about = BTreeSet::new();
            tokio::select! {
                Some(first) = news.recv() => {
                    about.extend(self.take(first));
                    sleep(TOGETHER).await;
                    while let Ok(more) = news.try_recv() {
                        about.extend(self.take(more));
                    }
                    self.judge(&about);
                }
                () = tokio::time::sleep_until(turn) => {
                    self.judge(&self.waiting());
                    // A Service that does not answer holds up other questions, but not the board.
                    if asking.is_empty() {
                        let (cluster, due, tell) = (self.cluster.clone(), self.due(), tell.clone());
                        asking.spawn(async move { tell.send(News::Answers(answers(cluster, due).await)).is_ok() });
                    }
                    turn = Instant::now() + TURN;
                }
            }
            if !show(&self.board) {
                return;
            }
        }
    }

    /// What is to be asked again: answers get old.
    fn due(&self) -> Vec<Read> {
        let before = self.cluster.now() - SignedDuration::from_secs(OLD);
        let mut questions = self.questions(Depth::Open, Some(before));
        questions.truncate(A_TURN);
        questions
    }

    /// Whom time alone may change: who waits may do so for too long.
    fn waiting(&self) -> BTreeSet<usize> {
        let waits = |r: &Row| r.cells.iter().any(|c| c.outcome == Outcome::Waiting);
        let rows = self
            .board
            .labs
            .iter()
            .flat_map(|l| l.rows.iter().enumerate());
        rows.filter(|(_, r)| waits(r)).map(|(i, _)| i).collect()
    }

    /// Takes over what a watch tells; gives the students that it is about.
    fn take(&mut self, news: News) -> Vec<usize> {
        match news {
            News::All(list, objects) => {
                self.world.refill(list, objects);
                (0..self.scope.students.len()).collect()
            }
            News::One(list, change) => {
                let place = self.world.change(list, change);
                let owners = place.and_then(|p| self.scope.owners.get(&p));
                owners.cloned().unwrap_or_default()
            }
            News::Answers(answers) => self.remember(answers).into_iter().collect(),
        }
    }
}

/// Asks, some at a time.
async fn answers(cluster: Cluster, reads: Vec<Read>) -> Answers {
    let cluster = &cluster;
    let each = stream::iter(reads).map(|read| async move {
        let answer = cluster.read(&read).await;
        (read, answer)
    });
    each.buffer_unordered(QUESTIONS).collect().await
}

/// Reads one list: what is wanted of it, and from where a watch goes on.
async fn list(
    cluster: &Cluster,
    wide: &Wide,
    places: &World,
) -> Result<(Vec<Packed>, String), Obstacle> {
    let mut kept = Vec::new();
    let each = |object: Value| kept.extend(places.pack(object));
    let version = cluster.all_of(wide, each).await?;
    Ok((kept, version))
}

/// One list that is kept up to date.
struct Watch {
    cluster: Cluster,
    wide: Wide,
    list: usize,
    places: World,
    tell: mpsc::UnboundedSender<News>,
}

impl Watch {
    /// Watches for as long as somebody listens. What the server has forgotten is listed anew.
    async fn keep(self, mut at: Option<String>) {
        while !self.tell.is_closed() {
            at = match at {
                Some(version) => {
                    let next = self.watch(version).await;
                    sleep(TOGETHER).await;
                    next
                }
                None => self.list().await,
            };
        }
    }

    async fn list(&self) -> Option<String> {
        sleep(AGAIN).await;
        let found = list(&self.cluster, &self.wide, &self.places).await;
        let (objects, version) = match found {
            Ok((objects, version)) => (Ok(objects), Some(version)),
            Err(obstacle) => (Err(obstacle), None),
        };
        // Nobody listens any more where this fails, which `keep` sees.
        let _ = self.tell.send(News::All(self.list, objects));
        version
    }

    async fn watch(&self, version: String) -> Option<String> {
        let each = &mut |change: Change| {
            let (Change::Set(object) | Change::Gone(object)) = &change;
            if self.places.wants(object) {
                let _ = self.tell.send(News::One(self.list, change));
            }
        };
        match self.cluster.watch(&self.wide, &version, each).await {
            Ok(End::At(version)) => Some(version),
            Ok(End::Forgotten) => None,
            Err(obstacle) => {
                tracing::warn!("{obstacle}");
                sleep(AGAIN).await;
                Some(version)
            }
        }
    }
}
