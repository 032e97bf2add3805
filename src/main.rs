//! The program: parse, start, wait for a signal, drain.

use std::ffi::OsString;
use std::process::ExitCode;

use agnt::admin;
use agnt::cli::{self, Command, Invocation, KeyAction, Place, ReplayArgs};
use agnt::config::Config;
use agnt::ctl;
use agnt::publish::{replay, schedule};
use agnt::server::{ConfigSource, Server, Signals, StartError, StopSignals, WatchedFile};
use agnt::telemetry;
use agnt_outbound::ShownCertificate;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What `replay` logs at; it has no configuration.
const REPLAY_LOG: &str = "info";

/// What the subcommands log at that say what they did themselves.
const ADMIN_LOG: &str = "error";

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let (runtime, signals) = match running() {
        Ok(running) => running,
        Err(error) => return say(&format!("start: {error}\n"), 1),
    };
    let invocation = match cli::parse(std::env::args_os(), std::env::vars_os()) {
        Ok(invocation) => invocation,
        Err(error) => return say(&format!("{}\n", error.text.trim_end()), error.code),
    };
    let (filter, is_json) = match &invocation.command {
        Command::Serve(config) | Command::Demo { config, .. } => {
            (config.log.as_str(), config.log_json)
        }
        Command::Replay(_) => (REPLAY_LOG, false),
        Command::Ctl(_)
        | Command::Key { .. }
        | Command::Token(_)
        | Command::Backup { .. }
        | Command::Check { .. } => (ADMIN_LOG, false),
        Command::PrintConfig(text) => return say(text, 0),
        Command::CheckConfig {
            config,
            has_data_dir,
        } => {
            let _entered = runtime.enter();
            return check(config.clone(), *has_data_dir, &invocation.warnings);
        }
    };
    if let Err(error) = telemetry::init(filter, is_json) {
        return say(&format!("{error}\n"), 2);
    }
    for warning in &invocation.warnings {
        tracing::warn!("{warning}");
    }
    match runtime.block_on(run(invocation, signals)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => say(&format!("{error}\n"), exit_code(&*error)),
    }
}

/// Says whether a server would start with this configuration.
fn check(mut config: Config, has_data_dir: bool, warnings: &[String]) -> ExitCode {
    for warning in warnings {
        eprintln!("{warning}");
    }
    let checked = own_data_dir(&mut config, has_data_dir).map_err(StartError::from);
    match checked.and_then(|_folder| Server::check(&config)) {
        Ok(()) => say("the configuration is good\n", 0),
        Err(error) => say(&format!("error: {error}\n"), exit_code(&error)),
    }
}

/// A data directory for a server that has none of its own; it goes with what is returned.
fn own_data_dir(config: &mut Config, has_data_dir: bool) -> std::io::Result<Option<TempDir>> {
    if has_data_dir {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    folder.path().clone_into(&mut config.data_dir);
    Ok(Some(folder))
}

/// The runtime, and the signals, which are caught before anything else is done.
fn running() -> std::io::Result<(Runtime, Signals)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let signals = Signals::catch()?;
    drop(entered);
    Ok((runtime, signals))
}

/// What a setting is at fault of is a mistake of the command line, the rest a failure.
fn exit_code(error: &(dyn std::error::Error + 'static)) -> u8 {
    match error.downcast_ref::<StartError>() {
        Some(error) if error.is_of_settings() => 2,
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

async fn run(invocation: Invocation, signals: Signals) -> Result<(), Failure> {
    let file = invocation.config_file.as_deref().map(WatchedFile::new);
    match invocation.command {
        Command::Serve(config) => serve(&config, file, None, signals).await,
        Command::Demo {
            mut config,
            agents,
            hz,
            has_data_dir,
            shown,
        } => {
            let _folder = own_data_dir(&mut config, has_data_dir)?;
            serve(&config, file, Some((agents, hz, shown)), signals).await
        }
        command => run_client(command, stopped_by(signals.of_client())).await,
    }
}

/// Carries out what starts no server.
async fn run_client(command: Command, stopped: watch::Receiver<bool>) -> Result<(), Failure> {
    match command {
        Command::Key { action, place } => keys(action, &place).await?,
        Command::Token(arguments) => {
            let token = admin::make_token(&arguments)?;
            if let Some(doubt) = admin::doubt_of_token(&arguments) {
                eprintln!("{doubt}");
            }
            say(&format!("{token}\n"), 0);
        }
        Command::Backup { file, place } => admin::backup(&place, &file).await?,
        Command::Check { file } => {
            say(&admin::check(&file)?, 0);
        }
        Command::Ctl(arguments) => ctl::run(&arguments, &mut std::io::stdout(), stopped).await?,
        Command::Replay(arguments) => {
            replay::run(replay_options(arguments), stopped).await?;
        }
        Command::Serve(_)
        | Command::Demo { .. }
        | Command::PrintConfig(_)
        | Command::CheckConfig { .. } => {}
    }
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "the ready line is the one line on standard output"
)]
async fn serve(
    config: &Config,
    file: Option<WatchedFile>,
    flock: Option<(u32, u32, Option<ShownCertificate>)>,
    signals: Signals,
) -> Result<(), Failure> {
    let (hangup, stop) = signals.of_server();
    let mut stopped = stopped_by(stop);
    let mut server = Server::start(config).await?;
    server.follow(source_of(config, file), config.clone(), hangup);
    if server.is_open() && !config.allow_anonymous {
        tracing::warn!("no credentials are configured: everyone on this machine may do everything");
    }
    println!("listening on {}", server.url());
    if let Some((agents, hz, shown)) = flock {
        tracing::info!(
            "a flock of {agents} agents flies at {hz} Hz: open {}/",
            server.url()
        );
        server.fly(agents, hz, shown);
    }
    tokio::select! {
        _ = stopped.wait_for(|is_over| *is_over) => {}
        part = server.failed() => {
            return Err(format!("the server lost a part that it can't run without: {part}").into());
        }
    }
    tracing::info!("draining");
    server.drain().await;
    Ok(())
}

/// The configuration as this program's command line, environment and file give it, whenever it is
/// read.
fn source_of(running: &Config, file: Option<WatchedFile>) -> ConfigSource {
    let args: Vec<OsString> = std::env::args_os().collect();
    let variables: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let data_dir = running.data_dir.clone();
    let read = move || {
        let invocation = cli::parse(args.iter().cloned(), variables.iter().cloned());
        match invocation.map_err(|error| error.text)?.command {
            Command::Serve(config) => Ok(config),
            // A folder that was made for it is in no configuration.
            Command::Demo { config, .. } => Ok(Config {
                data_dir: data_dir.clone(),
                ..config
            }),
            _ => Err("this command line starts no server".to_owned()),
        }
    };
    ConfigSource {
        read: Box::new(read),
        file,
    }
}

/// Makes, shows or ends API keys. A new key's secret is all that goes to standard output.
async fn keys(action: KeyAction, place: &Place) -> Result<(), Failure> {
    let text = match action {
        KeyAction::Create(order) => {
            let made = admin::create_key(place, order).await?;
            eprintln!(
                "key {} is made; this is the only time that it is shown:",
                made.id
            );
            format!("{}\n", made.secret)
        }
        KeyAction::List => admin::list_keys(place).await?,
        KeyAction::Revoke { id } => {
            admin::revoke_key(place, &id).await?;
            format!("key {id} is good no more\n")
        }
    };
    say(&text, 0);
    Ok(())
}

fn replay_options(arguments: ReplayArgs) -> replay::ReplayOptions {
    replay::ReplayOptions {
        file: arguments.file,
        url: arguments.url,
        tls: arguments.tls,
        stream: arguments.stream,
        pace: schedule::Pace {
            speed: arguments.speed,
            hz: f64::from(arguments.hz),
            repeat: arguments.repeat,
            align: arguments.align,
        },
        log: arguments.log,
        agent_type: arguments.agent_type,
        credential: arguments.credential,
    }
}

/// Told when a signal asks for a drain: the first does, the second ends at once.
#[expect(
    clippy::disallowed_methods,
    reason = "the second signal is the one that does not wait"
)]
fn stopped_by(mut signals: StopSignals) -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        signals.next().await;
        // Nobody listens any more if the work is done.
        let _ = stop.send(true);
        signals.next().await;
        std::process::exit(1);
    });
    stopped
}
