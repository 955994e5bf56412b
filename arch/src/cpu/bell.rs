//! The type that `x86-entry`'s stubs are generic over.

/// Bellwire, to its entry stubs. Everything below [`crate::trap`], which implements what the stubs call, names by it
/// the data that the stubs use.
#[derive(Debug)]
pub(crate) struct Bell;
