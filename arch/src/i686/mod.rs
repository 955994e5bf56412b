//! i686: what 32-bit x86 with PAE has its own way of doing.

pub mod layout;
