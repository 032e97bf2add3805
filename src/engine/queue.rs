//! Bounded queues between threads: the only file that names flume.
//!
//! flume's channels are bounded multi-producer queues behind a short lock. They carry what is
//! rare (connections to adopt, orders to a loop); frames travel through the logs.

/// The sending half.
#[derive(Debug)]
pub struct Sender<T>(flume::Sender<T>);

/// The receiving half.
#[derive(Debug)]
pub struct Receiver<T>(flume::Receiver<T>);

/// The queue has ended or is full; the value comes back.
#[derive(Debug)]
pub struct NotSent<T>(pub T);

/// A queue of at most `items_max` values.
pub fn bounded<T>(items_max: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = flume::bounded(items_max);
    (Sender(sender), Receiver(receiver))
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Sender<T> {
    /// Waits for room; fails only when the receiver is gone.
    pub async fn send(&self, value: T) -> Result<(), NotSent<T>> {
        self.0
            .send_async(value)
            .await
            .map_err(|error| NotSent(error.0))
    }

    /// Sends if there is room now.
    pub fn try_send(&self, value: T) -> Result<(), NotSent<T>> {
        self.0
            .try_send(value)
            .map_err(|error| NotSent(error.into_inner()))
    }
}

impl<T> Receiver<T> {
    /// The next value, if one waits.
    pub fn try_recv(&self) -> Option<T> {
        self.0.try_recv().ok()
    }
}
