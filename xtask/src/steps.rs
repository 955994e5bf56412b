//! The steps of a long command, each announced with its place among them.

use crate::{Result, say};

/// The steps of a command, in order.
///
/// Steps are collected first, so that each can say how many there are: `[2/5] building the kernel`.
#[derive(Default)]
pub struct Steps {
    steps: Vec<(String, Box<dyn FnOnce() -> Result>)>,
}

impl Steps {
    /// Makes an empty list of steps.
    pub fn new() -> Steps {
        Steps::default()
    }

    /// Adds a step behind the others. `what` describes it, in the form "building the kernel".
    pub fn add(&mut self, what: impl Into<String>, step: impl FnOnce() -> Result + 'static) {
        self.steps.push((what.into(), Box::new(step)));
    }

    /// Runs all steps; the first failure ends it.
    pub fn run(self) -> Result {
        let count = self.steps.len();
        for (index, (what, step)) in self.steps.into_iter().enumerate() {
            say(&format!("[{}/{count}] {what}", index + 1));
            step()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn a_failure_ends_the_steps() {
        let done = Rc::new(RefCell::new(Vec::new()));
        let mut steps = Steps::new();
        for (number, result) in [(1, Ok(())), (2, Err("no".to_owned())), (3, Ok(()))] {
            let done = Rc::clone(&done);
            steps.add(format!("step {number}"), move || {
                done.borrow_mut().push(number);
                result
            });
        }
        assert_eq!(steps.run(), Err("no".to_owned()));
        assert_eq!(*done.borrow(), [1, 2]);
    }
}
