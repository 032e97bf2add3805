//! Health polls: agents that named a `health_check_url` are asked how they are (decision M32).
//!
//! An answer from 200 to 299 is a sign of life, like a heartbeat without figures, and brings an agent
//! back that was offline. Anything else, and no answer, says nothing: who is silent for too long
//! becomes offline by the fleet's own clock.

use std::sync::Arc;
use std::time::Duration;

use agnt_fleet::agent::AgentStatus;
use agnt_fleet::{Fleet, Id, Mutation};
use agnt_outbound::{Outbound, Target};
use tokio::sync::{Semaphore, watch};

/// How many agents are looked at under one hold of the tables.
const BITE: usize = 1024;

/// How many polls may be under way; the sender has a bound of its own.
const POLLS_MAX: usize = 64;

/// The polls; see the module.
#[derive(Clone, Debug)]
pub struct HealthPolls {
    /// Whose agents are asked.
    pub fleet: Fleet,
    /// Who asks them.
    pub outbound: Arc<Outbound>,
    /// How often, now and as it changes.
    pub settings: watch::Receiver<HealthSettings>,
}

/// When agents are asked.
#[derive(Clone, Copy, Debug)]
pub struct HealthSettings {
    /// How long from the beginning of one round to that of the next; none is never.
    pub every: Option<Duration>,
}

impl HealthPolls {
    /// Asks all agents that can be asked, again and again, for ever.
    pub async fn run(mut self) {
        let slots = Arc::new(Semaphore::new(POLLS_MAX));
        loop {
            let every = self.settings.borrow_and_update().every;
            if let Some(every) = every {
                // It counts from the beginning of the round.
                let pause = tokio::time::sleep(every);
                self.round(&slots).await;
                tokio::select! {
                    () = pause => {}
                    Ok(()) = self.settings.changed() => {}
                }
            } else if self.settings.changed().await.is_err() {
                // Nobody is left who could change it.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn round(&self, slots: &Arc<Semaphore>) {
        let mut next = 0;
        while let Some((due, after)) = self.bite(next) {
            next = after;
            for (agent, target) in due {
                // The semaphore is never closed.
                let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
                    return;
                };
                let (fleet, outbound) = (self.fleet.clone(), Arc::clone(&self.outbound));
                tokio::spawn(async move {
                    if let Ok(health) = outbound.poll(&target).await
                        && health.is_healthy()
                    {
                        heard(&fleet, agent);
                    }
                    drop(slot);
                });
            }
        }
    }

    /// Those to ask among the next agents from the ordinal `first` on, and where to go on.
    fn bite(&self, first: u32) -> Option<(Vec<(Id, Target)>, u32)> {
        let tables = self.fleet.read();
        let end = tables.agents.ordinal_next();
        if first >= end {
            return None;
        }
        let after = first.saturating_add(BITE as u32).min(end);
        let agents = (first..after).filter_map(|ordinal| tables.agents.at(ordinal));
        let asked = agents.filter_map(|agent| {
            let url = agent.health_check_url.as_deref()?;
            let target = self.outbound.judge(url).ok()?;
            Some((agent.id.clone(), target))
        });
        Some((asked.collect(), after))
    }
}

/// The agent answered.
fn heard(fleet: &Fleet, agent: Id) {
    fleet.presence().heard(&agent);
    let known = fleet.read().agents.find(agent.as_str()).cloned();
    let Some(known) = known.filter(|known| known.status == AgentStatus::Offline) else {
        return;
    };
    let status = match known.current_tasks {
        0 => AgentStatus::Idle,
        _ => AgentStatus::Busy,
    };
    let back = Mutation::SetAgentStatus {
        agent,
        status,
        reason: "its health check answers".to_owned(),
    };
    // If it can't be stored now, the next round tries again.
    let _ = fleet.submit(back, None, |_| {});
}
