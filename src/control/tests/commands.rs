//! Commands from their reading to their end.

use super::*;

/// Document C, Execute Command.
const EXAMPLE: &str = r#"{"targetAgent":"agent-001","command":"execute_tool",
    "parameters":{"tool":"web_search","query":"latest AI research papers","maxResults":10},
    "timeout":30000,
    "callback":{"type":"webhook","url":"https://api.example.com/callbacks/cmd-131"}}"#;

fn fields(text: &str) -> Fields<'_> {
    Fields::of_text("payload", text).expect("an object")
}

fn command(id: &str, target: &str, requester: u64, deadline: Instant) -> OpenCommand {
    OpenCommand {
        id: Arc::from(id),
        target: Arc::from(target),
        requester: MemberId::from_number(requester),
        correlation_id: None,
        timeout: Duration::from_secs(1),
        deadline,
    }
}

fn is_empty(commands: &Commands) -> bool {
    commands.open.is_empty()
        && commands.by_id.is_empty()
        && commands.by_deadline.is_empty()
        && commands.per_requester.is_empty()
}

#[test]
fn the_documents_webhook_is_read_and_refused_where_nobody_sends_it() {
    let fields = fields(EXAMPLE);
    let command = Execute::read(&fields).expect("good");
    assert_eq!(
        (command.command.as_ref(), &command.callback),
        (
            "execute_tool",
            &Some(CallbackWish {
                kind: "webhook".into(),
                url: Some("https://api.example.com/callbacks/cmd-131".into()),
            })
        )
    );
    let refusal = command.refuse_callback().unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "COMMAND_FAILED: callback.type: 'webhook' is served for registered agents, and 'agent-001' \
         is none; leave callback out and read control.result"
    );
    assert_eq!(refusal.reason, Some("callback"));
}

#[test]
fn a_command_is_read() {
    let text = r#"{"targetAgent":"agent-001","command":"stop","callback":null}"#;
    let command = Execute::read(&fields(text)).expect("good");
    assert_eq!(command.target, "agent-001");
    assert_eq!(command.timeout, Duration::from_secs(30));
    for (text, begins) in [
        (
            r#"{"command":"x"}"#,
            "INVALID_MESSAGE: payload.targetAgent: missing",
        ),
        (
            r#"{"targetAgent":"a"}"#,
            "INVALID_MESSAGE: payload.command: missing",
        ),
        (
            r#"{"targetAgent":"a","command":"x","timeout":0}"#,
            "INVALID_MESSAGE: payload.timeout: 0 is not allowed; a whole number from 1 to 3600000",
        ),
        (
            r#"{"targetAgent":"a","command":"x","callback":{}}"#,
            "INVALID_MESSAGE: payload.callback.type: missing",
        ),
    ] {
        let refusal = Execute::read(&fields(text)).unwrap_err().to_string();
        assert!(refusal.starts_with(begins), "{refusal}");
    }
}

#[test]
fn a_result_names_its_command_and_may_not_be_the_last_word() {
    let correlation = Cow::Borrowed("msg-7");
    for (text, id, is_final) in [
        (
            r#"{"commandId":"msg-131","status":"completed"}"#,
            "msg-131",
            true,
        ),
        (
            r#"{"commandId":"msg-131","status":"failed"}"#,
            "msg-131",
            true,
        ),
        (r#"{"status":"Accepted"}"#, "msg-7", false),
        (r#"{"status":"progress"}"#, "msg-7", false),
    ] {
        let payload = fields(text);
        let result = CommandResult::read(&payload, Some(&correlation)).expect(text);
        assert_eq!(
            (result.command_id.as_ref(), result.is_final),
            (id, is_final)
        );
    }
    let error = CommandResult::read(&fields(r#"{"status":"completed"}"#), None).unwrap_err();
    assert!(error.starts_with("payload.commandId: missing"), "{error}");
    let error = CommandResult::read(&fields(r#"{"commandId":"m"}"#), None).unwrap_err();
    assert!(error.starts_with("payload.status: missing"), "{error}");
}

#[test]
fn only_the_target_answers_and_only_once() {
    let now = Instant::now();
    let mut commands = Commands::default();
    commands
        .open(command("msg-131", "agent-001", 1, now))
        .expect("room");
    commands
        .open(command("msg-131", "agent-002", 2, now))
        .expect("another target");
    let again = commands
        .open(command("msg-131", "agent-001", 3, now))
        .unwrap_err();
    assert!(again.text.contains("is open; another id"), "{again}");
    let found = commands
        .answered(Some("agent-001"), "msg-131")
        .expect("the target");
    assert_eq!(found.requester, MemberId::from_number(1));
    for by in [Some("agent-003"), None] {
        let refusal = commands.answered(by, "msg-131").unwrap_err();
        assert_eq!(refusal.reason, Some("not the target"));
    }
    assert!(commands.close("agent-001", "msg-131").is_some());
    assert!(commands.answered(Some("agent-001"), "msg-131").is_err());
    assert!(commands.close("agent-002", "msg-131").is_some());
    let refusal = commands.answered(Some("agent-001"), "msg-131").unwrap_err();
    assert_eq!(refusal.text, "command 'msg-131' is unknown or finished");
    assert!(is_empty(&commands));
}

#[test]
fn time_ends_a_command_and_so_does_its_requesters_leaving() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut commands = Commands::default();
    for (id, requester, deadline) in [("a", 1, 3), ("b", 1, 1), ("c", 2, 2)] {
        commands
            .open(command(id, "t", requester, at(deadline)))
            .expect("room");
    }
    let ids = |overdue: Vec<OpenCommand>| -> Vec<String> {
        overdue
            .iter()
            .map(|command| command.id.to_string())
            .collect()
    };
    assert_eq!(ids(commands.overdue(start)), Vec::<String>::new());
    assert_eq!(ids(commands.overdue(at(2))), ["b", "c"]);
    assert_eq!(
        ids(commands.leave(MemberId::from_number(2))),
        Vec::<String>::new()
    );
    assert_eq!(ids(commands.leave(MemberId::from_number(1))), ["a"]);
    assert_eq!(ids(commands.overdue(at(9))), Vec::<String>::new());
    assert!(is_empty(&commands));
}

#[test]
fn the_bounds_are_named() {
    let now = Instant::now();
    let mut commands = Commands::default();
    for requester in 0..10 {
        for id in 0..COMMANDS_PER_MEMBER_MAX {
            let id = format!("{requester}-{id}");
            commands
                .open(command(&id, "t", requester, now))
                .expect("room");
        }
        if requester == 0 {
            let refusal = commands.open(command("x", "t", 0, now)).unwrap_err();
            assert!(
                refusal.text.starts_with("commands: 1000 of this session"),
                "{refusal}"
            );
        }
    }
    let refusal = commands.open(command("x", "t", 99, now)).unwrap_err();
    assert!(
        refusal.text.starts_with("commands: 10000 of the stream"),
        "{refusal}"
    );
    assert_eq!(commands.overdue(now).len(), COMMANDS_MAX);
    assert!(is_empty(&commands));
}
