//! One thread writes: it takes all that waits in one commit, keeps bounds, tells the outlet first and
//! answers each once, whatever becomes of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use agnt_fleet::tables::RowChange;
use agnt_fleet::{Done, Event, Fleet, Outlet, Refusal, RefusalKind};
use serde_json::{Value, json};

use super::rig::{Heard, Rig, do_it, id, number_of, publication, template};
use agnt_fleet::Mutation;

/// An outlet that holds the writer up while it is shut.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<(bool, u64)>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, is_shut: bool) {
        self.state.lock().unwrap().0 = is_shut;
        self.changed.notify_all();
    }

    /// Waits until the writer has come here so often.
    fn await_visits(&self, visits: u64) {
        let state = self.state.lock().unwrap();
        let too_few = |state: &mut (bool, u64)| state.1 < visits;
        drop(self.changed.wait_while(state, too_few).unwrap());
    }
}

impl Outlet for Gate {
    fn committed(&self, _: &[Arc<Event>], _: &[RowChange]) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| state.0).unwrap());
    }
}

fn submit(fleet: &Fleet, mutation: Mutation) -> Receiver<Result<Done, Refusal>> {
    let (answer, answered) = sync_channel(1);
    fleet
        .submit(mutation, None, move |result| answer.send(result).unwrap())
        .unwrap();
    answered
}

#[test]
fn what_comes_during_a_commit_shares_the_next_one() {
    let rig = Rig::new();
    let gate = Arc::new(Gate::default());
    let fleet = rig.open_with(gate.clone());
    gate.set(true);
    let first = submit(&fleet, template("first", 1));
    gate.await_visits(1);
    let rest: Vec<_> = (0..500)
        .map(|number| submit(&fleet, template(&format!("t{number}"), number)))
        .collect();
    assert!(first.try_recv().is_err(), "the outlet hears first");
    let before = fleet.stats();
    assert_eq!((before.commits, before.queue_len), (1, 500));
    assert!(before.queue_bytes > 500 * 100);
    gate.set(false);
    assert!(first.recv().unwrap().is_ok());
    for answer in &rest {
        assert!(answer.recv().unwrap().is_ok());
    }
    let after = fleet.stats();
    assert_eq!((after.commits, after.committed), (2, 501));
    assert_eq!((after.batch_len_max, after.queue_len), (500, 0));
    assert_eq!((after.queue_bytes, after.mutations), (0, 501));
}

/// An outlet for which each commit takes a while, as it does on a disk that syncs slowly.
#[derive(Debug)]
struct Slow(Arc<Heard>);

impl Outlet for Slow {
    fn committed(&self, events: &[Arc<Event>], changes: &[RowChange]) {
        std::thread::sleep(Duration::from_millis(5));
        self.0.committed(events, changes);
    }
}

#[test]
fn many_submitters_need_few_syncs() {
    let rig = Rig::new();
    let fleet = rig.open_with(Arc::new(Slow(Arc::clone(&rig.heard))));
    std::thread::scope(|scope| {
        for submitter in 0..64 {
            let fleet = &fleet;
            scope.spawn(move || {
                for number in 0..20 {
                    do_it(fleet, publication(&format!("from.s{submitter}"), number));
                }
            });
        }
    });
    let stats = fleet.stats();
    assert_eq!((stats.mutations, fleet.head()), (1280, 1280));
    let commits_per_mutation = stats.commits as f64 / 1280.0;
    assert!(commits_per_mutation < 0.5, "{commits_per_mutation}");
    let heard = rig.heard.events.lock().unwrap();
    let sequences: Vec<u64> = heard.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=1280).collect::<Vec<u64>>());
}

#[test]
fn a_full_queue_turns_away_at_once_and_has_room_again() {
    let mut rig = Rig::new();
    rig.settings.queue_len_max = 10;
    let gate = Arc::new(Gate::default());
    let fleet = rig.open_with(gate.clone());
    gate.set(true);
    let mut waiting = vec![submit(&fleet, template("t", 0))];
    gate.await_visits(1);
    waiting.extend((1..=10).map(|number| submit(&fleet, template("t", number))));
    for _ in 0..3 {
        let refusal = fleet.execute_blocking(template("t", 99), None).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Unavailable);
        assert_eq!(refusal.retry_after_s, Some(1));
    }
    gate.set(false);
    for answer in waiting {
        assert!(answer.recv().unwrap().is_ok());
    }
    assert_eq!(fleet.stats().turned_away, 3);
    assert_eq!(number_of(&fleet, "t"), Some(10));
    do_it(&fleet, template("t", 11));
}

#[test]
fn bytes_that_wait_are_bounded_too() {
    let mut rig = Rig::new();
    rig.settings.queue_bytes_max = 300_000;
    let gate = Arc::new(Gate::default());
    let fleet = rig.open_with(gate.clone());
    gate.set(true);
    let first = submit(&fleet, template("t", 0));
    gate.await_visits(1);
    let large = || Mutation::Publish {
        topic: "large".to_owned(),
        data: "x".repeat(100_000).into(),
        source: None,
    };
    let waiting = [submit(&fleet, large()), submit(&fleet, large())];
    let refusal = fleet.execute_blocking(large(), None).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Unavailable);
    gate.set(false);
    for answer in waiting.into_iter().chain([first]) {
        assert!(answer.recv().unwrap().is_ok());
    }
}

/// Refuses to live on once it is told so.
#[derive(Debug, Default)]
struct Fragile(AtomicBool);

impl Outlet for Fragile {
    fn committed(&self, _: &[Arc<Event>], _: &[RowChange]) {
        assert!(!self.0.load(Ordering::SeqCst), "this panic is the test's");
    }
}

#[test]
fn a_panic_answers_everybody_and_leaves_reads() {
    let rig = Rig::new();
    let outlet = Arc::new(Fragile::default());
    let fleet = rig.open_with(outlet.clone());
    do_it(&fleet, template("t", 1));
    assert!(fleet.is_alive());
    outlet.0.store(true, Ordering::SeqCst);
    let answers: Vec<_> = (0..100)
        .filter_map(|number| {
            let (answer, answered) = sync_channel(1);
            let sent = fleet.submit(template("t", number), None, move |result| {
                answer.send(result).unwrap();
            });
            sent.is_ok().then_some(answered)
        })
        .collect();
    assert!(!answers.is_empty());
    for answer in answers {
        let refusal = answer.recv().unwrap().unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Internal);
    }
    while fleet.is_alive() {
        std::thread::yield_now();
    }
    let refusal = fleet.execute_blocking(template("t", 2), None).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Unavailable);
    assert!(number_of(&fleet, "t").is_some());
    assert_eq!(fleet.events(None, 0, 10).unwrap().events, []);
}

#[test]
fn closing_finishes_what_waits() {
    let rig = Rig::new();
    let gate = Arc::new(Gate::default());
    let fleet = rig.open_with(gate.clone());
    let kept = fleet.clone();
    gate.set(true);
    let mut waiting = vec![submit(&fleet, template("t0", 0))];
    gate.await_visits(1);
    waiting.extend((1..100).map(|number| submit(&fleet, template(&format!("t{number}"), number))));
    let closing = std::thread::spawn(move || fleet.close().unwrap());
    while kept.submit(template("late", 0), None, |_| {}).is_ok() {
        std::thread::yield_now();
    }
    gate.set(false);
    closing.join().unwrap();
    for answer in waiting {
        assert!(answer.recv().unwrap().is_ok());
    }
    assert!(!kept.is_alive());
    drop(kept);
    let fleet = rig.open();
    assert!((0..100).all(|number| number_of(&fleet, &format!("t{number}")) == Some(number)));
}

#[test]
fn the_outlet_hears_each_row_once_as_it_is_now() {
    let rig = Rig::new();
    let fleet = rig.open();
    let done = do_it(&fleet, publication("a.b", 7));
    assert_eq!((done.sequence, done.is_replay), (1, false));
    do_it(&fleet, template("t", 1));
    do_it(&fleet, template("t", 2));
    let removed = do_it(&fleet, Mutation::RemoveTemplate { id: id("t") });
    assert_eq!(removed.sequence, 0);
    let changes = rig.heard.changes.lock().unwrap().concat();
    let [
        RowChange::Template(_, Some(first)),
        RowChange::Template(_, Some(second)),
        RowChange::Template(_, None),
    ] = &changes[..]
    else {
        panic!("{changes:?}");
    };
    assert_eq!(
        (&first.content["number"], &second.content["number"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(rig.heard.events.lock().unwrap().len(), 1);
}

#[test]
fn changes_of_one_batch_are_merged_by_row() {
    let rig = Rig::new();
    let gate = Arc::new(Counting::default());
    let fleet = rig.open_with(gate.clone());
    gate.gate.set(true);
    let first = submit(&fleet, template("other", 0));
    gate.gate.await_visits(1);
    let waiting: Vec<_> = (0..50)
        .map(|number| submit(&fleet, template("t", number)))
        .collect();
    gate.gate.set(false);
    for (number, answer) in (0..).zip(waiting) {
        let done = answer.recv().unwrap().unwrap();
        let agnt_fleet::Outcome::Template { template, is_new } = done.outcome else {
            panic!("{:?}", done.outcome);
        };
        assert_eq!(template.content["number"], json!(number));
        assert_eq!(is_new, number == 0);
    }
    assert!(first.recv().unwrap().is_ok());
    assert_eq!(*gate.changes.lock().unwrap(), [1, 1]);
    assert_eq!(number_of(&fleet, "t"), Some(49));
}

/// A gate that counts the changes of each commit.
#[derive(Debug, Default)]
struct Counting {
    gate: Gate,
    changes: Mutex<Vec<usize>>,
}

impl Outlet for Counting {
    fn committed(&self, events: &[Arc<Event>], changes: &[RowChange]) {
        self.changes.lock().unwrap().push(changes.len());
        self.gate.committed(events, changes);
    }
}

#[test]
fn refusals_change_nothing_and_cost_no_commit() {
    let rig = Rig::new();
    let fleet = rig.open();
    let unknown = Mutation::RemoveTemplate { id: id("t") };
    let refusal = fleet.execute_blocking(unknown, None).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    let deep = (0..65).fold(Value::Null, |inner, _| json!([inner]));
    let too_deep = Mutation::Publish {
        topic: "x".to_owned(),
        data: deep,
        source: None,
    };
    let refusal = fleet.execute_blocking(too_deep, None).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Invalid);
    let stats = fleet.stats();
    assert_eq!((stats.commits, stats.mutations, stats.refused), (0, 1, 1));
}

#[test]
fn the_future_is_woken_by_the_writer() {
    struct Flag(AtomicBool, std::thread::Thread);
    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
            self.1.unpark();
        }
    }
    let rig = Rig::new();
    let fleet = rig.open();
    let flag = Arc::new(Flag(AtomicBool::new(true), std::thread::current()));
    let waker = Waker::from(flag.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = std::pin::pin!(fleet.execute(template("t", 5), None));
    let done = loop {
        while !flag.0.swap(false, Ordering::SeqCst) {
            std::thread::park();
        }
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            break done;
        }
    };
    assert!(done.is_ok());
    assert_eq!(number_of(&fleet, "t"), Some(5));
}
