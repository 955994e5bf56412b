//! `edu`: QEMU's teaching device.

use super::counted;
use crate::{Command, Failure, Shell, ask};
use alloc::format;
use bellwire::protocol::{EduCounts, EduRequest, ProgramState};
use core::fmt::Write;

/// The most interrupts that one command asks of each device.
const MOST_TIMES: u32 = EduRequest::MOST_ROUNDS;
/// The largest number whose factorial has 32 bits: the device calculates in 32 bits.
const MOST_FACTORIAL: u32 = 12;

/// The command, with the request to the devices.
pub struct Edu {
    request: EduRequest,
}

impl Command for Edu {
    const NAME: &str = "edu";
    const ARGUMENTS: &str = "[COUNT|N!|hold|storm]";
    const PURPOSE: &str = "let QEMU's edu devices interrupt";
    const HELP: &str = "\
Asks something of QEMU's teaching devices (-device edu), and says how often they have interrupted.

  edu        only says it
  edu COUNT  lets each device interrupt COUNT times, 100000 at most
  edu N!     has the first device calculate a factorial, of 12 at most
  edu hold   lets each device interrupt, and leaves it unserved
  edu storm  lets each device interrupt without end, until \"kill edu\"";

    fn parse(words: &[&str]) -> Option<Self> {
        let request = match words {
            [] => EduRequest::Counts,
            ["hold"] => EduRequest::Hold,
            ["storm"] => EduRequest::Storm,
            [word] => match word.strip_suffix('!') {
                Some(number) => EduRequest::Factorial(number.parse().ok()?),
                None => EduRequest::Raise(word.parse().ok()?),
            },
            _ => return None,
        };
        Some(Self { request })
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        within_limits(self.request)?;
        let programs = shell.programs()?;
        let driver = programs.iter().find(|program| program.name.as_str() == "edu").map(|program| program.state);
        device_may_be_there(driver)?;
        let words = ask(&shell.edu, self.request)?;
        if let EduRequest::Factorial(number) = self.request {
            return Ok(writeln!(shell, "{number}! = {}", words[0])?);
        }
        let EduCounts { messages, interrupts, served, devices } = EduCounts::from_words(words)?;
        Ok(writeln!(
            shell,
            "{}, served {}, by {} for {}",
            counted(devices, "device", "devices"),
            counted(served, "time", "times"),
            counted(messages, "message", "messages"),
            counted(interrupts, "interrupt", "interrupts"),
        )?)
    }
}

/// Fails where the driver has found no device, or isn't part of the system. A driver that is stopped shows by the
/// answer to the request.
fn device_may_be_there(driver: Option<ProgramState>) -> Result<(), Failure> {
    match driver {
        None | Some(ProgramState::Absent) => Err(Failure::because("There is no edu device.")),
        _ => Ok(()),
    }
}

/// Refuses a request that would take too long or give a wrong number.
fn within_limits(request: EduRequest) -> Result<(), Failure> {
    match request {
        EduRequest::Raise(count) if count > MOST_TIMES => {
            Err(Failure::Because(format!("One command lets each device interrupt {MOST_TIMES} times at most.")))
        }
        EduRequest::Factorial(number) if number > MOST_FACTORIAL => Err(Failure::Because(format!(
            "The device calculates in 32 bits: {MOST_FACTORIAL}! is its highest factorial."
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_missed_only_where_its_driver_found_none() {
        assert!(device_may_be_there(None).is_err());
        assert!(device_may_be_there(Some(ProgramState::Absent)).is_err());
        for state in [ProgramState::Running, ProgramState::Waiting, ProgramState::Stopped, ProgramState::Ended] {
            assert_eq!(device_may_be_there(Some(state)), Ok(()), "{}", state.name());
        }
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let refusal = |word| within_limits(Edu::parse(&[word]).expect("a request").request).err();
        for word in ["0", "100000", "12!", "hold", "storm"] {
            assert_eq!(refusal(word), None, "{word}");
        }
        for word in ["100001", "4294967295", "13!"] {
            assert!(matches!(refusal(word), Some(Failure::Because(text)) if text.ends_with('.')), "{word}");
        }
        let product = |number: u32| (1..=number).try_fold(1, u32::checked_mul);
        assert!(product(MOST_FACTORIAL).is_some() && product(MOST_FACTORIAL + 1).is_none());
    }
}
