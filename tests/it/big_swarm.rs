//! Proves that a swarm far larger than one frame stays whole: 20,000 agents in ticks of nine
//! frames to two viewers, and every tick complete and in order.

use crate::support::server::TestServer;
use crate::support::swarm::{next_tick, state_tick};
use crate::support::wire::Record;

const AGENTS: u32 = 20_000;
const TICKS: u32 = 30;

fn swarm(count: u32) -> Vec<Record> {
    (0..AGENTS).map(|id| Record::counted(id, count)).collect()
}

#[test]
fn every_tick_of_twenty_thousand_agents_is_complete() {
    let server = TestServer::with(|config| config.staleness_max_ms = 60_000);
    let mut viewers = [server.viewer("main"), server.viewer("main")];
    for viewer in &mut viewers {
        assert_eq!(state_tick(viewer), []);
    }
    std::thread::scope(|threads| {
        for viewer in &mut viewers {
            threads.spawn(|| {
                for count in 1..=TICKS {
                    let tick = next_tick(viewer);
                    assert_eq!((tick.frames, tick.is_state), (9, false));
                    assert!(
                        tick.records == swarm(count),
                        "tick {count} is whole and in order"
                    );
                }
            });
        }
        let mut publisher = server.publisher("main");
        for count in 1..=TICKS {
            publisher.send_tick(&swarm(count));
        }
        publisher.settle();
    });
    let mut state = state_tick(&mut server.viewer("main"));
    state.sort_unstable_by_key(|record| record.id);
    assert!(state == swarm(TICKS), "a viewer that joins has all of it");
    assert_eq!(
        server.metric("agnt_conflations_total").to_bits(),
        0.0f64.to_bits()
    );
}
