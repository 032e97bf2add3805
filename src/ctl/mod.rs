//! `agnt ctl`: what people and their programs ask of a running server.
//!
//! It speaks document B's dialect of the agent API, as anyone else could: nothing here knows what an
//! agent may do or which values are allowed, the server says so. Whatever is shown has passed
//! `plain`, so that no foreign name controls a terminal.

mod command;
mod event_reader;
mod events;
mod failure;
mod figures;
mod following;
mod output;
mod plain;
mod server;
mod table;
mod top;
mod units;
mod view;
mod viewers;

use std::io::{self, Write};

use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

pub use failure::CtlError;

use crate::cli::{Collection, CtlAction, CtlArgs};
use failure::Failure;
use output::Output;
use server::{Server, query, segment};

/// Does what `args` say and writes what comes of it to `out`, until `stopped` becomes true. Where
/// nobody reads any more, there is nothing left to do, which is no failure.
pub async fn run(
    args: &CtlArgs,
    out: &mut dyn Write,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), CtlError> {
    let is_followed = match &args.action {
        CtlAction::Events(events) => events.follow,
        CtlAction::Top(top) => !top.once,
        _ => false,
    };
    let mut output = Output::new(out, args.is_json);
    let done = tokio::select! {
        done = act(args, &mut output) => done,
        () = stopping(&mut stopped) => match is_followed {
            true => Ok(()),
            false => Err(Failure::Interrupted),
        },
    };
    match done {
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|failure| failure.told(args.is_json)),
    }
}

async fn act(args: &CtlArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let server = Server::new(&args.url, args.key.clone(), args.tls.clone());
    match &args.action {
        CtlAction::List { of, filters } => {
            let path = format!("{}{}", path(*of), query(filters));
            let listed = server.json(Method::GET, &path, None).await?;
            output.document(&listed, || view::list(*of, &listed))?;
        }
        CtlAction::Show { of, id } => {
            let path = format!("{}/{}", path(*of), segment(id));
            let shown = server.json(Method::GET, &path, None).await?;
            output.document(&shown, || view::record(&shown))?;
        }
        CtlAction::Create { of, body } => {
            let made = server.json(Method::POST, &path(*of), Some(body)).await?;
            output.document(&made, || view::record(&made))?;
        }
        CtlAction::End { of, id, reason } => {
            let reason = reason.iter().map(|reason| ("reason", reason.clone()));
            let reason = query(&reason.collect::<Vec<_>>());
            let path = format!("{}/{}{reason}", path(*of), segment(id));
            let ended = server.json(Method::DELETE, &path, None).await?;
            let ended = match ended {
                Value::Null => json!({"id": id, "status": "removed"}),
                told => told,
            };
            output.document(&ended, || view::record(&ended))?;
        }
        CtlAction::Events(args) if args.follow => following::follow(&server, args, output).await?,
        CtlAction::Events(args) => events::show(&server, args, output).await?,
        CtlAction::Viewers { limit } => viewers::show(&server, *limit, output).await?,
        CtlAction::Top(args) => top::show(&server, args, output).await?,
        CtlAction::Command { agent, body, wait } => {
            command::give(&server, (agent, body), *wait, output).await?;
        }
    }
    output.flush()?;
    Ok(())
}

/// Where a collection is found.
fn path(of: Collection) -> String {
    format!("/api/v1/{}", of.name())
}

/// Resolves when `stopped` becomes true; never, if its sender goes without saying so.
async fn stopping(stopped: &mut watch::Receiver<bool>) {
    if stopped.wait_for(|is_over| *is_over).await.is_err() {
        std::future::pending::<()>().await;
    }
}
