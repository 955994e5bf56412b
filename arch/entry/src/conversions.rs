//! Conversions from and to the types of the crates `x86` and, with the feature of that name, `x86_64`.
//!
//! A kernel that goes over to this crate step by step has both crates' types for a while.

mod x86;
#[cfg(all(feature = "x86_64", target_arch = "x86_64"))]
mod x86_64;
