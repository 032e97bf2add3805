//! The table's own order, and loading from each source, against texts written by hand.

use std::collections::BTreeSet;

use super::{Config, ConfigError, Loaded, SETTINGS};

/// Loads from made-up sources: flags, environment, file.
fn load(
    flags: &[(&str, &str)],
    env: &[(&str, &str)],
    file: Option<&str>,
) -> Result<Loaded, ConfigError> {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    Config::load(
        &owned(flags),
        owned(env).into_iter(),
        file.map(|text| ("agnt.toml", text)),
    )
}

fn error(flags: &[(&str, &str)], env: &[(&str, &str)], file: Option<&str>) -> String {
    let line = load(flags, env, file).unwrap_err().to_string();
    assert!(!line.contains('\n'), "more than one line: {line}");
    line
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = Config::default();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data_dir.to_str(), Some("./agnt-data"));
    assert_eq!(config.rate_limit, 1000);
    assert_eq!(config.max_connections, 10_000);
    assert!(!config.allow_anonymous);
    assert_eq!(config.handshake_ms, 10_000);
    assert_eq!(config.heartbeat_ms, 30_000);
    assert_eq!(config.agent_ttl_s, 30);
    assert_eq!(config.staleness_max_ms, 250);
    assert_eq!(config.agents_per_stream_max, 1_000_000);
    assert_eq!(config.streams_max, 1000);
    assert_eq!(load(&[], &[], None).unwrap().config, config);
}

#[test]
fn every_default_is_allowed_by_its_own_rule() {
    for setting in SETTINGS {
        let shown = setting.toml(&Config::default());
        let table: toml::Table = toml::from_str(&format!("value = {shown}")).unwrap();
        let text = table["value"]
            .as_str()
            .map_or_else(|| shown.clone(), str::to_owned);
        let mut config = Config::default();
        assert!(
            setting.apply(&mut config, &text),
            "{} = {text}",
            setting.key
        );
        assert_eq!(config, Config::default());
    }
}

#[test]
fn names_are_unique_and_follow_from_the_key() {
    let keys: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
    assert_eq!(keys.len(), SETTINGS.len());
    for setting in SETTINGS {
        assert_eq!(setting.flag, setting.key.replace('_', "-"));
        assert!(setting.help.trim_end().ends_with('.'), "{}", setting.key);
    }
    let setting = super::Setting::of_key("max_connections").unwrap();
    assert_eq!(setting.environment(), "AGNT_MAX_CONNECTIONS");
}

#[test]
fn flag_stands_over_environment_over_file_over_default() {
    let flags = [("streams-max", "4")];
    let env = [
        ("AGNT_STREAMS_MAX", "3"),
        ("AGNT_LOOPS", "3"),
        ("PATH", "/bin"),
    ];
    let file = "streams_max = 2\nloops = 2\nfragments_max = 2\n";
    let Loaded {
        config, warnings, ..
    } = load(&flags, &env, Some(file)).unwrap();
    assert_eq!(
        (config.streams_max, config.loops, config.fragments_max),
        (4, 3, 2)
    );
    assert_eq!(config.drain_ms, Config::default().drain_ms);
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn the_last_of_a_repeated_flag_stands() {
    let loaded = load(&[("loops", "1"), ("loops", "2")], &[], None).unwrap();
    assert_eq!(loaded.config.loops, 2);
}

#[test]
fn a_file_may_write_values_as_text_number_or_switch() {
    let file = "listen = '[::1]:0'\nloops = \"3\"\nheartbeat_ms = 1_000\nlog_json = true\n";
    let config = load(&[], &[], Some(file)).unwrap().config;
    assert_eq!(config.listen.to_string(), "[::1]:0");
    assert_eq!(
        (config.loops, config.heartbeat_ms, config.log_json),
        (3, 1000, true)
    );
}

#[test]
fn a_bad_value_names_key_value_origin_and_what_is_allowed() {
    assert_eq!(
        error(&[("heartbeat-ms", "99")], &[], None),
        "heartbeat_ms: \"99\" from flag --heartbeat-ms is not allowed; \
         allowed: a whole number from 100 to 86400000"
    );
    assert_eq!(
        error(&[], &[("AGNT_ALLOW_ANONYMOUS", "yes\n")], None),
        "allow_anonymous: \"yes\\n\" from environment variable AGNT_ALLOW_ANONYMOUS is not \
         allowed; allowed: true or false"
    );
    assert_eq!(
        error(&[], &[], Some("loops = 1.5\n")),
        "loops: \"1.5\" from file agnt.toml is not allowed; allowed: a whole number from 1 to \
         1024, or 0 for one per core but one, at least one"
    );
    for (flag, bad) in [
        ("listen", "localhost"),
        ("listen", "127.0.0.1:65536"),
        ("data-dir", ""),
        ("max-connections", "0"),
        ("handshake-ms", "0"),
        ("outbox-bytes-max", "65599"),
        ("log", "agnt=loud"),
    ] {
        let line = error(&[(flag, bad)], &[], None);
        assert!(line.contains(&format!("\"{bad}\"")), "{line}");
    }
}

#[test]
fn a_bad_value_is_refused_even_where_another_stands_over_it() {
    let line = error(&[("loops", "2")], &[], Some("loops = \"many\"\n"));
    assert!(
        line.starts_with("loops: \"many\" from file agnt.toml"),
        "{line}"
    );
}

#[test]
fn tables_and_lists_are_no_values() {
    assert!(error(&[], &[], Some("[loops]\nmax = 1\n")).starts_with("loops: "));
    assert!(error(&[], &[], Some("data_dir = [\"a\",\n \"b\"]\n")).starts_with("data_dir: "));
}

#[test]
fn an_unknown_key_names_the_nearest() {
    assert_eq!(
        error(&[], &[], Some("max_conections = 5\n")),
        "max_conections: no such key (from file agnt.toml); nearest known: max_connections"
    );
    assert!(error(&[("lisen", "x")], &[], None).ends_with("nearest known: listen"));
}

#[test]
fn an_unknown_variable_of_ours_is_a_warning() {
    let env = [("AGNT_LISTEM", "x"), ("OTHER", "y"), ("AGNT_LOOPS", "2")];
    let Loaded {
        config, warnings, ..
    } = load(&[], &env, None).unwrap();
    assert_eq!(config.loops, 2);
    assert_eq!(
        warnings,
        [
            "environment variable AGNT_LISTEM is not known and has no effect; \
          nearest known: AGNT_LISTEN"
        ]
    );
}

#[test]
fn a_broken_file_names_the_line() {
    let line = error(&[], &[], Some("loops = 2\n\nlisten = \n"));
    assert!(
        line.starts_with("config: file agnt.toml is not TOML, line 3: "),
        "{line}"
    );
    let line = error(&[], &[], Some("loops = 2\nloops = 3\n"));
    assert!(line.contains("line 2: duplicate key"), "{line}");
}

#[test]
fn listening_beyond_loopback_without_credentials_needs_allow_anonymous() {
    let check = |flags: &[(&str, &str)]| {
        let config = load(flags, &[], None).unwrap().config;
        config.check_without_credentials()
    };
    for open in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80"] {
        let line = check(&[("listen", open)]).unwrap_err().to_string();
        assert!(
            line.starts_with(&format!("listen: {open} is not allowed")),
            "{line}"
        );
        assert!(
            line.contains("--allow-anonymous") && !line.contains('\n'),
            "{line}"
        );
        check(&[("listen", open), ("allow-anonymous", "true")]).unwrap();
    }
    for closed in [
        "127.0.0.1:0",
        "127.8.8.8:1",
        "[::1]:0",
        "[::ffff:127.0.0.1]:0",
    ] {
        check(&[("listen", closed)]).unwrap();
    }
    // Who comes through a proxy is anywhere.
    let proxied = ("trusted-proxy", "127.0.0.0/8");
    let line = check(&[proxied]).unwrap_err().to_string();
    assert!(
        line.starts_with("trusted_proxy: 127.0.0.0/8 is not allowed"),
        "{line}"
    );
    check(&[proxied, ("allow-anonymous", "true")]).unwrap();
}

#[test]
fn words_files_hosts_and_addresses_are_read_and_printed() {
    let flags = [
        ("sync", "relaxed"),
        (
            "outbound-allow",
            "hooks.example.com, *.example.org:8443,10.0.0.0/8",
        ),
        ("outbound-hmac-secret-file", "secret.txt"),
        ("public-url", "https://swarm.example.com/"),
    ];
    let config = load(&flags, &[], None).unwrap().config;
    assert_eq!(config.sync, super::Durability::Relaxed);
    assert_eq!(config.outbound_allow.len(), 3);
    assert_eq!(
        config.public_url.as_deref(),
        Some("https://swarm.example.com")
    );
    let printed = config.to_toml();
    assert_eq!(load(&[], &[], Some(&printed)).unwrap().config, config);
    let listed = "outbound_allow = [\"hooks.example.com\", \"*.example.org:8443\", \"10.0.0.0/8\"]\n\
                  outbound_hmac_secret_file = \"secret.txt\"\n";
    let listed = load(&[], &[], Some(listed)).unwrap().config;
    assert_eq!(listed.outbound_allow, config.outbound_allow);
    for (flag, bad) in [
        ("sync", "never"),
        ("outbound-allow", "hooks.example.com,,x"),
        ("outbound-allow", "http://hooks.example.com"),
        ("public-url", "swarm.example.com"),
        ("public-url", "https://swarm.example.com/path"),
    ] {
        let line = error(&[(flag, bad)], &[], None);
        assert!(line.contains(&format!("\"{bad}\"")), "{line}");
    }
    let line = error(&[("outbound-allow", "hooks.example.com")], &[], None);
    assert!(
        line.starts_with("outbound_hmac_secret_file: none"),
        "{line}"
    );
}

#[test]
fn no_password_is_shown() {
    let given = "redis://user:HUNTER2@cache.example:6380/1";
    let config = load(&[("redis-url", given)], &[], None).unwrap().config;
    let printed = config.to_toml();
    assert!(
        printed.contains("\nredis_url = \"redis://user@cache.example:6380/1\"\n"),
        "{printed}"
    );
    assert!(!printed.contains("HUNTER2") && !format!("{config:?}").contains("HUNTER2"));
    for (bad, shown) in [
        (
            "redis://user:HUNTER2@127.0.0.1:1:1/0",
            "\"...@127.0.0.1:1:1/0\"",
        ),
        ("rediss://user:HUNTER2@host", "\"...@host\""),
        ("redis://user:HUN@TER2@host?", "\"...@host?\""),
        ("user:HUNTER2", "\"...\""),
    ] {
        let file = format!("redis_url = \"{bad}\"\n");
        for line in [
            error(&[("redis-url", bad)], &[], None),
            error(&[], &[("AGNT_REDIS_URL", bad)], None),
            error(&[], &[], Some(&file)),
        ] {
            assert!(line.starts_with(&format!("redis_url: {shown}")), "{line}");
            assert!(!line.contains("TER2"), "{line}");
        }
    }
}

#[test]
fn what_was_given_is_known_wherever_it_was_given() {
    let env = [("AGNT_LOOPS", "2"), ("AGNT_UNKNOWN", "2")];
    let loaded = load(&[("sync", "disk")], &env, Some("streams_max = 1000\n")).unwrap();
    let given: Vec<_> = loaded.given.into_iter().collect();
    assert_eq!(given, ["loops", "streams_max", "sync"]);
}

#[test]
fn bounds_that_contradict_each_other_are_refused() {
    let line = error(&[("log-bytes-max", "1000000")], &[], None);
    assert!(
        line.starts_with("tick_bytes_max: 33554432 is not allowed"),
        "{line}"
    );
    assert!(line.contains("log_bytes_max (1000000)"), "{line}");
    let line = error(&[("message-bytes-max", "8000000")], &[], None);
    assert!(
        line.starts_with("message_bytes_max: 8000000 is not allowed"),
        "{line}"
    );
}

#[test]
fn the_printed_file_loads_as_the_same_configuration() {
    let flags = [
        ("listen", "[::1]:9"),
        ("data-dir", "a \"b\" \\c"),
        ("allow-anonymous", "true"),
    ];
    let config = load(&flags, &[], None).unwrap().config;
    let printed = config.to_toml();
    assert!(printed.contains("\nlisten = \"[::1]:9\"\n"), "{printed}");
    assert_eq!(load(&[], &[], Some(&printed)).unwrap().config, config);
}
