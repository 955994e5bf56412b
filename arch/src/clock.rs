//! Time: the counter that tells it, the counters by which that one is measured, and the timers that interrupt.

pub mod pit;
pub mod rulers;
pub mod scale;
pub mod time;
