//! What the driver leaves to the next instance.

use crate::{Kept, Keys, Mouse, Record, Store};

/// The driver's successor, which goes on where the driver ends.
pub trait Successor {
    /// Keeps the state of keys and mouse for the successor.
    fn keep(&mut self, keys: &Keys, mouse: &Mouse);

    /// Notes that the driver works with the state that it was given.
    fn settle(&mut self);
}

/// There is nowhere to keep anything.
impl Successor for () {
    fn keep(&mut self, _: &Keys, _: &Mouse) {}

    fn settle(&mut self) {}
}

impl<S: Successor> Successor for Option<S> {
    fn keep(&mut self, keys: &Keys, mouse: &Mouse) {
        self.iter_mut().for_each(|successor| successor.keep(keys, mouse));
    }

    fn settle(&mut self) {
        self.iter_mut().for_each(S::settle);
    }
}

impl<M: Kept> Successor for Store<M> {
    fn keep(&mut self, keys: &Keys, mouse: &Mouse) {
        let mut record = Record::default();
        keys.save(&mut record);
        mouse.save(&mut record);
        Store::keep(self, &record);
    }

    fn settle(&mut self) {
        Store::settle(self);
    }
}
