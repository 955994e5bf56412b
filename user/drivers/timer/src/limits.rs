//! What one client of the timer service may ask for.

/// The most requests of one client at a time.
pub const REQUESTS_PER_CLIENT: usize = 10;

/// The most requests of all clients. One that has none has room beyond that, up to the size of the service's handle
/// table: see [`crate::LARGEST`].
pub const REQUESTS: usize = 40;

/// The most expiries that the periods of one client may add up to, a second.
pub const EXPIRIES_PER_SECOND: u64 = 4_000;

/// What a client asks for, as far as limits count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// One expiry.
    Once,
    /// An expiry in each period of this number of cycles.
    Every(u64),
}

/// Tells whether a client that has asked for `held` may ask for `wanted` too, where all clients together have asked for
/// `all` requests. `frequency` is that of the cycles.
pub fn is_within_limits(all: usize, held: impl Iterator<Item = Weight>, wanted: Weight, frequency: u64) -> bool {
    let rate = |weight| match weight {
        Weight::Once => 0,
        Weight::Every(period) => frequency.div_ceil(period.max(1)),
    };
    let add = |(count, expiries): (usize, u64), weight| (count + 1, expiries.saturating_add(rate(weight)));
    let (count, expiries) = held.fold((1, rate(wanted)), add);
    count <= REQUESTS_PER_CLIENT && (count == 1 || all < REQUESTS) && expiries <= EXPIRIES_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERTZ: u64 = 2_000_000_000;

    fn may(held: &[Weight], wanted: Weight) -> bool {
        is_within_limits(held.len(), held.iter().copied(), wanted, HERTZ)
    }

    #[test]
    fn greedy_clients_leave_room_for_one_request_of_each_other() {
        assert!(is_within_limits(REQUESTS, [].into_iter(), Weight::Once, HERTZ));
        assert!(!is_within_limits(REQUESTS, [Weight::Once].into_iter(), Weight::Once, HERTZ));
        assert!(is_within_limits(REQUESTS - 1, [Weight::Once].into_iter(), Weight::Once, HERTZ));
    }

    #[test]
    fn the_number_of_requests_is_bounded() {
        let slow = Weight::Every(HERTZ);
        for weight in [Weight::Once, slow] {
            assert!(may(&[weight; REQUESTS_PER_CLIENT - 1], weight));
            assert!(!may(&[weight; REQUESTS_PER_CLIENT], weight));
        }
    }

    #[test]
    fn expiries_of_all_periods_add_up() {
        let half = Weight::Every(2 * HERTZ / EXPIRIES_PER_SECOND);
        assert!(may(&[half], half));
        assert!(!may(&[half, half], half));
        assert!(may(&[half, half], Weight::Once));
        assert!(may(&[], Weight::Every(HERTZ / EXPIRIES_PER_SECOND)));
        assert!(!may(&[], Weight::Every(HERTZ / EXPIRIES_PER_SECOND - 1)));
    }

    #[test]
    fn no_period_overflows() {
        assert!(!may(&[Weight::Every(0); 3], Weight::Every(0)));
        assert!(may(&[Weight::Every(u64::MAX)], Weight::Every(u64::MAX)));
    }
}
