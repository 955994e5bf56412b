//! A program that makes and destroys one object again and again: no stale handle comes to mean another's object, and
//! others can make theirs afterwards.

use super::attempt;
use crate::case::{Case, Outcome};
use crate::hostile;
use crate::scene::Scene;
use bellwire::{Endpoint, Timer};
use suite::hostile::Attempt;

pub const CASES: &[Case] = hostile!["names": more_lives_than_generations];

fn more_lives_than_generations(scene: &Scene<'_>) -> Outcome {
    attempt(scene, Attempt::WornNames)?;
    let endpoint = Endpoint::new()?;
    Timer::new(&endpoint, 1)?.destroy()?;
    endpoint.destroy()?;
    Ok(())
}
