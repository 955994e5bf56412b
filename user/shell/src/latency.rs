//! Short times, for people to read.

use core::fmt;
use core::time::Duration;

/// A short time that is shown with three digits and a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency(pub Duration);

impl fmt::Display for Latency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.as_nanos();
        let (unit, name) = match nanoseconds {
            0..1_000 => return formatter.pad(&alloc::format!("{nanoseconds}ns")),
            1_000..1_000_000 => (1_000, "us"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let (whole, tenth) = (nanoseconds / unit, nanoseconds % unit * 10 / unit);
        match whole {
            0..100 => formatter.pad(&alloc::format!("{whole}.{tenth}{name}")),
            _ => formatter.pad(&alloc::format!("{whole}{name}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn latencies_have_a_readable_unit() {
        let shown = |nanoseconds| format!("{:>7}", Latency(Duration::from_nanos(nanoseconds)));
        assert_eq!(shown(0), "    0ns");
        assert_eq!(shown(999), "  999ns");
        assert_eq!(shown(1_250), "  1.2us");
        assert_eq!(shown(123_456), "  123us");
        assert_eq!(shown(5_000_000_000), "   5.0s");
    }
}
