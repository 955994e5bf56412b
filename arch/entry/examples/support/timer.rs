//! The PC's oldest timer: line 0 of the 8259 interrupt controllers, which are moved away from the exceptions' vectors.
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

/// Puts the controllers' lines at [`VECTOR`] and above, and masks them.
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
}

/// Lets the timer's interrupts through, which come 18 times a second as the firmware left it.
pub fn unmask() {
    // SAFETY: ring 0; the vector has a handler.
    unsafe { outb(COMMANDS[0] + 1, !1) };
}

/// Holds them back.
pub fn mask() {
    // SAFETY: ring 0; a masked line stays pending.
    unsafe { outb(COMMANDS[0] + 1, !0) };
}

/// Tells the controller that the interrupt has been handled.
pub fn end_of_interrupt() {
    // SAFETY: ring 0; the timer's interrupt is in service.
    unsafe { outb(COMMANDS[0], END_OF_INTERRUPT) };
}
