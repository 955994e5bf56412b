//! Ends: of threads, of processes, of objects. What takes long is cut into slices.

mod exit;
mod objects;
mod reap;
mod thread;

pub(crate) use exit::EndSlice;
