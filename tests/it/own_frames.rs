//! Proves that a connection never gets back what it sent itself, of any type, while it goes on
//! receiving what others send.

use crate::support::server::TestServer;
use crate::support::swarm::{next_tick, state_tick};
use crate::support::wire::{self, MORE, Record};
use crate::support::ws::Client;

/// A session that receives and publishes, and a viewer beside it.
fn both_and_viewer(server: &TestServer) -> (Client, Client) {
    let mut viewer = server.viewer("main");
    let mut both = server.connect("protocols=binary");
    state_tick(&mut viewer);
    state_tick(&mut both);
    (both, viewer)
}

#[test]
fn positions_do_not_come_back() {
    let server = TestServer::start();
    let (mut both, mut viewer) = both_and_viewer(&server);
    let mut other = server.publisher("main");
    for count in 0..200 {
        let (own, foreign) = (Record::counted(1, count), Record::counted(2, count));
        let (first, last) = (wire::positions(MORE, &[own]), wire::positions(0, &[own]));
        both.send_binary(&[first, last].concat());
        assert_eq!(next_tick(&mut viewer).records, [own, own]);
        other.send_binary(&wire::positions(0, &[foreign]));
        assert_eq!(next_tick(&mut viewer).records, [foreign]);
        assert_eq!(
            next_tick(&mut both).records,
            [foreign],
            "its own are left out"
        );
    }
    assert_eq!(both.settle(), []);
}

#[test]
fn states_metrics_and_coordination_do_not_come_back() {
    let server = TestServer::start();
    let (mut both, mut viewer) = both_and_viewer(&server);
    for frame in [
        wire::states(&[(1, 3)]),
        wire::metrics(1, 9),
        wire::coordination(5),
    ] {
        both.send_binary(&frame);
        assert_eq!(viewer.binary(), frame);
    }
    assert_eq!(both.settle(), []);
    let foreign = wire::states(&[(2, 4)]);
    server.publisher("main").send_binary(&foreign);
    assert_eq!(both.binary(), foreign);
}
