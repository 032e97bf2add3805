//! The requests of one run, as bytes, and what their answers must be.

use std::borrow::Cow;
use std::net::SocketAddr;

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::json;

use super::mix::Kind;
use crate::credential::{Credential, field_of};

/// Agents on a page that is read.
pub(crate) const PAGE_AGENTS: usize = 20;

/// Which document's words are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// Document A, under `/v1`.
    A,
    /// Document B, under `/api/v1`.
    B,
}

/// Makes the requests of one run; its agents and tasks are called as in no other run.
#[derive(Debug)]
pub(crate) struct Requests {
    prefix: &'static str,
    /// The header fields that all have.
    fields: String,
    credential: Option<Credential>,
    run: u32,
    agents: usize,
}

/// What an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// 200 and this agent.
    Agent(usize),
    /// 200 and this page of agents.
    Page(usize),
    /// 201 and this task.
    Task(u64),
}

/// Whether an answer is what it must be; if not, why.
pub(crate) type Checked = Result<(), String>;

/// One thing, by the name that either document has for its id.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, alias = "agent_id", alias = "task_id")]
    id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    agents: Vec<Named<'a>>,
    pagination: Place,
}

#[derive(Deserialize)]
struct Place {
    page: usize,
    total: usize,
}

impl Requests {
    /// Requests to the server at `address`, which is shown this, about so many agents.
    pub(crate) fn new(
        address: SocketAddr,
        dialect: Dialect,
        credential: Option<&Credential>,
        agents: usize,
    ) -> Self {
        Self {
            prefix: match dialect {
                Dialect::A => "/v1",
                Dialect::B => "/api/v1",
            },
            fields: fields(address, credential),
            credential: credential.cloned(),
            run: fastrand::u32(..),
            agents: agents.max(1),
        }
    }

    /// The same requests, to another server.
    pub(crate) fn to(&self, address: SocketAddr) -> Self {
        Self {
            fields: fields(address, self.credential.as_ref()),
            credential: self.credential.clone(),
            ..*self
        }
    }

    /// How many agents there are.
    pub(crate) fn agents(&self) -> usize {
        self.agents
    }

    /// Writes request `number`, which no other of the run has, and says what answers it.
    pub(crate) fn write(&self, kind: Kind, number: u64, out: &mut Vec<u8>) -> Expected {
        // A step that no usual number of agents divides, so that neighbours differ.
        let agent = (number.wrapping_mul(7919) % self.agents as u64) as usize;
        match kind {
            Kind::Get => {
                self.put(out, "GET", &format!("/agents/{}", self.agent_id(agent)), "");
                Expected::Agent(agent)
            }
            Kind::List => {
                let page = agent % self.agents.div_ceil(PAGE_AGENTS) + 1;
                let path = format!("/agents?page={page}&limit={PAGE_AGENTS}");
                self.put(out, "GET", &path, "");
                Expected::Page(page)
            }
            Kind::Post => {
                let body = json!({
                    "task_id": self.task_id(number),
                    "type": "analysis",
                    "priority": 5,
                    "task_data": {"dataset": "survey-12", "number": number},
                });
                self.put(out, "POST", "/tasks", &body.to_string());
                Expected::Task(number)
            }
            Kind::Heartbeat => {
                let path = format!("/agents/{}/heartbeat", self.agent_id(agent));
                let body = json!({
                    "status": "active",
                    "current_tasks": 0,
                    "performance_metrics":
                        {"cpu_usage": 45.2, "memory_usage": 67.8, "task_queue_size": 12},
                });
                self.put(out, "POST", &path, &body.to_string());
                Expected::Agent(agent)
            }
        }
    }

    /// The request that registers an agent; 201 answers it.
    pub(crate) fn register(&self, agent: usize) -> Vec<u8> {
        let id = self.agent_id(agent);
        // Nobody else's tasks go to it, and no task of the run waits for it.
        let body = json!({
            "agent_id": id,
            "type": "load",
            "name": "Load",
            "version": "1.0.0",
            "capabilities": ["load", format!("load-{}", agent % 10)],
            "max_tasks": 5,
        });
        self.request("POST", "/agents", &body.to_string())
    }

    /// The request that takes it back; 204 answers it.
    pub(crate) fn deregister(&self, agent: usize) -> Vec<u8> {
        let path = format!("/agents/{}", self.agent_id(agent));
        self.request("DELETE", &path, "")
    }

    /// The request that reads an agent; 200 and the agent answer it.
    pub(crate) fn read_agent(&self, agent: usize) -> Vec<u8> {
        let path = format!("/agents/{}", self.agent_id(agent));
        self.request("GET", &path, "")
    }

    /// The request that reads a task; 200 and the task answer it.
    pub(crate) fn read_task(&self, number: u64) -> Vec<u8> {
        let path = format!("/tasks/{}", self.task_id(number));
        self.request("GET", &path, "")
    }

    /// Whether an answer is what it must be; if not, why.
    pub(crate) fn check(&self, expected: Expected, status: u16, body: &[u8]) -> Checked {
        let status_expected = if matches!(expected, Expected::Task(_)) {
            201
        } else {
            200
        };
        if status != status_expected {
            let said: String = String::from_utf8_lossy(body).chars().take(200).collect();
            return Err(format!(
                "status {status} instead of {status_expected}: {said}"
            ));
        }
        match expected {
            Expected::Agent(agent) => is_named(body, &self.agent_id(agent)),
            Expected::Task(number) => is_named(body, &self.task_id(number)),
            Expected::Page(page) => self.is_page(body, page),
        }
    }

    /// Whether a body is the task `number`.
    pub(crate) fn is_task(&self, number: u64, body: &[u8]) -> Checked {
        is_named(body, &self.task_id(number))
    }

    /// Others may have agents there too, so a page may be full while ours alone don't fill it.
    fn is_page(&self, body: &[u8], page: usize) -> Checked {
        let read: Page<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let before = (page - 1) * PAGE_AGENTS;
        let len_expected = read
            .pagination
            .total
            .saturating_sub(before)
            .min(PAGE_AGENTS);
        if read.pagination.total < self.agents {
            let (total, agents) = (read.pagination.total, self.agents);
            return Err(format!("a total of {total} where {agents} are registered"));
        }
        if read.pagination.page != page || read.agents.len() != len_expected {
            let (its_page, len) = (read.pagination.page, read.agents.len());
            return Err(format!(
                "page {its_page} with {len} agents instead of page {page} with {len_expected}"
            ));
        }
        let mut ids: Vec<&str> = read.agents.iter().map(|agent| agent.id.as_ref()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() < len_expected {
            return Err(format!("page {page} shows an agent twice"));
        }
        Ok(())
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out, method, path, body);
        out
    }

    fn put(&self, out: &mut Vec<u8>, method: &str, path: &str, body: &str) {
        let head = format!("{method} {}{path} HTTP/1.1\r\n{}", self.prefix, self.fields);
        out.extend_from_slice(head.as_bytes());
        if !body.is_empty() {
            let length = body.len();
            let told = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
            out.extend_from_slice(told.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body.as_bytes());
    }

    fn agent_id(&self, agent: usize) -> String {
        format!("load-{:08x}-{agent}", self.run)
    }

    /// A UUID, as document A wants it.
    fn task_id(&self, number: u64) -> String {
        format!("{:08x}-0000-4000-8000-{number:012x}", self.run)
    }
}

fn fields(address: SocketAddr, credential: Option<&Credential>) -> String {
    format!("Host: {address}\r\n{}", field_of(credential))
}

fn is_named(body: &[u8], expected: &str) -> Checked {
    let named: Named<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if named.id == expected {
        return Ok(());
    }
    Err(format!("{:?} where {expected:?} was asked for", named.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(agents: usize) -> Requests {
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        let key = Credential::Key("secret".to_owned());
        let mut requests = Requests::new(address, Dialect::B, Some(&key), agents);
        requests.run = 0xab;
        requests
    }

    #[test]
    fn a_request_is_what_http_says() {
        let mut out = Vec::new();
        let expected = requests(3).write(Kind::Get, 0, &mut out);
        assert_eq!(expected, Expected::Agent(0));
        let text = "GET /api/v1/agents/load-000000ab-0 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\
            X-API-Key: secret\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), text);
        let mut out = Vec::new();
        requests(3).write(Kind::Post, 17, &mut out);
        let text = String::from_utf8(out).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.ends_with(&format!("Content-Length: {}", body.len())),
            "{head}"
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["task_id"], "000000ab-0000-4000-8000-000000000011");
    }

    #[test]
    fn an_answer_has_the_status_and_the_id_that_were_asked_for() {
        let requests = requests(3);
        let check = |expected, status, body: &str| {
            requests.check(expected, status, body.as_bytes()).is_ok()
        };
        let agent = Expected::Agent(2);
        assert!(check(agent, 200, r#"{"id":"load-000000ab-2"}"#));
        assert!(check(agent, 200, r#"{"a":1,"agent_id":"load-000000ab-2"}"#));
        assert!(!check(agent, 404, r#"{"id":"load-000000ab-2"}"#));
        assert!(!check(agent, 200, r#"{"id":"load-000000ab-1"}"#));
        assert!(!check(agent, 200, "{}"));
        let task = Expected::Task(5);
        let body = r#"{"task_id":"000000ab-0000-4000-8000-000000000005"}"#;
        assert!(check(task, 201, body) && !check(task, 200, body));
    }

    #[test]
    fn a_page_is_the_one_asked_for_and_whole() {
        let requests = requests(3);
        let page = |page: usize, total: usize, ids: &[&str]| {
            let agents: Vec<_> = ids.iter().map(|id| json!({"agent_id": id})).collect();
            let body = json!({"agents": agents, "pagination": {"page": page, "total": total}});
            requests.check(Expected::Page(1), 200, body.to_string().as_bytes())
        };
        assert_eq!(page(1, 3, &["a", "b", "c"]), Ok(()));
        assert_eq!(page(1, 4, &["a", "b", "c", "foreign"]), Ok(()));
        for wrong in [
            page(2, 3, &["a", "b", "c"]),
            page(1, 3, &["a", "b"]),
            page(1, 3, &["a", "b", "b"]),
            page(1, 2, &["a", "b"]),
        ] {
            assert!(wrong.is_err());
        }
    }
}
