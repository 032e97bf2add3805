//! The server on files that forget: what was written and not synced lies in this process alone, so that its
//! end, by `kill -9` too, is a power cut. `tests/document_ab/crash.py --forgetful` tries it.

use std::error::Error;

use agnt::cli::{self, Command};
use agnt::server::{STORE_FILE, Server};
use agnt_store::faults::FaultyFile;

#[tokio::main]
#[expect(
    clippy::print_stdout,
    reason = "the ready line is what a starter of the server waits for"
)]
async fn main() -> Result<(), Box<dyn Error>> {
    let invocation =
        cli::parse(std::env::args_os(), std::env::vars_os()).map_err(|error| error.text)?;
    let Command::Serve(config) = invocation.command else {
        return Err("serve is all that this server does".into());
    };
    std::fs::create_dir_all(&config.data_dir)?;
    let (files, _) = FaultyFile::open(&config.data_dir.join(STORE_FILE))?;
    let mut server = Server::start_on(&config, files.into()).await?;
    println!("listening on http://{}", server.address());
    server.failed().await;
    Err("the server lost a part that it can't run without".into())
}
