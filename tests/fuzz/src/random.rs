//! Numbers that look random, and are the same for the same seed on every machine: xoshiro128**, which i686
//! has registers for, seeded by SplitMix64.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Random([u32; 4]);

/// The purpose of a stream. Each purpose of each step has a stream of its own, so a change in the use of one changes no
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// A step's code.
    Code = 1,
    /// A step's registers, and what is done to it.
    Plan = 2,
    /// The memory of all steps of a batch.
    Memory = 3,
}

impl Random {
    /// The stream of a seed, a step or batch, and a purpose.
    pub fn new(seed: u64, number: u64, purpose: Purpose) -> Self {
        let mut state = seed;
        let mut mixed = split_mix(&mut state) ^ number;
        let mut mixed = split_mix(&mut mixed) ^ purpose as u64;
        let [one, other] = [(); 2].map(|()| split_mix(&mut mixed));
        Self([one as u32, (one >> 32) as u32, other as u32, (other >> 32) as u32])
    }

    /// The next 32 bits.
    pub fn bits(&mut self) -> u32 {
        let [a, b, c, d] = self.0;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 9), d.rotate_left(11)];
        result
    }

    /// A number of a register's width.
    pub fn word(&mut self) -> usize {
        #[cfg(target_pointer_width = "64")]
        let word = (self.bits() as usize) << 32 | self.bits() as usize;
        #[cfg(target_pointer_width = "32")]
        let word = self.bits() as usize;
        word
    }

    /// The next number, as a byte.
    pub fn byte(&mut self) -> u8 {
        (self.bits() >> 24) as u8
    }

    /// A number below a limit, all about as likely.
    pub fn below(&mut self, limit: usize) -> usize {
        ((u64::from(self.bits()) * limit as u64) >> 32) as usize
    }

    /// Returns true once in `times` on average.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Chooses one element.
    pub fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let stream = |seed, number, purpose| {
            let mut random = Random::new(seed, number, purpose);
            [(); 8].map(|()| random.bits())
        };
        assert_eq!(stream(1, 2, Purpose::Code), stream(1, 2, Purpose::Code));
        assert_ne!(stream(1, 2, Purpose::Code), stream(2, 2, Purpose::Code));
        assert_ne!(stream(1, 2, Purpose::Code), stream(1, 3, Purpose::Code));
        assert_ne!(stream(1, 2, Purpose::Code), stream(1, 2, Purpose::Plan));
    }

    #[test]
    fn every_number_below_the_limit_comes() {
        let mut random = Random::new(7, 7, Purpose::Plan);
        let mut seen = [0; 10];
        for _ in 0..10_000 {
            seen[random.below(10)] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
    }
}
