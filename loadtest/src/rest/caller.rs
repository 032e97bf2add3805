//! Single requests, one after another, beside what is measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::answer::Answer;
use super::requests::Requests;
use crate::failure::{Context, Failure, Result};

const TIMEOUT: Duration = Duration::from_secs(30);

/// One blocking connection.
#[derive(Debug)]
pub(crate) struct Caller {
    stream: TcpStream,
}

impl Caller {
    /// Connects.
    pub(crate) fn to(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)
            .context(format!("connection to {address}"))?;
        stream.set_read_timeout(Some(TIMEOUT)).context("socket")?;
        stream.set_nodelay(true).context("socket")?;
        Ok(Self { stream })
    }

    /// The whole answer to a request, head and body, if it has this status.
    pub(crate) fn expect(&mut self, status: u16, request: &[u8]) -> Result<Vec<u8>> {
        let line = request.split(|byte| *byte == b'\r').next();
        let line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
        self.stream.write_all(request).context(&line)?;
        let mut received = Vec::new();
        let mut part = vec![0; 64 << 10];
        loop {
            let bytes = self.stream.read(&mut part).context(&line)?;
            if bytes == 0 {
                return Err(Failure::new(format!(
                    "{line}: the server closed the connection"
                )));
            }
            received.extend_from_slice(&part[..bytes]);
            let Some(answer) = Answer::read(&received).context(&line)? else {
                continue;
            };
            if answer.status == status {
                return Ok(received);
            }
            let said = String::from_utf8_lossy(answer.body);
            let text = format!(
                "{line}: status {} instead of {status}: {said}",
                answer.status
            );
            return Err(Failure::new(text));
        }
    }
}

/// Registers the agents of a run.
pub(crate) fn register(address: SocketAddr, requests: &Requests) -> Result<()> {
    let mut caller = Caller::to(address)?;
    for agent in 0..requests.agents() {
        caller.expect(201, &requests.register(agent))?;
    }
    Ok(())
}

/// Takes them back.
pub(crate) fn deregister(address: SocketAddr, requests: &Requests) -> Result<()> {
    let mut caller = Caller::to(address)?;
    for agent in 0..requests.agents() {
        caller.expect(204, &requests.deregister(agent))?;
    }
    Ok(())
}

/// Which of these acknowledged tasks the server doesn't show, and why.
pub(crate) fn missing_tasks(
    address: SocketAddr,
    requests: &Requests,
    tasks: &[u64],
) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    if tasks.is_empty() {
        return Ok(missing);
    }
    let mut caller = Caller::to(address)?;
    for &task in tasks {
        let read = caller.expect(200, &requests.read_task(task));
        let shown = read
            .map_err(|failure| failure.to_string())
            .and_then(|received| {
                let answer = Answer::read(&received).ok().flatten();
                requests.is_task(task, answer.map_or(&[][..], |answer| answer.body))
            });
        missing.extend(shown.err());
    }
    Ok(missing)
}
