//! Silence: agents that nothing is heard of are offline.

use super::agents;
use crate::agent::AgentStatus;
use crate::core::{Core, Presence};

/// How many agents are looked at in one tick; the rest is in the next.
const LOOKS_MAX: usize = 10_000;

/// Looks at the agents that could have been silent for too long by now.
pub(super) fn tick(core: &mut Core, presence: &dyn Presence) {
    let now = core.now();
    let silence_ms = core.settings.agent_silence_ms;
    for _ in 0..LOOKS_MAX {
        let Some((ordinal, since)) = core.schedule.patrol.first(now) else {
            return;
        };
        let Some(agent) = core.tables.agents.at(ordinal) else {
            return;
        };
        let id = agent.id.clone();
        if presence.is_attached(&id) {
            let look_at = now.plus_ms(silence_ms);
            core.schedule.patrol.look_again(ordinal, look_at);
            continue;
        }
        let heard = presence
            .last_heard(&id)
            .map_or(since, |heard| heard.max(since));
        let silent_at = heard.plus_ms(silence_ms);
        if silent_at > now {
            core.schedule.patrol.look_again(ordinal, silent_at);
            continue;
        }
        let reason = format!("no heartbeat for {} s", silence_ms as f64 / 1000.0);
        // It is there: it was looked up above.
        agents::set_status(core, &id, AgentStatus::Offline, &reason).ok();
    }
}

/// After a start nobody is silent yet (ruling 59).
pub(super) fn resume(core: &mut Core) {
    let now = core.now();
    core.schedule.patrol.begin_anew(now);
}
