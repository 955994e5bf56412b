//! `date`: prints the date and the time of day.

use crate::{Command, Failure, Shell, ask};
use bellwire::protocol::{ClockRequest, DateTime};
use core::fmt::Write;

/// The command.
pub struct Date;

impl Command for Date {
    const NAME: &str = "date";
    const PURPOSE: &str = "the day of the week, the date and the time";
    const HELP: &str =
        "Says the day of the week, the date and the time of day, as the real-time clock has them (by custom UTC).";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let date = DateTime::from_words(ask(&shell.clock, ClockRequest::Time)?)?;
        Ok(writeln!(shell, "{} {date}", weekday(date))?)
    }
}

/// Returns the day of the week in the Gregorian calendar, by Zeller's congruence.
fn weekday(DateTime { year, month, day, .. }: DateTime) -> &'static str {
    // January and February count as the last months of the year before.
    let (year, month) = match month {
        1 | 2 => (u32::from(year).saturating_sub(1), u32::from(month) + 12),
        _ => (u32::from(year), u32::from(month)),
    };
    let days = u32::from(day) + 13 * (month + 1) / 5 + year + year / 4 - year / 100 + year / 400;
    ["Saturday", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday"][days as usize % 7]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_week() {
        let weekday = |year, month, day| weekday(DateTime { year, month, day, ..DateTime::default() });
        assert_eq!(weekday(1970, 1, 1), "Thursday");
        assert_eq!(weekday(2000, 2, 29), "Tuesday");
        assert_eq!(weekday(2026, 11, 29), "Sunday");
        assert_eq!(weekday(2100, 3, 1), "Monday");
        assert_eq!(weekday(0, 0, 0), weekday(0, 0, 0), "no date of a broken clock is out of range");
    }
}
