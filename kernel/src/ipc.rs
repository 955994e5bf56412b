//! How messages get from those who send to those who receive: calls and answers, and what happens to a driver without a
//! call (interrupts, timers, faults, exits).
//!
//! A step here takes threads out of queues and puts them in, sets message registers, and returns who is to run next.

mod answer;
mod failure;
mod interrupt;
mod post;
mod receive;
mod send;
mod timer;
