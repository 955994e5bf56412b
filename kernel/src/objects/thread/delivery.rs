//! The interrupt message that a thread has and completes.

use super::{Thread, Token};
use crate::machine::Time;
use crate::tables::Name;

impl<C> Thread<C> {
    /// The interrupt message that it completes by receiving again.
    #[inline(always)]
    pub const fn completes(&self) -> Token {
        self.completes
    }

    /// It has taken an interrupt message.
    #[inline(always)]
    pub const fn hold(&mut self, token: Token) {
        self.completes = token;
    }

    /// It has been given the message of an interrupt that came at this time, and will run with it later.
    pub fn hold_since(&mut self, token: Token, raised: Option<Time>) {
        self.completes = token;
        self.raised = raised.map_or(0, |raised| raised.0.max(1));
    }

    /// It has no interrupt message to complete any more.
    #[inline(always)]
    pub const fn forget_token(&mut self) {
        self.completes = Token::NONE;
    }

    /// When the interrupt came whose message it hasn't run with yet; 0 for none.
    #[cfg(test)]
    pub fn raised(&self) -> u64 {
        self.raised
    }

    /// Returns the source and the time of the interrupt whose message it has, once: when it first runs with the
    /// message.
    pub fn take_delivery(&mut self) -> Option<(Name, Time)> {
        let raised = core::mem::replace(&mut self.raised, 0);
        (raised != 0).then_some((self.completes.source, Time(raised)))
    }
}
