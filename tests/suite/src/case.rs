//! A case, and how it reports a failure.

use crate::system::System;
use alloc::string::String;
use core::fmt;
use core::panic::Location;

/// A case.
pub struct Case {
    /// Its name, by group and function.
    pub name: &'static str,
    /// The function that runs it.
    pub run: fn(&System) -> Outcome,
}

/// How a case ends.
pub type Outcome = Result<(), Failure>;

/// Why a case didn't pass, and where.
pub struct Failure {
    text: String,
    place: &'static Location<'static>,
    verdict: Verdict,
}

/// Whether the kernel is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The kernel did something wrong.
    Failed,
    /// The machine lacks what the case is about, so there was nothing to see.
    Ignored,
}

impl Failure {
    /// A failure at the caller's place.
    #[track_caller]
    pub fn new(text: String) -> Self {
        Self { text, place: Location::caller(), verdict: Verdict::Failed }
    }

    /// Nothing that this machine can show; the reason is reported.
    #[track_caller]
    pub fn ignored(reason: &str) -> Self {
        Self { text: reason.into(), place: Location::caller(), verdict: Verdict::Ignored }
    }

    /// The verdict that it counts as.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What happened, or why nothing could.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl From<bellwire::Error> for Failure {
    #[track_caller]
    fn from(error: bellwire::Error) -> Self {
        Self::new(alloc::format!("the error {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}:{})", self.text, self.place.file(), self.place.line())
    }
}

/// Fails the case unless the condition holds.
#[macro_export]
macro_rules! check {
    ($condition:expr) => {
        $crate::check!($condition, "{}", stringify!($condition))
    };
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::case::Failure::new(alloc::format!($($text)+)));
        }
    };
}

/// Fails the case unless both are equal.
#[macro_export]
macro_rules! check_eq {
    ($found:expr, $expected:expr) => {
        $crate::check_eq!($found, $expected, "{}", stringify!($found))
    };
    ($found:expr, $expected:expr, $($text:tt)+) => {{
        let (found, expected) = (&$found, &$expected);
        if *found != *expected {
            let what = alloc::format!($($text)+);
            return Err($crate::case::Failure::new(alloc::format!("{what}: {found:?}, not {expected:?}")));
        }
    }};
}

/// Names functions as cases of this module's group.
#[macro_export]
macro_rules! cases {
    ($group:literal: $($(#[$attribute:meta])* $case:ident),+ $(,)?) => {
        &[$($(#[$attribute])* $crate::case::Case { name: concat!($group, "::", stringify!($case)), run: $case }),+]
    };
}
