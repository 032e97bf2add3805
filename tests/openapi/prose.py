"""What the documents say in general, before the first operation."""

SHARED = """\
Agents register, are given tasks and run workflows; every change is an event with a number. What is answered with 2xx is on \
disk. Both dialects show the same agents and tasks: `/v1` (and no prefix at all) speaks the Agent Framework API, `/api/v1` the \
Agent Communication API, each in its own names and units.

**Who may.** A credential goes into `X-API-Key`, or as `Authorization: Bearer`. As long as no key was made and the server \
listens on loopback only, none is needed. Each operation names the scopes of which it needs one (`x-agnt-scopes`); `admin` has all.

**How it is written.** Names are accepted in snake_case and camelCase and as either dialect has them; the answer has this \
document's. Unknown keys of agents, tasks and workflows are kept in their `metadata`, whose own keys count if both name one. Ids are `[a-zA-Z0-9_-]`, 1 to 128 \
characters; `null` is data inside free objects and refused elsewhere. Times are RFC 3339. Bodies have at most 1 MiB.

**Lists** are ordered by creation. Past their end a page is empty. A filter may list several values with commas between them \
where it says so.

**Errors** are this dialect's; whoever accepts `application/problem+json` gets RFC 9457. `Retry-After` says when to come \
again.

**Commands.** `pause` keeps new tasks from an agent and `resume` brings them back; `stop` takes its waiting tasks away, \
cancels what it runs and pauses it; `configure` merges its payload into the agent's configuration once the agent has agreed; `shutdown` ends \
it gently; `execute` does nothing but arrive."""

# Document A's own sentence goes before it.
DESCRIPTION_A = SHARED
DESCRIPTION_B = (
    "RESTful API with WebSocket support for real-time agent communication, built on event-driven "
    "architecture.\n\n" + SHARED
)
