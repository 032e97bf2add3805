//! Counters and gauges: one relaxed atomic each, or one for each value of a label.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::label::Label;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// The sum so far.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Time that only grows, shown in seconds.
#[derive(Debug, Default)]
pub struct TimeCounter(Counter);

impl TimeCounter {
    /// Adds nanoseconds.
    pub fn add_ns(&self, duration_ns: u64) {
        self.0.add(duration_ns);
    }

    /// The sum so far, in nanoseconds.
    pub fn value_ns(&self) -> u64 {
        self.0.value()
    }
}

/// A number that rises and falls.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds `change`, which may be negative.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    /// Sets the number, where one place alone knows it.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The number now.
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter for each value of a label.
#[derive(Debug)]
pub struct CounterBy<L> {
    counters: Box<[Counter]>,
    label: PhantomData<fn(L)>,
}

/// A gauge for each value of a label.
#[derive(Debug)]
pub struct GaugeBy<L> {
    gauges: Box<[Gauge]>,
    label: PhantomData<fn(L)>,
}

impl<L: Label> Default for CounterBy<L> {
    fn default() -> Self {
        let counters = L::TEXTS.iter().map(|_| Counter::default()).collect();
        Self {
            counters,
            label: PhantomData,
        }
    }
}

impl<L: Label> Default for GaugeBy<L> {
    fn default() -> Self {
        let gauges = L::TEXTS.iter().map(|_| Gauge::default()).collect();
        Self {
            gauges,
            label: PhantomData,
        }
    }
}

impl<L: Label> CounterBy<L> {
    /// Adds `count` under `label`.
    pub fn add(&self, label: L, count: u64) {
        self.of(label).add(count);
    }

    /// Adds one under `label`.
    pub fn increment(&self, label: L) {
        self.add(label, 1);
    }

    /// The counter of `label`.
    pub fn of(&self, label: L) -> &Counter {
        &self.counters[label.index()]
    }

    /// Every label's text with its sum.
    pub(super) fn values(&self) -> impl Iterator<Item = (&'static str, u64)> {
        L::TEXTS
            .iter()
            .copied()
            .zip(self.counters.iter().map(Counter::value))
    }
}

impl<L: Label> GaugeBy<L> {
    /// Adds `change`, which may be negative, under `label`.
    pub fn add(&self, label: L, change: i64) {
        self.of(label).add(change);
    }

    /// The gauge of `label`.
    pub fn of(&self, label: L) -> &Gauge {
        &self.gauges[label.index()]
    }

    /// Every label's text with its number.
    pub(super) fn values(&self) -> impl Iterator<Item = (&'static str, i64)> {
        L::TEXTS
            .iter()
            .copied()
            .zip(self.gauges.iter().map(Gauge::value))
    }
}
