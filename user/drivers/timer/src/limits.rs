//! What one client of the timer service may ask for.

use bellwire::Bound;

/// The most requests at a time. A client that has none has room beyond that, up to the size of the service's handle
/// table: see [`crate::LARGEST`].
pub const REQUESTS: Bound = Bound { of_client: 10, of_all: 40 };

/// The most expiries that the periods of one client may add up to, a second.
pub const EXPIRIES_OF_CLIENT: u64 = 4_000;

/// The most expiries of all clients' periods a second: the service needs a part of its share of the CPU for these, and
/// the rest for calls. A client with few of them has room beyond that.
pub const EXPIRIES_OF_ALL: u64 = 8_000;

/// How many expiries a second are few.
pub const FEW_EXPIRIES: u64 = 100;

/// The client of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The badge of its handle.
    pub badge: u16,
    /// When it asked, in cycles.
    pub since: u64,
}

impl Client {
    /// Tells whether that is the client with a badge that had ended at a time. One that was started again has the same
    /// badge.
    pub fn had_ended(self, badge: u16, before: u64) -> bool {
        self.badge == badge && self.since <= before
    }
}

/// What a client asks for, as far as limits count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// One expiry.
    Once,
    /// An expiry in each period of this number of cycles.
    Every(u64),
}

/// Tells whether a client may ask for `wanted` too, as far as expiries go. `held` are the clients and weights of what
/// was asked for so far; `frequency` is that of the cycles.
pub fn is_seldom_enough(
    held: impl Iterator<Item = (u16, Weight)>,
    client: u16,
    wanted: Weight,
    frequency: u64,
) -> bool {
    let rate = |weight| match weight {
        Weight::Once => 0,
        Weight::Every(period) => frequency.div_ceil(period.max(1)),
    };
    let wanted = rate(wanted);
    let add = |(all, own): (u64, u64), (other, weight)| {
        let rate = rate(weight);
        (all.saturating_add(rate), own.saturating_add(if other == client { rate } else { 0 }))
    };
    let (all, own) = held.fold((wanted, wanted), add);
    wanted == 0 || own <= EXPIRIES_OF_CLIENT && (all <= EXPIRIES_OF_ALL || own <= FEW_EXPIRIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERTZ: u64 = 2_000_000_000;

    fn may(held: &[Weight], wanted: Weight) -> bool {
        is_seldom_enough(held.iter().map(|weight| (1, *weight)), 1, wanted, HERTZ)
    }

    #[test]
    fn greedy_clients_leave_room_for_a_few_expiries_of_each_other() {
        let most = Weight::Every(HERTZ / EXPIRIES_OF_CLIENT);
        let few = Weight::Every(HERTZ / FEW_EXPIRIES);
        let held = [(1, most), (2, most)];
        assert!(!is_seldom_enough(held.into_iter(), 3, most, HERTZ));
        assert!(is_seldom_enough(held.into_iter().take(1), 3, most, HERTZ));
        assert!(is_seldom_enough(held.into_iter(), 3, few, HERTZ));
        assert!(!is_seldom_enough(held.into_iter().chain([(3, few)]), 3, few, HERTZ));
        assert!(is_seldom_enough(held.into_iter().chain([(3, few)]), 4, few, HERTZ));
        assert!(is_seldom_enough(held.into_iter().chain([(3, few)]), 1, Weight::Once, HERTZ));
    }

    #[test]
    fn what_a_client_asks_for_when_it_was_started_again_stays() {
        let client = Client { badge: 7, since: 100 };
        assert!(client.had_ended(7, 100));
        assert!(!client.had_ended(8, 100));
        assert!(!client.had_ended(7, 99), "the notice is late");
    }

    #[test]
    fn what_expires_once_is_seldom() {
        assert!(may(&[Weight::Once; 100], Weight::Once));
    }

    #[test]
    fn expiries_of_all_periods_add_up() {
        let half = Weight::Every(2 * HERTZ / EXPIRIES_OF_CLIENT);
        assert!(may(&[half], half));
        assert!(!may(&[half, half], half));
        assert!(may(&[half, half], Weight::Once));
        assert!(may(&[], Weight::Every(HERTZ / EXPIRIES_OF_CLIENT)));
        assert!(!may(&[], Weight::Every(HERTZ / EXPIRIES_OF_CLIENT - 1)));
    }

    #[test]
    fn no_period_overflows() {
        assert!(!may(&[Weight::Every(0); 3], Weight::Every(0)));
        assert!(may(&[Weight::Every(u64::MAX)], Weight::Every(u64::MAX)));
    }
}
