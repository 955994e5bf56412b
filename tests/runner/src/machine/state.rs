//! The state that a case reads from outside: memory, the screen, whether the CPU halts.

use std::time::Instant;

use serde_json::json;

use super::{Machine, PAUSE};
use crate::console::DEADLINE;

impl Machine {
    /// Waits until the CPU has stopped for good: it halts with interrupts off. The machine doesn't announce that, so
    /// the CPU's state is asked for.
    #[track_caller]
    pub fn expect_halted(&mut self) {
        self.wait_until("the CPU to halt", |machine| is_halted(&machine.monitor("info registers")));
    }

    /// Asks `is_so` again and again until it holds, for what the machine doesn't announce.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, mut is_so: impl FnMut(&mut Machine) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so(self) {
            if Instant::now() > deadline {
                self.fail(&format!("waited {DEADLINE:?} for {what}"));
            }
            self.qemu.console.pause(PAUSE);
        }
    }

    /// The lines of the VGA text screen, read from its memory.
    #[track_caller]
    pub fn screen(&mut self) -> Vec<String> {
        let cells = self.memory(0xb8000, 80 * 25 * 2);
        let text = |line: &[u8]| line.chunks(2).map(|cell| char::from(cell[0])).collect::<String>();
        cells.chunks(160).map(|line| text(line).trim_end_matches(['\0', ' ']).to_owned()).collect()
    }

    /// Waits until a line of the VGA text screen contains the text.
    #[track_caller]
    pub fn expect_on_screen(&mut self, text: &str) {
        self.wait_until(&format!("{text:?} on the screen"), |machine| {
            machine.screen().iter().any(|line| line.contains(text))
        });
    }

    /// The machine's memory, by physical address.
    #[track_caller]
    pub fn memory(&mut self, address: u64, bytes: usize) -> Vec<u8> {
        let file = self.qemu.folder.file("memory.bytes");
        self.command("pmemsave", json!({ "val": address, "size": bytes, "filename": file }));
        match std::fs::read(&file) {
            Ok(content) => content,
            Err(error) => self.fail(&format!("the memory can't be read: {error}")),
        }
    }
}

/// Reads QEMU's list of registers: `HLT=1` among its states, and the interrupt flag off.
fn is_halted(registers: &str) -> bool {
    const INTERRUPT_FLAG: u64 = 1 << 9;
    let value = |name: &str| registers.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let flags = value("RFL").or(value("EFL")).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    value("HLT") == Some("1") && flags.is_some_and(|flags| flags & INTERRUPT_FLAG == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_is_halted_only_with_interrupts_off() {
        assert!(is_halted("RIP=0 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\nES =0010"));
        assert!(is_halted("EIP=0 EFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\n"));
        assert!(!is_halted("RIP=0 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\n"));
        assert!(!is_halted("RIP=0 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\n"));
        assert!(!is_halted("nothing"));
    }
}
