//! The one table of routes: which method at which path is which operation, what it needs to be
//! allowed, and which statuses it answers with when all is well.
//!
//! Every path exists bare, under `/v1` and under `/api/v1` (ruling 57).

use std::borrow::Cow;
use std::sync::LazyLock;

use http::Method;
use matchit::Router;
use percent_encoding::percent_decode_str;

use crate::dialect::Dialect;

/// What is done at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named by its route")]
pub enum Operation {
    ListAgents,
    RegisterAgent,
    RefreshAgent,
    ShowAgent,
    UpdateAgent,
    RemoveAgent,
    ShowAgentStatus,
    Heartbeat,
    SendCommand,
    ListCommands,
    ShowCommand,
    SendMessage,
    SendRequest,
    Respond,
    ListTasks,
    CreateTask,
    ShowTask,
    UpdateTask,
    CancelTask,
    ListWorkflows,
    CreateWorkflow,
    ShowWorkflow,
    CancelWorkflow,
    ListTemplates,
    ShowTemplate,
    PutTemplate,
    RemoveTemplate,
    ReadEvents,
    Publish,
    ShowStoredAnswer,
    StoreAnswer,
    ShowMetrics,
}

/// Whom a request is about, so that credentials for some agents or streams keep to those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The registry as a whole, whichever stream.
    Registry,
    /// A list, of which everyone is shown what is theirs to see.
    Listing,
    /// The agent of the path, whoever asks.
    Agent,
    /// The agent of the path, which speaks for itself.
    OwnAgent,
    /// The agent that the body names, which speaks for itself.
    Registration,
    /// The agent that the command of the path was given to, which answers it.
    Answer,
    /// The task of the path, whoever asks.
    Task,
    /// The task of the path: its agent's own, unless planned by others.
    Work,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path behind the prefix, its parameters in braces.
    pub path: &'static str,
    /// What is done.
    pub operation: Operation,
    /// Scopes, each of which is enough.
    pub scopes: &'static [&'static str],
    /// Whom it is about.
    pub concern: Concern,
    /// The statuses of success.
    pub successes: &'static [u16],
}

const READ: &[&str] = &["read"];
const AGENTS: &[&str] = &["agents"];
const CONTROL: &[&str] = &["control"];
const TASKS: &[&str] = &["tasks"];
const WORK: &[&str] = &["agents", "tasks"];

const fn route(
    method: Method,
    path: &'static str,
    operation: Operation,
    scopes: &'static [&'static str],
    concern: Concern,
    successes: &'static [u16],
) -> Route {
    Route {
        method,
        path,
        operation,
        scopes,
        concern,
        successes,
    }
}

use Concern as Of;
use Operation as To;

/// The table.
#[rustfmt::skip]
pub static ROUTES: [Route; 32] = [
    route(Method::GET, "/agents", To::ListAgents, READ, Of::Listing, &[200]),
    route(Method::POST, "/agents", To::RegisterAgent, AGENTS, Of::Registration, &[201, 200]),
    route(Method::POST, "/agents/register", To::RefreshAgent, AGENTS, Of::Registration, &[201, 200]),
    route(Method::GET, "/agents/{agent_id}", To::ShowAgent, READ, Of::Agent, &[200]),
    route(Method::PUT, "/agents/{agent_id}", To::UpdateAgent, AGENTS, Of::OwnAgent, &[200]),
    route(Method::DELETE, "/agents/{agent_id}", To::RemoveAgent, AGENTS, Of::OwnAgent, &[204]),
    route(Method::GET, "/agents/{agent_id}/status", To::ShowAgentStatus, READ, Of::Agent, &[200]),
    route(Method::POST, "/agents/{agent_id}/heartbeat", To::Heartbeat, AGENTS, Of::OwnAgent, &[200]),
    route(Method::POST, "/agents/{agent_id}/commands", To::SendCommand, CONTROL, Of::Agent, &[202]),
    route(Method::GET, "/agents/{agent_id}/commands", To::ListCommands, READ, Of::Agent, &[200]),
    route(Method::GET, "/agents/{agent_id}/commands/{command_id}", To::ShowCommand, READ, Of::Agent, &[200]),
    route(Method::POST, "/agents/{agent_id}/message", To::SendMessage, CONTROL, Of::Agent, &[202]),
    route(Method::POST, "/agents/{agent_id}/requests", To::SendRequest, CONTROL, Of::Agent, &[200]),
    route(Method::POST, "/commands/{command_id}/response", To::Respond, AGENTS, Of::Answer, &[200]),
    route(Method::GET, "/tasks", To::ListTasks, READ, Of::Listing, &[200]),
    route(Method::POST, "/tasks", To::CreateTask, TASKS, Of::Registry, &[201]),
    route(Method::GET, "/tasks/{task_id}", To::ShowTask, READ, Of::Task, &[200]),
    route(Method::PATCH, "/tasks/{task_id}", To::UpdateTask, WORK, Of::Work, &[200]),
    route(Method::DELETE, "/tasks/{task_id}", To::CancelTask, TASKS, Of::Task, &[200]),
    route(Method::GET, "/workflows", To::ListWorkflows, READ, Of::Registry, &[200]),
    route(Method::POST, "/workflows", To::CreateWorkflow, TASKS, Of::Registry, &[201, 200]),
    route(Method::GET, "/workflows/{workflow_id}", To::ShowWorkflow, READ, Of::Registry, &[200]),
    route(Method::DELETE, "/workflows/{workflow_id}", To::CancelWorkflow, TASKS, Of::Registry, &[200]),
    route(Method::GET, "/templates", To::ListTemplates, READ, Of::Registry, &[200]),
    route(Method::GET, "/templates/{template_id}", To::ShowTemplate, READ, Of::Registry, &[200]),
    route(Method::PUT, "/templates/{template_id}", To::PutTemplate, TASKS, Of::Registry, &[200, 201]),
    route(Method::DELETE, "/templates/{template_id}", To::RemoveTemplate, TASKS, Of::Registry, &[204]),
    route(Method::GET, "/events", To::ReadEvents, READ, Of::Registry, &[200]),
    route(Method::POST, "/events", To::Publish, &["publish"], Of::Registry, &[202]),
    route(Method::GET, "/callbacks/{*callback_id}", To::ShowStoredAnswer, READ, Of::Registry, &[200]),
    route(Method::POST, "/callbacks/{*callback_id}", To::StoreAnswer, AGENTS, Of::Registry, &[201]),
    route(Method::GET, "/metrics", To::ShowMetrics, &["metrics"], Of::Registry, &[200]),
];

/// Where a request goes.
#[derive(Clone, Debug)]
pub struct Destination<'a> {
    /// In whose words it is answered.
    pub dialect: Dialect,
    /// The row of the table.
    pub route: &'static Route,
    /// The path's parameters, decoded, in order.
    pub(crate) parameters: [Cow<'a, str>; 2],
}

/// What a request finds that goes nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detour {
    /// There is nothing at that path.
    Nowhere,
    /// There is, but not by that method; these are allowed.
    OtherMethod(&'static str),
    /// It asks for the methods: these.
    Options(&'static str),
}

/// What there is at one path.
struct Place {
    routes: Vec<&'static Route>,
    /// The value of the header `Allow`.
    allow: String,
}

/// Where a request for this path goes.
pub fn find<'a>(method: &Method, path: &'a str) -> Result<Destination<'a>, Detour> {
    static PLACES: LazyLock<Router<Place>> = LazyLock::new(places);
    let (dialect, rest) = Dialect::of_path(path);
    if rest.contains("//") || rest.ends_with('/') {
        return Err(Detour::Nowhere);
    }
    let found = PLACES.at(rest).map_err(|_| Detour::Nowhere)?;
    let place = found.value;
    let method = match *method {
        Method::HEAD => &Method::GET,
        Method::OPTIONS => return Err(Detour::Options(&place.allow)),
        _ => method,
    };
    let route = place.routes.iter().find(|route| route.method == *method);
    let route = route.ok_or(Detour::OtherMethod(&place.allow))?;
    let mut parameters = [Cow::Borrowed(""), Cow::Borrowed("")];
    for (slot, (_, given)) in parameters.iter_mut().zip(found.params.iter()) {
        *slot = percent_decode_str(given).decode_utf8_lossy();
    }
    Ok(Destination {
        dialect,
        route,
        parameters,
    })
}

fn places() -> Router<Place> {
    let mut router = Router::new();
    for first in &ROUTES {
        let routes: Vec<_> = ROUTES.iter().filter(|it| it.path == first.path).collect();
        if routes[0] != first {
            continue;
        }
        let mut allowed: Vec<_> = routes.iter().map(|route| route.method.as_str()).collect();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        allowed.push("OPTIONS");
        let allow = allowed.join(", ");
        router
            .insert(first.path, Place { routes, allow })
            .expect("each path stands once in a table that tests look up");
    }
    router
}
