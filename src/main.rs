//! The program: parse, start, wait for a signal, drain.

use std::process::ExitCode;

use agnt::cli::{self, Command, ReplayArgs};
use agnt::config::Config;
use agnt::publish::{demo, replay, schedule};
use agnt::server::{Server, StartError};
use agnt::telemetry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What `replay` logs at; it has no configuration.
const REPLAY_LOG: &str = "info";

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let invocation = match cli::parse(std::env::args_os(), std::env::vars_os()) {
        Ok(invocation) => invocation,
        Err(error) => return say(&error.text, error.code),
    };
    let (filter, is_json) = match &invocation.command {
        Command::Serve(config) | Command::Demo { config, .. } => {
            (config.log.as_str(), config.log_json)
        }
        Command::Replay(_) => (REPLAY_LOG, false),
        Command::PrintConfig(text) => return say(text, 0),
    };
    if let Err(error) = telemetry::init(filter, is_json) {
        return say(&format!("{error}\n"), 2);
    }
    for warning in &invocation.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return say(&format!("runtime: {error}\n"), 1),
    };
    match runtime.block_on(run(invocation.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => say(&format!("{error}\n"), exit_code(&*error)),
    }
}

/// What can't work as configured is a mistake of the command line, the rest a failure.
fn exit_code(error: &(dyn std::error::Error + 'static)) -> u8 {
    match error.downcast_ref() {
        Some(StartError::TooManyConnections { .. }) => 2,
        _ => 1,
    }
}

/// Prints to standard output for success and to standard error otherwise.
#[expect(
    clippy::print_stdout,
    reason = "help and the configuration are what was asked for"
)]
fn say(text: &str, code: u8) -> ExitCode {
    if code == 0 {
        print!("{text}");
    } else {
        eprint!("{text}");
    }
    ExitCode::from(code)
}

async fn run(command: Command) -> Result<(), Failure> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(wait_for_signals(stop));
    match command {
        Command::Serve(config) => serve(&config, None, stopped).await,
        Command::Demo { config, agents, hz } => serve(&config, Some((agents, hz)), stopped).await,
        Command::Replay(arguments) => {
            replay::run(replay_options(arguments), stopped).await?;
            Ok(())
        }
        Command::PrintConfig(_) => Ok(()),
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the ready line is the one line on standard output"
)]
async fn serve(
    config: &Config,
    flock: Option<(u32, u32)>,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let mut server = Server::start(config).await?;
    let address = server.address();
    if !config.allow_anonymous {
        tracing::warn!("no credentials are configured: everyone on this machine may do everything");
    }
    println!("listening on http://{address}");
    if let Some((agents, hz)) = flock {
        tracing::info!("a flock of {agents} agents flies at {hz} Hz: open http://{address}/");
        let (url, stopped) = (format!("ws://{address}"), stopped.clone());
        tokio::spawn(async move {
            if let Err(error) = demo::run(&url, agents as usize, f64::from(hz), stopped).await {
                tracing::error!(%error, "the flock has gone");
            }
        });
    }
    tokio::select! {
        _ = stopped.wait_for(|is_over| *is_over) => {}
        () = server.failed() => return Err("the server lost a part that it can't run without".into()),
    }
    tracing::info!("draining");
    server.drain().await;
    Ok(())
}

fn replay_options(arguments: ReplayArgs) -> replay::ReplayOptions {
    replay::ReplayOptions {
        file: arguments.file,
        url: arguments.url,
        stream: arguments.stream,
        pace: schedule::Pace {
            speed: arguments.speed,
            hz: f64::from(arguments.hz),
            repeat: arguments.repeat,
            align: arguments.align,
        },
        log: arguments.log,
        agent_type: arguments.agent_type,
    }
}

/// The first signal asks for a drain, the second ends at once.
#[expect(
    clippy::disallowed_methods,
    reason = "the second signal is the one that does not wait"
)]
async fn wait_for_signals(stop: watch::Sender<bool>) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return tracing::error!("signals can't be waited for; kill -9 ends the program");
    };
    for is_first in [true, false] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if is_first {
            // Nobody listens any more if the work is done.
            let _ = stop.send(true);
        }
    }
    std::process::exit(1);
}
