//! Time: the time stamp counter, the counters by which it is measured, and the timers that interrupt.

pub mod pit;
pub mod references;
pub mod scale;
pub mod time;
