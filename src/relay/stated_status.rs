//! The status that an agent has in the registry while its state on the screen is this one.

use agnt_codec::StateCode;
use agnt_fleet::agent::AgentStatus;

/// The status that a state means. A state that is the application's own, and `PAUSED`, mean none:
/// whatever the registry says is as true as before.
pub const fn status_of_state(state: StateCode) -> Option<AgentStatus> {
    Some(match state {
        StateCode::IDLE => AgentStatus::Idle,
        StateCode::BUSY => AgentStatus::Busy,
        StateCode::ERROR => AgentStatus::Error,
        StateCode::OFFLINE => AgentStatus::Offline,
        StateCode::STARTING => AgentStatus::Starting,
        StateCode::STOPPING => AgentStatus::Stopping,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_one_state_and_the_others_mean_none() {
        let meant: Vec<_> = (0..=255)
            .filter_map(|code| status_of_state(StateCode(code)))
            .collect();
        assert_eq!(meant.len(), AgentStatus::ALL.len());
        for status in AgentStatus::ALL {
            assert!(meant.contains(&status), "{status:?}");
        }
    }
}
