//! What runs beside the requests, watched over: nothing that must run for ever ends unnoticed.
//!
//! A task that can begin anew does so, after a pause that doubles; one that can't is vital, and its
//! end is that of the process.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, JoinSet};

use crate::telemetry::Metrics;

/// The pause before a task begins anew; doubled each time.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// The longest pause; a task that lasted for longer begins with the shortest again.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The tasks; see the module.
#[derive(Debug)]
pub(super) struct Background {
    tasks: JoinSet<&'static str>,
    running: Running,
    metrics: Arc<Metrics>,
}

/// What runs at the moment, by name.
#[derive(Clone, Debug, Default)]
struct Running(Arc<Mutex<BTreeMap<&'static str, AbortHandle>>>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, AbortHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Background {
    /// No task yet.
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            tasks: JoinSet::new(),
            running: Running::default(),
            metrics,
        }
    }

    /// A task without which the server is of no use.
    pub(super) fn vital(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut inner = JoinSet::new();
        self.running.lock().insert(name, inner.spawn(task));
        self.tasks.spawn(async move {
            // However it ended, it has.
            let _ = inner.join_next().await;
            name
        });
    }

    /// A task that `begin` begins, again each time that it ended.
    pub(super) fn lasting<Task>(
        &mut self,
        name: &'static str,
        mut begin: impl FnMut() -> Task + Send + 'static,
    ) where
        Task: Future<Output = ()> + Send + 'static,
    {
        let running = self.running.clone();
        let metrics = Arc::clone(&self.metrics);
        self.tasks.spawn(async move {
            let mut pause = PAUSE_MIN;
            loop {
                let mut inner = JoinSet::new();
                let began = Instant::now();
                running.lock().insert(name, inner.spawn(begin()));
                // However it ended, it begins anew.
                let _ = inner.join_next().await;
                if began.elapsed() > PAUSE_MAX {
                    pause = PAUSE_MIN;
                }
                metrics.task_restarts.increment();
                tracing::error!(task = name, "a task has ended; it begins anew in {pause:?}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        });
    }

    /// Waits until a vital task has ended, and names it.
    pub(super) async fn ended(&mut self) -> &'static str {
        match self.tasks.join_next().await {
            Some(Ok(name)) => name,
            Some(Err(_)) => "what watches over the tasks",
            None => std::future::pending().await,
        }
    }

    /// Ends a task as a panic in it would; false if there is none of that name.
    pub(super) fn end(&self, name: &str) -> bool {
        let running = self.running.lock();
        let task = running.get(name);
        if let Some(task) = task {
            task.abort();
        }
        task.is_some()
    }

    /// The names of all tasks.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.running.lock().keys().copied().collect()
    }

    /// Ends all tasks.
    pub(super) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_lasting_task_begins_anew_however_it_ends() {
        let metrics = Arc::new(Metrics::default());
        let mut background = Background::new(Arc::clone(&metrics));
        let begun = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&begun);
        background.lasting("flaky", move || {
            let count = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(count != 1, "the second panics");
                if count > 1 {
                    std::future::pending::<()>().await;
                }
            }
        });
        while begun.load(Ordering::SeqCst) < 3 {
            tokio::time::sleep(PAUSE_MIN).await;
        }
        assert_eq!(metrics.task_restarts.value(), 2);
        assert!(background.end("flaky"));
        while begun.load(Ordering::SeqCst) < 4 {
            tokio::time::sleep(PAUSE_MIN).await;
        }
        background.shutdown().await;
    }

    #[tokio::test]
    async fn the_end_of_a_vital_task_is_told() {
        let mut background = Background::new(Arc::default());
        background.vital("steady", std::future::pending());
        background.vital("broken", async { panic!("as a test wishes") });
        assert_eq!(background.ended().await, "broken");
        assert!(background.end("steady"));
        assert_eq!(background.ended().await, "steady");
        assert!(!background.end("unknown"));
    }
}
