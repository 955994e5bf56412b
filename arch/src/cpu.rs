//! One CPU: what it has, its segments, its stacks, and what it does when no thread is ready.

pub(crate) mod bell;
pub mod cell;
pub mod features;
pub(crate) mod idle;
pub mod io_permission;
pub(crate) mod machine_check;
pub(crate) mod nmi;
#[cfg_attr(target_arch = "x86", path = "cpu/segments/i686.rs")]
#[cfg_attr(target_arch = "x86_64", path = "cpu/segments/x86_64.rs")]
pub(crate) mod segments;
mod stack;
pub(crate) mod unoffered_calls;
