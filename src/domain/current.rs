//! What holds at the moment and may be replaced while it is used.

use std::sync::{Arc, PoisonError, RwLock};

/// A value that many read and few replace. Who has read it keeps what held then.
#[derive(Debug, Default)]
pub struct Current<T>(RwLock<Arc<T>>);

impl<T> Current<T> {
    /// This holds at first.
    pub fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    /// What holds now.
    pub fn read(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this holds.
    pub fn replace(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_read_keeps_what_held_then() {
        let current = Current::new(1);
        let earlier = current.read();
        current.replace(2);
        assert_eq!((*earlier, *current.read()), (1, 2));
    }
}
