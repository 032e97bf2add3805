//! What a loop looks after ten times a second: heartbeats, deadlines, stalled viewers, gauges.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::connection::{Connection, Phase};
use super::leaving::Leaving;
use super::turn::EventLoop;
use super::view::CatchingUp;
use crate::dialect::SessionRole;
use crate::domain::{DisconnectReason, Room, time};
use crate::engine::Lane;
use crate::net::ws::OpCode;
use crate::telemetry::Role;

/// How often deadlines and heartbeats are looked at.
pub(super) const PATROL_EVERY: Duration = Duration::from_millis(100);

/// Who holds more than this while there is no memory is sent away: a frame that is on its way in, whole, and
/// as much on its way out, is nobody's fault.
const HELD_BYTES_MAX: usize = 128 << 10;

/// Sessions of this loop by role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct RoleCounts {
    viewers: i64,
    publishers: i64,
    both: i64,
    /// Those of them that took nothing for longer than viewers may be behind.
    stalled: i64,
}

/// Bytes that this loop holds, as last told to the gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HeldBytes {
    outboxes: i64,
    logs: i64,
    events: i64,
}

/// What is remembered of a loop's last patrol.
#[derive(Debug)]
pub(super) struct LastPatrol {
    at: Instant,
    credentials_seen_at: Instant,
    roles: RoleCounts,
    held: HeldBytes,
}

impl LastPatrol {
    pub(super) fn new(at: Instant) -> Self {
        Self {
            at,
            credentials_seen_at: at,
            roles: RoleCounts::default(),
            held: HeldBytes::default(),
        }
    }
}

/// What a connection needs.
enum Need {
    Nothing,
    Ping,
    Close(DisconnectReason, &'static str),
    Forget,
}

/// How often it is asked whether what sessions came in by holds still. A session whose credentials
/// end is closed within a second (ruling 65), so this and the patrol's own pace stay below.
const CREDENTIALS_EVERY: Duration = Duration::from_millis(500);

impl EventLoop {
    pub(super) fn patrol(&mut self, now: Instant) {
        self.send_away_due(now);
        self.leave_standstill_out(now);
        let looks_at_credentials = now
            .saturating_duration_since(self.last_patrol.credentials_seen_at)
            >= CREDENTIALS_EVERY;
        let unix_s = time::unix_s();
        if looks_at_credentials {
            self.last_patrol.credentials_seen_at = now;
        }
        let tokens: Vec<usize> = self.connections.iter().map(|(token, _)| token).collect();
        let is_scarce = self.settings.room.now() == Room::None;
        let mut roles = RoleCounts::default();
        let mut held = HeldBytes {
            outboxes: 0,
            logs: self.lane_bytes(Lane::is_lossy) as i64,
            events: self.lane_bytes(|lane| !lane.is_lossy()) as i64,
        };
        for token in tokens {
            let Some(connection) = self.connections.get_mut(token) else {
                continue;
            };
            roles.count(connection.session.role());
            held.outboxes += (connection.outbox.len_bytes() + connection.partial.len()) as i64;
            connection.reader.shrink();
            if let Some(since) = connection.blocked_since
                && now.saturating_duration_since(since) > self.settings.staleness_max
            {
                let_go(connection);
                roles.stalled += 1;
            }
            if looks_at_credentials && !connection.session.may_stay(unix_s) {
                let text = "the credentials of this session are good no more";
                self.close(token, DisconnectReason::CredentialsEnded, text, now);
                continue;
            }
            let need = match need(connection, self.settings.heartbeat, now) {
                Need::Nothing if is_scarce && connection.held_bytes() > HELD_BYTES_MAX => {
                    let text = "the server has no memory for what waits here";
                    Need::Close(DisconnectReason::NoMemory, text)
                }
                need => need,
            };
            match need {
                Need::Nothing => {}
                Need::Ping => self.ping(token, now),
                Need::Close(reason, text) => self.close(token, reason, text, now),
                Need::Forget => self.forget(token, now),
            }
        }
        for audience in self.audience_slots() {
            self.trim(audience, now);
        }
        self.show(roles, held);
    }

    /// Where the loop itself stood still, that time is not one in which peers were silent: nobody
    /// asked them, and what they sent waits.
    fn leave_standstill_out(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.last_patrol.at);
        self.last_patrol.at = now;
        let late = passed.saturating_sub(PATROL_EVERY);
        if late <= self.settings.heartbeat / 2 {
            return;
        }
        for (_, connection) in &mut self.connections {
            connection.heard_at = now.min(connection.heard_at + late);
            if let Some(since) = &mut connection.blocked_since {
                *since = now.min(*since + late);
            }
        }
    }

    /// Begins to close every connection, in an order of chance and over `window`.
    pub(super) fn drain(&mut self, window: Duration, now: Instant) {
        let tokens = self.connections.iter().map(|(token, _)| token).collect();
        self.leaving = Some(Leaving::new(tokens, window, now));
        self.send_away_due(now);
    }

    /// Closes the connections whose time has come.
    fn send_away_due(&mut self, now: Instant) {
        while let Some(token) = self.leaving.as_mut().and_then(|it| it.next_due(now)) {
            self.send_away(token, now);
        }
    }

    /// Closes the connections whose time had not come before the server ends.
    pub(super) fn send_all_away(&mut self, now: Instant) {
        if self.leaving.is_none() {
            self.drain(Duration::ZERO, now);
        }
        let tokens: Vec<usize> = self.connections.iter().map(|(token, _)| token).collect();
        for token in tokens {
            self.send_away(token, now);
        }
    }

    /// Closes a connection and tells its peer when to come back.
    pub(super) fn send_away(&mut self, token: usize, now: Instant) {
        let Some(leaving) = &self.leaving else {
            return;
        };
        let reconnect_ms = leaving.back_in(now, fastrand::f64()).as_millis();
        let text = format!(r#"{{"reconnect_ms":{reconnect_ms}}}"#);
        self.close(token, DisconnectReason::GoingAway, &text, now);
    }

    /// Puts a ping into the outbox.
    pub(super) fn ping(&mut self, token: usize, now: Instant) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        connection.pinged_at = now;
        if connection.enqueue(OpCode::Ping, &[]).is_ok() {
            self.queue_write(token);
        }
    }

    fn show(&mut self, roles: RoleCounts, held: HeldBytes) {
        let before = std::mem::replace(&mut self.last_patrol.roles, roles);
        for (role, change) in [
            (Role::Viewer, roles.viewers - before.viewers),
            (Role::Publisher, roles.publishers - before.publishers),
            (Role::Both, roles.both - before.both),
        ] {
            if change != 0 {
                self.metrics().sessions.add(role, change);
            }
        }
        self.metrics()
            .viewers_stalled
            .add(roles.stalled - before.stalled);
        let before = std::mem::replace(&mut self.last_patrol.held, held);
        self.tally.outbox_bytes += held.outboxes - before.outboxes;
        self.tally.log_bytes += held.logs - before.logs;
        self.tally.events_bytes += held.events - before.events;
    }
}

impl RoleCounts {
    fn count(&mut self, role: SessionRole) {
        match role {
            SessionRole::Unknown => {}
            SessionRole::Viewer => self.viewers += 1,
            SessionRole::Publisher => self.publishers += 1,
            SessionRole::Both => self.both += 1,
        }
    }
}

/// A viewer that has taken nothing for a while holds on to nothing that is shared: what is left
/// of a half-sent message is copied out, and it will begin with a new state tick.
fn let_go(connection: &mut Connection) {
    if let Some(view) = connection.view.as_deref_mut() {
        if matches!(view.catching_up, CatchingUp::With(_)) {
            view.fall_behind();
        }
        if !connection.partial.is_empty() && !view.has_let_go {
            connection.partial = Bytes::copy_from_slice(&connection.partial);
        }
        view.has_let_go = true;
    }
}

fn need(connection: &Connection, heartbeat: Duration, now: Instant) -> Need {
    let since = |at: Instant| now.saturating_duration_since(at);
    if let Phase::Closing { until, .. } = connection.phase {
        return if now >= until {
            Need::Forget
        } else {
            Need::Nothing
        };
    }
    if connection
        .session
        .handshake_due()
        .is_some_and(|due| now >= due)
    {
        let reason = connection.session.lateness();
        return Need::Close(
            reason,
            match reason {
                DisconnectReason::CredentialsEnded => "no credentials within handshake_ms",
                _ => "no handshake within handshake_ms",
            },
        );
    }
    // Two and a half heartbeats without a word, or without taking a byte.
    let life = heartbeat * 5 / 2;
    if since(connection.heard_at) > life {
        return Need::Close(DisconnectReason::NoLife, "nothing heard for 2.5 heartbeats");
    }
    if connection.blocked_since.is_some_and(|at| since(at) > life) {
        return Need::Close(
            DisconnectReason::TooSlow,
            "nothing taken for 2.5 heartbeats",
        );
    }
    if since(connection.heard_at) >= heartbeat && since(connection.pinged_at) >= heartbeat {
        return Need::Ping;
    }
    Need::Nothing
}
