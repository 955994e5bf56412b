//! An object whose end has begun is used: what its end has given back already belongs to others.

use super::attempt;
use crate::case::{Case, Outcome};
use crate::hostile;
use crate::scene::Scene;
use suite::hostile::Attempt;

pub const CASES: &[Case] = hostile!["ending": memory_whose_end_has_begun, endpoints_and_processes_that_have_ended];

/// One slice of `destroy` gives 32 pages back, another memory object gets them, and then the ending one is to be
/// zeroed.
fn memory_whose_end_has_begun(scene: &Scene<'_>) -> Outcome {
    attempt(scene, Attempt::EndingMemory)
}

fn endpoints_and_processes_that_have_ended(scene: &Scene<'_>) -> Outcome {
    attempt(scene, Attempt::EndingOthers)
}
