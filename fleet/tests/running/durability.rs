//! What was answered is on disk: after power cuts, after restarts, whole and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use agnt_fleet::agent::NUMERIC_ID_MIN;
use agnt_fleet::{EventKind, Fleet, IdempotencyKey, KeyUse, Mutation};
use agnt_store::faults::{Faults, FaultyFile, Survivors};
use proptest::prelude::*;

use super::rig::{Rig, do_it, id, number_of, publication, registration, template};

/// Each step of a plain model.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u64),
    Remove(u8),
    Publish(u64),
    Key(u8, Vec<u8>),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8, any::<u64>()).prop_map(|(name, number)| Step::Put(name, number)),
        2 => (0..6_u8).prop_map(Step::Remove),
        3 => any::<u64>().prop_map(Step::Publish),
        1 => (0..3_u8, prop::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(name, bytes)| Step::Key(name, bytes)),
        1 => Just(Step::Restart),
    ]
}

#[derive(Debug, Default)]
struct Model {
    templates: BTreeMap<String, u64>,
    published: Vec<u64>,
    keys: BTreeMap<String, Vec<u8>>,
}

impl Model {
    fn check(&self, fleet: &Fleet) {
        let page = fleet.events(None, 0, 1000).unwrap();
        let published = page.events.iter().map(|event| match &event.kind {
            EventKind::Publication { data, .. } => data["number"].as_u64().unwrap(),
            other => panic!("{other:?}"),
        });
        assert_eq!(published.collect::<Vec<u64>>(), self.published);
        assert_eq!(fleet.head(), self.published.len() as u64);
        let tables = fleet.read();
        let templates = tables.templates.iter().map(|it| {
            let number = it.content["number"].as_u64().unwrap();
            (it.id.to_string(), number)
        });
        assert_eq!(templates.collect::<BTreeMap<_, _>>(), self.templates);
        let keys = tables.keys.iter();
        let keys = keys.map(|(id, bytes)| (id.to_string(), bytes.to_vec()));
        assert_eq!(keys.collect::<BTreeMap<_, _>>(), self.keys);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn restarts_change_nothing(steps in prop::collection::vec(step(), 0..60)) {
        let rig = Rig::new();
        let (file, faults) = FaultyFile::in_memory();
        let mut fleet = rig.open_on(file);
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Put(name, number) => {
                    let name = format!("t{name}");
                    do_it(&fleet, template(&name, number));
                    model.templates.insert(name, number);
                }
                Step::Remove(name) => {
                    let name = format!("t{name}");
                    let remove = Mutation::RemoveTemplate { id: id(&name) };
                    let removed = fleet.execute_blocking(remove, None).is_ok();
                    prop_assert_eq!(removed, model.templates.remove(&name).is_some());
                }
                Step::Publish(number) => {
                    do_it(&fleet, publication("mine", number));
                    model.published.push(number);
                }
                Step::Key(name, bytes) => {
                    let name = format!("k{name}");
                    let key = Mutation::PutKey { id: id(&name), bytes: bytes.clone() };
                    do_it(&fleet, key);
                    model.keys.insert(name, bytes);
                }
                Step::Restart => {
                    fleet.close().unwrap();
                    fleet = rig.open_on(faults.restart());
                }
            }
            model.check(&fleet);
        }
    }
}

const SUBMITTERS: usize = 4;

fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey {
        given_with: KeyUse::Request,
        principal: "tester".to_owned(),
        key: name.to_owned(),
        fingerprint: [7; 32],
    }
}

/// Registers agents until the power goes; says which were acknowledged, and which one was not.
fn register_until_the_end(
    fleet: &Fleet,
    faults: &Faults,
    prefix: &str,
    acknowledged: &Mutex<BTreeSet<String>>,
) -> Option<String> {
    for number in 0..1000 {
        let name = format!("{prefix}-{number}");
        let syncs = faults.syncs();
        let done = fleet.execute_blocking(registration(&name), Some(key(&name)));
        if done.is_err() {
            return Some(name);
        }
        assert!(faults.syncs() > syncs, "answered before it was synced");
        acknowledged.lock().unwrap().insert(name);
    }
    None
}

/// Agents by the events that told of them; each is there whole, or not at all.
fn registered(fleet: &Fleet) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    let (mut after, mut expected) = (0, 1);
    loop {
        let page = fleet.events(None, after, 500).unwrap();
        assert_eq!(page.gap, None);
        for event in &page.events {
            assert_eq!(event.sequence, expected);
            expected += 1;
            let EventKind::AgentRegistered {
                agent_id,
                numeric_id,
                ..
            } = &event.kind
            else {
                panic!("{event:?}");
            };
            assert_eq!(*numeric_id, NUMERIC_ID_MIN + told.len() as u32);
            assert!(told.insert(agent_id.to_string()));
        }
        after = page.next_after;
        if after == page.head {
            break;
        }
    }
    let tables = fleet.read();
    let rows = tables.agents.iter().map(|agent| agent.id.to_string());
    assert_eq!(rows.collect::<BTreeSet<_>>(), told);
    told
}

#[test]
fn power_cuts_take_nothing_that_was_acknowledged() {
    let rig = Rig::new();
    let (mut file, faults) = FaultyFile::in_memory();
    let mut random = fastrand::Rng::with_seed(4);
    let acknowledged = Mutex::new(BTreeSet::new());
    for cut in 0..100 {
        let fleet = rig.open_on(file);
        let survivors = match random.u8(0..4) {
            0 => Survivors::None,
            _ => Survivors::Random {
                seed: random.u64(..),
            },
        };
        faults.cut_power_after(random.u64(0..150), survivors);
        let unanswered: Vec<Option<String>> = std::thread::scope(|scope| {
            let submitters: Vec<_> = (0..SUBMITTERS)
                .map(|submitter| {
                    let (fleet, faults, acknowledged) = (&fleet, &faults, &acknowledged);
                    let prefix = format!("c{cut}-{submitter}");
                    scope
                        .spawn(move || register_until_the_end(fleet, faults, &prefix, acknowledged))
                })
                .collect();
            submitters
                .into_iter()
                .map(|submitter| submitter.join().unwrap())
                .collect()
        });
        drop(fleet);
        assert_eq!(faults.cuts(), cut + 1);
        let fleet = rig.open_on(faults.restart());
        let there = registered(&fleet);
        let mut acknowledged = acknowledged.lock().unwrap();
        assert!(acknowledged.is_subset(&there), "cut {cut}");
        let extra: Vec<&String> = there.difference(&acknowledged).collect();
        let unanswered: Vec<String> = unanswered.into_iter().flatten().collect();
        assert!(
            extra.iter().all(|name| unanswered.contains(name)),
            "cut {cut}"
        );
        // Asking again under the same key finds out what became of it, and does it at most once.
        for name in unanswered {
            let done = fleet.execute_blocking(registration(&name), Some(key(&name)));
            assert_eq!(done.unwrap().is_replay, there.contains(&name), "cut {cut}");
            acknowledged.insert(name);
        }
        assert_eq!(registered(&fleet), *acknowledged);
        fleet.close().unwrap();
        file = faults.restart();
    }
    assert!(acknowledged.lock().unwrap().len() > 400);
}

#[test]
fn relaxed_answers_come_before_the_sync_and_a_cut_takes_the_newest_only() {
    let mut rig = Rig::new();
    rig.settings.store.sync = agnt_store::Sync::Relaxed {
        relaxed_sync_ms: 600_000,
    };
    for closes in [true, false] {
        let (file, faults) = FaultyFile::in_memory();
        let fleet = rig.open_on(file);
        let syncs = faults.syncs();
        for number in 0..200 {
            do_it(&fleet, template("t", number));
            do_it(&fleet, publication("mine", number));
        }
        assert_eq!(faults.syncs(), syncs);
        if closes {
            fleet.close().unwrap();
            faults.cut_power(Survivors::None).unwrap();
        } else {
            faults.cut_power(Survivors::Random { seed: 1 }).unwrap();
            drop(fleet);
        }
        let fleet = rig.open_on(faults.restart());
        let (head, number) = (fleet.head(), number_of(&fleet, "t"));
        match closes {
            true => assert_eq!((head, number), (200, Some(199))),
            // A row, then its event: a prefix of what was done, wherever it ends.
            false => assert!(number.map_or(0, |it| it + 1) - head <= 1),
        }
    }
}

#[test]
fn relaxed_commits_reach_the_disk_though_nothing_follows() {
    let mut rig = Rig::new();
    rig.settings.store.sync = agnt_store::Sync::Relaxed {
        relaxed_sync_ms: 20,
    };
    // The clock's other work is far away.
    rig.settings.tick_ms = 600_000;
    let (file, faults) = FaultyFile::in_memory();
    let fleet = rig.open_on(file);
    for _ in 0..3 {
        let syncs = faults.syncs();
        do_it(&fleet, publication("mine", 0));
        do_it(&fleet, publication("mine", 0));
        while faults.syncs() == syncs {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_backup_is_a_fleet_of_its_own() {
    let rig = Rig::new();
    let fleet = rig.open();
    for number in 0..50 {
        do_it(&fleet, registration(&format!("a{number}")));
    }
    let copy = rig.path().with_file_name("copy.agnt");
    assert!(fleet.backup(&copy).unwrap() > 0);
    do_it(&fleet, registration("later"));
    assert!(fleet.backup(&copy).is_err(), "it is never written over");
    let clock = rig.clock.reader();
    let restored = Fleet::open(&copy, &rig.settings, std::sync::Arc::new(()), clock).unwrap();
    assert_eq!(registered(&restored).len(), 50);
    assert_eq!(registered(&fleet).len(), 51);
}
