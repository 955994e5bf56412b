//! How messages get from senders to receivers: calls, answers, and the messages that no program sends (interrupts,
//! timers, faults, exits).
//!
//! A step here moves threads in and out of queues, sets message registers, and returns which thread is to run next.

mod answer;
mod failure;
mod interrupt;
mod post;
mod receive;
mod reply;
mod send;
mod storm;
mod timer;
