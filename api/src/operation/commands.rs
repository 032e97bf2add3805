//! Commands, messages and requests: given, answered, listed.

use agnt_fleet::Mutation;
use agnt_fleet::command::CommandStatus;
use agnt_fleet::mutation::NewCommand;
use agnt_fleet::row::Facet;

use super::agents::find_id;
use super::{Call, Doing};
use crate::body::{read_answer, read_command, read_message, read_request};
use crate::content::read_object;
use crate::list::{ListView, Listing, absent, path_id};
use crate::query::Query;
use crate::step::{Show, Step};
use crate::view::CommandView;

/// The statuses of commands as filters, for people.
const STATUSES: &str = "accepted, completed, failed, timeout or cancelled";

pub(super) fn send(call: &Call<'_>) -> Doing {
    let agent = find_id(call)?;
    let fields = read_object(call.request)?;
    let may_call = |url: &str| call.fleet.may_call(url);
    let command = read_command(fields, agent, call.dialect, call.source(), &may_call)?;
    issue(call, command, Show::CommandAccepted)
}

pub(super) fn send_message(call: &Call<'_>) -> Doing {
    let agent = find_id(call)?;
    let fields = read_object(call.request)?;
    let may_call = |url: &str| call.fleet.may_call(url);
    let message = read_message(fields, agent, call.source(), &may_call)?;
    issue(call, message, Show::CommandAccepted)
}

pub(super) fn send_request(call: &Call<'_>) -> Doing {
    // The fleet finds that there is no such agent: its refusal belongs to what the body names.
    let agent = path_id("agent", &call.parameters[0])?;
    let fields = read_object(call.request)?;
    let may_call = |url: &str| call.fleet.may_call(url);
    let request = read_request(fields, agent, call.source(), &may_call)?;
    issue(call, request, Show::CommandAnswer)
}

/// Gives a command; a refusal belongs to what the body says that the command belongs to (document
/// B, Standard Error Response).
fn issue(call: &Call<'_>, command: NewCommand, show: Show) -> Doing {
    let belongs_to = command.correlation_id.clone();
    let mut step = call.mutate(Mutation::IssueCommand(command), show)?;
    if let Step::Mutate { then, .. } = &mut step {
        let named = then.manner.correlation_id.take();
        then.manner.correlation_id = named.or(belongs_to);
    }
    Ok(step)
}

pub(super) fn list(call: &Call<'_>) -> Doing {
    let agent = find_id(call)?;
    let mut query = Query::read(call.request.query)?;
    let mut listing = Listing::read(&mut query);
    listing.narrow_to(Some(Facet::Agent(agent)));
    let status = |word: &str| {
        let mut all = CommandStatus::ALL.into_iter();
        all.find(|status| status.as_str() == word)
    };
    let statuses = query.words("status", status, STATUSES);
    listing.narrow(statuses.map(|all| all.into_iter().map(Facet::CommandStatus).collect()));
    query.end()?;
    let (commands, pagination) = listing.page(&call.fleet.read().commands);
    let entries = commands.iter().map(|command| CommandView::new(command));
    call.list(&ListView {
        name: "commands",
        entries: entries.collect(),
        pagination,
    })
}

pub(super) fn show(call: &Call<'_>) -> Doing {
    let agent = find_id(call)?;
    let id = &call.parameters[1];
    let found = call.fleet.read().commands.find(id).cloned();
    let command = found.filter(|command| command.agent_id == agent);
    let command = command.ok_or_else(|| absent("command", id))?;
    Ok(call.answer(&CommandView::new(&command)))
}

pub(super) fn respond(call: &Call<'_>) -> Doing {
    let command = path_id("command", &call.parameters[0])?;
    // Whoever may answer for the command's agent answers as that one.
    let own = call.request.principal.agent.as_ref();
    let agent = own.and_then(|_| call.agent_of_command(command.as_str()));
    let answer = read_answer(read_object(call.request)?, agent)?;
    call.mutate(Mutation::Answer { command, answer }, Show::Answered)
}
