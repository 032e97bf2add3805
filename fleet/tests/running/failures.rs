//! The disk is full or fails: askers are told, nothing is half done, reads go on, and when the disk is
//! well again so is the fleet.

use std::collections::BTreeSet;
use std::sync::Mutex;

use agnt_fleet::agent::AgentStatus;
use agnt_fleet::{Fleet, IdempotencyKey, KeyUse, Mutation, RefusalKind};
use agnt_store::faults::{Call, Fault, Faults, FaultyFile};

use super::rig::{Rig, do_it, id, number_of, publication, registration, template};

fn key() -> IdempotencyKey {
    IdempotencyKey {
        given_with: KeyUse::Request,
        principal: "p".to_owned(),
        key: "k".to_owned(),
        fingerprint: [1; 32],
    }
}

/// A fleet with a row and an event, on a disk that is still well.
fn begun(rig: &Rig) -> (Fleet, Faults) {
    let (file, faults) = FaultyFile::in_memory();
    let fleet = rig.open_on(file);
    do_it(&fleet, template("t", 1));
    do_it(&fleet, publication("mine", 1));
    (fleet, faults)
}

#[test]
fn while_the_disk_fails_changes_are_refused_and_reads_go_on() {
    let rig = Rig::new();
    for call in [Call::Write, Call::Sync] {
        for (fault, kind) in [
            (Fault::NoSpace, RefusalKind::NoSpace),
            (Fault::Io, RefusalKind::Unavailable),
        ] {
            let (fleet, faults) = begun(&rig);
            faults.fail_from(call, 0, fault);
            for _ in 0..3 {
                let refusal = fleet
                    .execute_blocking(template("t", 2), Some(key()))
                    .unwrap_err();
                assert_eq!((refusal.kind, refusal.retry_after_s), (kind, Some(1)));
                let refusal = fleet.execute_blocking(publication("mine", 2), None);
                assert_eq!(refusal.unwrap_err().kind, kind);
                // What changes nothing is answered as ever.
                let remove = Mutation::RemoveTemplate { id: id("none") };
                let refusal = fleet.execute_blocking(remove, None).unwrap_err();
                assert_eq!(refusal.kind, RefusalKind::NotFound);
                assert_eq!(number_of(&fleet, "t"), Some(1));
                let page = fleet.events(None, 0, 10).unwrap();
                assert_eq!((page.events.len(), page.head), (1, 1));
            }
            let stats = fleet.stats();
            assert_eq!((stats.commits, stats.commit_failures), (2, 6));
            let without_space = if fault == Fault::NoSpace { 6 } else { 0 };
            assert_eq!(stats.commits_without_space, without_space);
            assert!(fleet.is_alive());

            faults.heal();
            let done = fleet.execute_blocking(template("t", 3), Some(key()));
            assert!(!done.unwrap().is_replay, "the key was taken back, too");
            assert_eq!(do_it(&fleet, publication("mine", 3)).sequence, 2);
            fleet.close().unwrap();
            let fleet = rig.open_on(faults.restart());
            assert_eq!((number_of(&fleet, "t"), fleet.head()), (Some(3), 2));
        }
    }
}

#[test]
fn the_clocks_work_is_tried_again() {
    let rig = Rig::new();
    let (fleet, faults) = begun(&rig);
    do_it(&fleet, registration("a"));
    let status = || fleet.read().agents.find("a").unwrap().status;
    faults.fail_from(Call::Sync, 0, Fault::Io);
    rig.clock.advance_ms(100_000);
    assert!(fleet.execute_blocking(template("t", 2), None).is_err());
    assert_eq!(status(), AgentStatus::Idle);
    faults.heal();
    rig.clock.advance_ms(1000);
    do_it(&fleet, template("t", 2));
    assert_eq!(status(), AgentStatus::Offline);
}

#[test]
fn whatever_fails_when_the_answers_are_true() {
    let rig = Rig::new();
    let (file, faults) = FaultyFile::in_memory();
    let fleet = rig.open_on(file);
    let (taken, refused) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    // One comes for certain; all the others may come too late.
    faults.fail_once(Call::Sync, 5, Fault::Io);
    std::thread::scope(|scope| {
        for submitter in 0..4 {
            let (fleet, taken, refused) = (&fleet, &taken, &refused);
            scope.spawn(move || {
                for number in 0..150 {
                    let name = format!("s{submitter}-{number}");
                    let told = match fleet.execute_blocking(registration(&name), None) {
                        Ok(_) => taken,
                        Err(_) => refused,
                    };
                    told.lock().unwrap().insert(name);
                }
            });
        }
        let mut random = fastrand::Rng::with_seed(9);
        for _ in 0..40 {
            let calls = [Call::Write, Call::Sync, Call::SetLength, Call::Read];
            let call = calls[random.usize(0..calls.len())];
            let fault = [Fault::NoSpace, Fault::Io][random.usize(0..2)];
            faults.fail_once(call, random.u64(0..20), fault);
            let before = faults.calls();
            while faults.calls() < before + 20
                && taken.lock().unwrap().len() + refused.lock().unwrap().len() < 600
            {
                std::thread::yield_now();
            }
        }
        faults.heal();
    });
    let (taken, refused) = (taken.into_inner().unwrap(), refused.into_inner().unwrap());
    assert!(
        taken.len() > 100 && !refused.is_empty(),
        "{} {}",
        taken.len(),
        refused.len()
    );
    let agents = |fleet: &Fleet| {
        let tables = fleet.read();
        let names = tables.agents.iter().map(|agent| agent.id.to_string());
        names.collect::<BTreeSet<_>>()
    };
    assert_eq!(agents(&fleet), taken);
    assert_eq!(fleet.head(), taken.len() as u64);
    do_it(&fleet, template("t", 1));
    drop(fleet);
    let fleet = rig.open_on(faults.restart());
    assert_eq!(agents(&fleet), taken);
    assert_eq!(fleet.head(), taken.len() as u64);
}
