//! A session's renewal: it goes on by another token, and with no more than that one allows. What only
//! the old one allowed ends with it, and the client is told.

use agnt_fleet::{Refusal, RefusalKind, Timestamp};
use serde_json::{Value, json};

use super::introduction::text_of;
use super::replies;
use super::session::AgentSession;
use super::shape::Said;
use crate::dialect::{Turn, Wish};
use crate::domain::time;
use crate::guard::Message;

impl AgentSession {
    /// `{"token"}`: the session goes on by that one.
    pub(super) fn renew(&mut self, said: &Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let token = text_of(&said.fields, "token");
        let payload = said.fields.get("payload").and_then(Value::as_object);
        let token = token.or_else(|| text_of(payload?, "token"));
        let missing = || Refusal::invalid("token", "is missing; a new token is needed");
        let token = token.ok_or_else(missing)?;
        let renewed = self.badge.renew(token, time::unix_s(), |_| Ok(()));
        renewed.map_err(|error| Refusal::new(RefusalKind::Unauthenticated, error.to_string()))?;
        let ends_at = self.badge.ends_at_s().map(|ends_at_s| {
            Timestamp::from_micros(ends_at_s.saturating_mul(1_000_000)).to_string()
        });
        let told = json!({ "expires_at": ends_at });
        let text = replies::reply(self.speech(), said.id.as_deref(), "renewed", told);
        turn.wishes.push(Wish::Text(text));
        self.keep_to_credentials(turn);
        Ok(())
    }

    /// Ends what the session has and may have no more.
    fn keep_to_credentials(&mut self, turn: &mut Turn<'_>) {
        if let Err(refusal) = self.permits(Message::Subscribe) {
            self.end_subscriptions(&refusal, turn);
        }
        let Some(agent) = self.introduction.agent.clone() else {
            return;
        };
        if let Err(refusal) = self.may_act_as(&agent) {
            self.stop_acting();
            self.introduction.agent = None;
            let refusal = refusal.with("agent_id", agent.as_str());
            self.refuse(&refusal, None, turn);
        }
    }

    fn end_subscriptions(&mut self, refusal: &Refusal, turn: &mut Turn<'_>) {
        self.replays.clear();
        let switchboard = self.office.relay.switchboard();
        let Some(listener) = self.listener else {
            return;
        };
        let (ended, standing) = switchboard.unsubscribe_all(listener);
        self.forget_ended(standing);
        for name in ended {
            let told = json!({ "subscription_id": name, "reason": refusal.message });
            let text = replies::reply(self.speech(), Some(&name), "unsubscribed", told);
            turn.wishes.push(Wish::Text(text));
        }
    }
}
