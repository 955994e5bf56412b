//! The PC's oldest timer, an 8254, at line 0 of the 8259 interrupt controllers, which are moved away from the
//! exceptions' vectors.
use x86::io::outb;

/// The timer's vector; 14 of the other lines follow, and then the second controller's last.
pub const VECTOR: u8 = 0x20;

/// Command ports of the controllers; the mask is at the next.
const COMMANDS: [u16; 2] = [0x20, 0xA0];
const END_OF_INTERRUPT: u8 = 0x20;
/// Edge-triggered, two controllers, a fourth word follows (8259A, initialisation command word 1).
const INITIALISE: u8 = 0x11;
/// The second controller is at line 2 of the first.
const CASCADE: [u8; 2] = [1 << 2, 2];
/// 8086 mode.
const MODE: u8 = 1;

/// Ports of the 8254: its first counter, and its command. The counter counts down at 1.193182 MHz.
const COUNTER: u16 = 0x40;
const COUNTER_COMMAND: u16 = 0x43;
/// First counter, both bytes, again and again.
const PERIODIC: u8 = 0x34;
/// A hundredth of a second.
const PERIOD: u16 = 11_932;

/// Puts the controllers' lines at [`VECTOR`] and above and masks them, and starts the timer.
pub fn initialise() {
    for (index, command) in COMMANDS.into_iter().enumerate() {
        let vector = VECTOR + 8 * index as u8;
        for (port, value) in
            [(command, INITIALISE), (command + 1, vector), (command + 1, CASCADE[index]), (command + 1, MODE)]
        {
            // SAFETY: ring 0; this is the controller's initialisation sequence.
            unsafe { outb(port, value) };
        }
        // SAFETY: ring 0; a masked line stays pending.
        unsafe { outb(command + 1, !0) };
    }
    let [low, high] = PERIOD.to_le_bytes();
    for (port, value) in [(COUNTER_COMMAND, PERIODIC), (COUNTER, low), (COUNTER, high)] {
        // SAFETY: ring 0; the timer is this kernel's.
        unsafe { outb(port, value) };
    }
}

/// Lets the timer's interrupts through, which come a hundred times a second.
pub fn unmask() {
    // SAFETY: ring 0; the vector has a handler.
    unsafe { outb(COMMANDS[0] + 1, !1) };
}

/// Masks the timer's line.
pub fn mask() {
    // SAFETY: ring 0; a masked line stays pending.
    unsafe { outb(COMMANDS[0] + 1, !0) };
}

/// Tells the controller that the interrupt has been handled.
pub fn end_of_interrupt() {
    // SAFETY: ring 0; the timer's interrupt is in service.
    unsafe { outb(COMMANDS[0], END_OF_INTERRUPT) };
}
