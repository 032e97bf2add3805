//! What each operation does: reads are answered at once, writes become mutations.

mod agents;
mod callbacks;
mod commands;
pub(crate) mod events;
mod metrics;
pub(crate) mod outcomes;
mod reach;
mod tasks;
mod templates;
pub(crate) mod waits;
mod workflows;

use std::borrow::Cow;

use agnt_fleet::{Mutation, Refusal, RefusalKind};
use http::{StatusCode, header};
use sha2::{Digest, Sha256};

use crate::dialect::Dialect;
use crate::error::refuse;
use crate::fleet_view::FleetView;
use crate::limits::{IDEMPOTENCY_KEY_BYTES_MAX, PAGE_BYTES_MAX};
use crate::list::ListView;
use crate::request::ApiRequest;
use crate::response::ApiResponse;
use crate::routes::{self, Destination, Detour, Operation};
use crate::step::{AfterMutation, Idempotency, Show, Step};

/// A request at its destination.
pub(crate) struct Call<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) parameters: &'a [Cow<'a, str>; 2],
    pub(crate) request: &'a ApiRequest<'a>,
    pub(crate) fleet: &'a dyn FleetView,
}

type Doing = Result<Step, Refusal>;

/// Does what a request asks for, wherever it goes.
pub fn answer(request: &ApiRequest<'_>, fleet: &dyn FleetView) -> Step {
    match routes::find(request.method, request.path) {
        Ok(destination) => begin(&destination, request, fleet),
        Err(detour) => Step::Answer(detour.answer(request)),
    }
}

/// Begins what is to be done for a request whose destination is known.
pub fn begin(
    destination: &Destination<'_>,
    request: &ApiRequest<'_>,
    fleet: &dyn FleetView,
) -> Step {
    let call = Call {
        dialect: destination.dialect,
        parameters: &destination.parameters,
        request,
        fleet,
    };
    if let Err(refusal) = call.check_reach(destination.route.concern) {
        return Step::Answer(refuse(&request.manner(), &refusal));
    }
    let step = match destination.route.operation {
        Operation::ListAgents => agents::list(&call),
        Operation::RegisterAgent => agents::register(&call, call.dialect == Dialect::B),
        Operation::RefreshAgent => agents::register(&call, true),
        Operation::ShowAgent => agents::show(&call),
        Operation::UpdateAgent => agents::update(&call),
        Operation::RemoveAgent => agents::remove(&call),
        Operation::ShowAgentStatus => agents::show_status(&call),
        Operation::Heartbeat => agents::heartbeat(&call),
        Operation::SendCommand => commands::send(&call),
        Operation::ListCommands => commands::list(&call),
        Operation::ShowCommand => commands::show(&call),
        Operation::SendMessage => commands::send_message(&call),
        Operation::SendRequest => commands::send_request(&call),
        Operation::Respond => commands::respond(&call),
        Operation::ListTasks => tasks::list(&call),
        Operation::CreateTask => tasks::create(&call),
        Operation::ShowTask => tasks::show(&call),
        Operation::UpdateTask => tasks::update(&call),
        Operation::CancelTask => tasks::cancel(&call),
        Operation::ListWorkflows => workflows::list(&call),
        Operation::CreateWorkflow => workflows::create(&call),
        Operation::ShowWorkflow => workflows::show(&call),
        Operation::CancelWorkflow => workflows::cancel(&call),
        Operation::ListTemplates => templates::list(&call),
        Operation::ShowTemplate => templates::show(&call),
        Operation::PutTemplate => templates::put(&call),
        Operation::RemoveTemplate => templates::remove(&call),
        Operation::ReadEvents => events::read(&call),
        Operation::Publish => events::publish(&call),
        Operation::ShowStoredAnswer => callbacks::show(&call),
        Operation::StoreAnswer => callbacks::store(&call),
        Operation::ShowMetrics => metrics::show(&call),
    };
    step.unwrap_or_else(|refusal| Step::Answer(refuse(&request.manner(), &refusal)))
}

impl Call<'_> {
    /// An answer with a body.
    fn answer(&self, body: &impl serde::Serialize) -> Step {
        let answer = ApiResponse::json(StatusCode::OK, body);
        Step::Answer(answer.headed(self.request.is_head()))
    }

    /// A page of a list. What has more bytes than a page may have is asked for in smaller ones.
    fn list<V: serde::Serialize>(&self, page: &ListView<V>) -> Doing {
        let Some(answer) = ApiResponse::json_within(PAGE_BYTES_MAX, page) else {
            let rows = page.entries.len();
            let issue =
                format!("these {rows} have more than {PAGE_BYTES_MAX} bytes; ask for fewer");
            return Err(Refusal::invalid("limit", issue));
        };
        Ok(Step::Answer(answer.headed(self.request.is_head())))
    }

    /// A change is asked for.
    fn mutate(&self, mutation: Mutation, show: Show) -> Doing {
        Ok(Step::Mutate {
            mutation: Box::new(mutation),
            idempotency: self.idempotency()?,
            then: AfterMutation {
                manner: self.request.manner(),
                show,
            },
        })
    }

    /// Who asks.
    fn source(&self) -> Option<String> {
        self.request.principal.source()
    }

    /// The client's word that a second request like this one is the same.
    fn idempotency(&self) -> Result<Option<Idempotency>, Refusal> {
        let Some(key) = self.request.idempotency_key else {
            return Ok(None);
        };
        let is_key = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_key {
            let issue = format!(
                "{} bytes were given; 1 to {IDEMPOTENCY_KEY_BYTES_MAX} of visible ASCII are allowed",
                key.len()
            );
            return Err(Refusal::invalid("Idempotency-Key", issue));
        }
        let mut hash = Sha256::new();
        let request = self.request;
        for part in [
            request.method.as_str(),
            request.path,
            request.query.unwrap_or(""),
        ] {
            // No part holds this byte, so that no two requests look alike.
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update(request.body);
        Ok(Some(Idempotency {
            key: key.to_owned(),
            fingerprint: hash.finalize().into(),
        }))
    }
}

impl Detour {
    /// What is answered.
    pub fn answer(&self, request: &ApiRequest<'_>) -> ApiResponse {
        let manner = request.manner();
        match self {
            Self::Options(allow) => {
                ApiResponse::empty(StatusCode::NO_CONTENT).with(header::ALLOW, allow)
            }
            Self::OtherMethod(allow) => {
                let method = request.method;
                let message = format!("{method} is not allowed here; {allow} are");
                let refusal = Refusal::new(RefusalKind::MethodNotAllowed, message);
                refuse(&manner, &refusal).with(header::ALLOW, allow)
            }
            Self::Nowhere => refuse(&manner, &crate::list::absent("path", request.path)),
        }
    }
}
