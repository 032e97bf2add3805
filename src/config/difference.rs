//! What differs between the configuration of a running server and one that was read anew.

use super::ConfigError;
use super::settings::{Change, Config, SETTINGS, Setting};

/// The settings that differ; see the module.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// Those that can change at once.
    pub live: Vec<&'static Setting>,
    /// Those that wait for the next start.
    pub restart: Vec<&'static Setting>,
}

impl Difference {
    /// What differs from `running` in `wished`.
    pub fn between(running: &Config, wished: &Config) -> Self {
        let mut difference = Self::default();
        for setting in SETTINGS {
            if !setting.is_same(running, wished) {
                match setting.change {
                    Change::Live => difference.live.push(setting),
                    Change::Restart => difference.restart.push(setting),
                }
            }
        }
        difference
    }

    /// `running` with what can change at once as `wished`, checked as a whole: what goes together in
    /// a file may not go together with what waits for the next start.
    pub fn applied(&self, running: &Config, wished: &Config) -> Result<Config, ConfigError> {
        let mut applied = running.clone();
        for setting in &self.live {
            setting.take(&mut applied, wished);
        }
        applied.check_together()?;
        Ok(applied)
    }

    /// The keys of settings, for people.
    pub fn keys(settings: &[&'static Setting]) -> String {
        let keys: Vec<_> = settings.iter().map(|setting| setting.key).collect();
        keys.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: impl FnOnce(&mut Config)) -> Config {
        let mut config = Config::default();
        change(&mut config);
        config
    }

    #[test]
    fn what_can_change_is_told_from_what_waits() {
        let running = Config::default();
        let wished = config(|it| {
            it.rate_limit = 5;
            it.log = "debug".to_owned();
            it.loops = 3;
        });
        let difference = Difference::between(&running, &wished);
        assert_eq!(Difference::keys(&difference.live), "rate_limit, log");
        assert_eq!(Difference::keys(&difference.restart), "loops");
        let applied = difference.applied(&running, &wished).unwrap();
        assert_eq!((applied.rate_limit, applied.loops), (5, running.loops));
        let left = Difference::between(&applied, &wished);
        assert!(left.live.is_empty(), "{left:?}");
    }

    #[test]
    fn what_is_not_shown_differs_all_the_same() {
        let with = |address: &str| config(|it| it.redis_url = Some(address.parse().unwrap()));
        let (old, new) = (with("redis://:old@host"), with("redis://:new@host"));
        let difference = Difference::between(&old, &new);
        assert_eq!(Difference::keys(&difference.restart), "redis_url");
    }

    #[test]
    fn what_needs_a_setting_that_waits_is_refused() {
        let running = Config::default();
        let wished = config(|it| {
            it.message_bytes_max = 8 << 20;
            it.events_bytes_max = 8 << 20;
        });
        let difference = Difference::between(&running, &wished);
        let refused = difference.applied(&running, &wished).unwrap_err();
        assert!(
            refused.to_string().starts_with("message_bytes_max: "),
            "{refused}"
        );
    }

    #[test]
    fn each_setting_is_taken_alone() {
        let wished = config(|it| it.rate_limit = 5);
        for setting in SETTINGS {
            let mut taken = Config::default();
            setting.take(&mut taken, &wished);
            assert_eq!(
                taken == wished,
                setting.key == "rate_limit",
                "{}",
                setting.key
            );
        }
    }
}
