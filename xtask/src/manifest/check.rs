//! What a manifest must fulfil before an image is made of it. Each error names everyone concerned.

use super::{Program, Range};
use crate::Result;

/// Names travel in startup blocks, whose entries hold 24 bytes together with a prefix of the name's kind.
const LONGEST_NAME: usize = 16;

/// The core's priorities are 0 to 63.
const HIGHEST_PRIORITY: u8 = 63;

/// The numbers of the ISA lines and of as many IOAPIC inputs as one controller has at most.
const LAST_LINE: u8 = 239;

/// Ports that the kernel drives itself: the two interrupt controllers and the interval timer.
const KERNEL_PORTS: [Range; 3] = [Range::new(0x20, 0x21), Range::new(0x40, 0x43), Range::new(0xa0, 0xa1)];

/// What can be claimed once, with its owner.
struct Claim<'a> {
    owner: &'a str,
    range: Range,
}

/// Checks all of it; the first violation is the error.
pub fn check(programs: &[Program]) -> Result {
    for (index, program) in programs.iter().enumerate() {
        check_name("program", &program.name)?;
        if ["init", "system", "kernel", "suite"].contains(&program.name.as_str()) {
            return Err(format!("a program can't be called {:?}: the image has a file of that name", program.name));
        }
        if programs[..index].iter().any(|other| other.name == program.name) {
            return Err(format!("two programs are called {:?}", program.name));
        }
        check_values(program)?;
    }
    check_claims(programs)?;
    check_endpoints(programs)
}

fn check_name(what: &str, name: &str) -> Result {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        return Err(format!(
            "{name:?} is no name for a {what}: 1 to {LONGEST_NAME} of the letters a to z, digits and hyphens"
        ));
    }
    Ok(())
}

fn check_values(program: &Program) -> Result {
    let name = &program.name;
    if program.priority > HIGHEST_PRIORITY {
        return Err(format!("{name}: priority {} is over {HIGHEST_PRIORITY}", program.priority));
    }
    if let Some(line) = program.lines.iter().find(|line| **line > LAST_LINE) {
        return Err(format!("{name}: there is no interrupt line {line}"));
    }
    for range in &program.ports {
        if range.last > 0xffff {
            return Err(format!("{name}: there are no ports {range}; the last one is 0xffff"));
        }
        if KERNEL_PORTS.iter().any(|kernel| kernel.overlaps(*range)) {
            return Err(format!("{name}: of the ports {range} some are the kernel's own"));
        }
    }
    for range in &program.device_memory {
        if range.first % 4096 != 0 || range.count() % 4096 != 0 {
            return Err(format!("{name}: the device memory {range} isn't whole pages of 4096 bytes"));
        }
    }
    if let Some(word) =
        program.arguments.iter().find(|word| word.is_empty() || word.len() > 24 || word.contains(char::is_whitespace))
    {
        return Err(format!("{name}: the argument {word:?} isn't one word of 1 to 24 bytes"));
    }
    Ok(())
}

fn check_claims(programs: &[Program]) -> Result {
    no_conflict("interrupt line", programs, |program| {
        program.lines.iter().map(|line| Range::new(u64::from(*line), u64::from(*line))).collect()
    })?;
    no_conflict("ports", programs, |program| program.ports.clone())?;
    no_conflict("device memory", programs, |program| program.device_memory.clone())
}

fn no_conflict(what: &str, programs: &[Program], claims: impl Fn(&Program) -> Vec<Range>) -> Result {
    let mut granted: Vec<Claim> = Vec::new();
    for program in programs {
        for range in claims(program) {
            if let Some(claim) = granted.iter().find(|claim| claim.range.overlaps(range)) {
                let what =
                    if range.count() == 1 { format!("{what} {}", range.first) } else { format!("{what} {range}") };
                return Err(format!("{} and {} both claim {what}", claim.owner, program.name));
            }
            granted.push(Claim { owner: &program.name, range });
        }
    }
    Ok(())
}

/// Every endpoint has one server, and calls go uphill: a server runs at its callers' priority or above.
fn check_endpoints(programs: &[Program]) -> Result {
    let mut served: Vec<(&str, &Program)> = Vec::new();
    for program in programs {
        for endpoint in &program.serves {
            check_name("endpoint", endpoint)?;
            if let Some((_, other)) = served.iter().find(|(name, _)| name == endpoint) {
                return Err(format!("{} and {} both serve {endpoint:?}", other.name, program.name));
            }
            served.push((endpoint, program));
        }
    }
    for program in programs {
        for endpoint in &program.uses {
            let Some((_, server)) = served.iter().find(|(name, _)| name == endpoint) else {
                return Err(format!("{} uses {endpoint:?}, which no program serves", program.name));
            };
            if server.priority < program.priority {
                return Err(format!(
                    "{} (priority {}) uses {endpoint:?} of {} (priority {}): a server's priority must be at least its callers'",
                    program.name, program.priority, server.name, server.priority
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Manifest;

    /// The error for two programs with the given facts, or an empty text.
    fn error(first: &str, second: &str) -> String {
        let text = format!(
            "[[program]]\nname = \"first\"\npriority = 20\n{first}\n[[program]]\nname = \"second\"\npriority = 10\n{second}\n"
        );
        Manifest::parse(&text).err().unwrap_or_default()
    }

    #[test]
    fn what_does_not_conflict_is_accepted() {
        let first = "lines = [4]\nports = [\"0x3f8-0x3ff\"]\nserves = [\"console\"]";
        let second = "lines = [8]\nports = [\"0x70-0x71\"]\nuses = [\"console\"]";
        assert_eq!(error(first, second), "");
    }

    #[test]
    fn two_claims_to_a_line_name_both() {
        assert_eq!(error("lines = [1, 4]", "lines = [4]"), "first and second both claim interrupt line 4");
    }

    #[test]
    fn overlapping_ports_name_both() {
        let error = error("ports = [\"0x60-0x64\"]", "ports = [\"0x64-0x66\"]");
        assert_eq!(error, "first and second both claim ports 0x64-0x66");
    }

    #[test]
    fn overlapping_device_memory_names_both() {
        let error = error("device_memory = [\"0xa0000-0xbffff\"]", "device_memory = [\"0xb8000-0xb8fff\"]");
        assert_eq!(error, "first and second both claim device memory 0xb8000-0xb8fff");
    }

    #[test]
    fn the_kernels_ports_are_not_to_be_had() {
        assert_eq!(error("ports = [\"0x20-0x2f\"]", ""), "first: of the ports 0x20-0x2f some are the kernel's own");
    }

    #[test]
    fn a_part_of_a_page_is_refused() {
        assert!(error("device_memory = [\"0xb8000-0xb80ff\"]", "").contains("isn't whole pages"));
    }

    #[test]
    fn an_endpoint_without_server_is_named() {
        assert_eq!(error("uses = [\"timer\"]", ""), "first uses \"timer\", which no program serves");
    }

    #[test]
    fn an_endpoint_has_one_server() {
        let error = error("serves = [\"timer\"]", "serves = [\"timer\"]");
        assert_eq!(error, "first and second both serve \"timer\"");
    }

    #[test]
    fn calls_go_uphill() {
        let error = error("uses = [\"timer\"]", "serves = [\"timer\"]");
        assert!(error.starts_with("first (priority 20) uses \"timer\" of second (priority 10)"), "{error}");
    }

    #[test]
    fn names_are_unique_and_plain() {
        let program = |name: &str| format!("[[program]]\nname = \"{name}\"\npriority = 1\n");
        let twice = Manifest::parse(&(program("a") + &program("a"))).err();
        assert_eq!(twice.as_deref(), Some("two programs are called \"a\""));
        for name in ["", "A", "a b", "seventeen-letters", "init"] {
            assert!(Manifest::parse(&program(name)).is_err(), "{name:?}");
        }
    }
}
