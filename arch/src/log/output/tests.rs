//! Tests of the way to the serial line.

use super::*;
use crate::log::serial::{
    DATA, DIVISOR_LATCH, FIFO_BYTES, FIFO_CONTROL, FIFO_WORKS, LINE_CONTROL, LINE_STATUS, PATIENCE_WITHOUT_CHIP,
    SCRATCH, SENDER_EMPTY, TRANSMITTER_EMPTY,
};

/// A chip that sends when the test says so.
#[derive(Debug, Default)]
struct Fake {
    depth: u8,
    held: Vec<u8>,
    sent: Vec<u8>,
    /// How often a register was read or written.
    accesses: usize,
    scratch: u8,
    line_control: u8,
    /// Whether bytes leave it as soon as they come.
    is_quick: bool,
    lost: usize,
}

impl Fake {
    fn send(&mut self) {
        self.sent.append(&mut self.held);
    }
}

impl Chip for &mut Fake {
    fn read(&mut self, register: u16) -> u8 {
        self.accesses += 1;
        match register {
            LINE_STATUS if self.held.is_empty() => TRANSMITTER_EMPTY | SENDER_EMPTY,
            FIFO_CONTROL if self.depth == FIFO_BYTES => FIFO_WORKS | 1,
            SCRATCH => self.scratch,
            _ => 0,
        }
    }

    fn write(&mut self, register: u16, value: u8) {
        self.accesses += 1;
        match register {
            LINE_CONTROL => self.line_control = value,
            DATA if self.line_control & DIVISOR_LATCH != 0 => {}
            DATA if self.held.len() == usize::from(self.depth) => self.lost += 1,
            DATA if self.is_quick => self.sent.push(value),
            DATA => self.held.push(value),
            SCRATCH => self.scratch = value,
            _ => {}
        }
    }
}

/// Makes an output that doesn't wait.
fn output(fake: &mut Fake) -> Output<&mut Fake> {
    let mut output = Output::new(SerialPort::take(fake), 0);
    output.set_pace(Pace::AtOnce);
    output
}

#[test]
fn the_chip_gets_what_it_takes_at_once_and_the_rest_later() {
    for (depth, looks) in [(FIFO_BYTES, 3), (1, 41)] {
        let (ring, mut fake) = (Ring::<64>::new(), Fake { depth, ..Fake::default() });
        let mut output = output(&mut fake);
        ring.write(b"one line of the log\nand one that follows");
        for look in 1..=looks {
            let before = output.port.chip().accesses;
            // One look gives a part of what a chip with a FIFO takes; the last one finds no room.
            let mut left = usize::MAX;
            while output.waiting(&ring) < left {
                left = output.waiting(&ring);
                output.send(&ring);
            }
            let accesses = output.port.chip().accesses - before;
            assert!(accesses <= usize::from(depth) + 3, "round {look} takes {accesses} accesses");
            assert_eq!(output.next_send(&ring).is_some(), look < looks, "look {look}");
            output.port.chip().send();
        }
        assert_eq!(fake.sent, b"one line of the log\r\nand one that follows");
        assert_eq!(fake.lost, 0);
    }
}

#[test]
fn a_stuck_chip_costs_a_look_and_loses_nothing() {
    let (ring, mut fake) = (Ring::<64>::new(), Fake { depth: FIFO_BYTES, ..Fake::default() });
    let mut output = output(&mut fake);
    ring.write(b"0123456789abcdef");
    (0..2).for_each(|_| output.send(&ring));
    ring.write(b"later\n");
    let mut waits = Vec::new();
    for _ in 0..20 {
        let before = output.port.chip().accesses;
        output.send(&ring);
        assert_eq!(output.port.chip().accesses, before + 1);
        waits.push(output.next_send(&ring).expect("bytes wait"));
    }
    assert!(waits.is_sorted() && waits[0] == 2 * BUFFER_MICROSECONDS && waits[19] == 128 * BUFFER_MICROSECONDS);
    assert_eq!(output.waiting(&ring), 6);
    output.port.chip().send();
    output.send(&ring);
    assert_eq!((output.waiting(&ring), output.next_send(&ring)), (0, None));
    output.port.chip().send();
    assert_eq!(fake.sent, b"0123456789abcdeflater\r\n");
}

#[test]
fn one_look_is_bounded_however_quick_the_chip_is() {
    let (ring, mut fake) = (Ring::<256>::new(), Fake { depth: FIFO_BYTES, is_quick: true, ..Fake::default() });
    let mut output = output(&mut fake);
    ring.write(&[b'.'; 200]);
    output.send(&ring);
    assert_eq!(output.port.chip().sent.len(), MOST_AT_ONCE as usize);
    (0..=200 / MOST_AT_ONCE).for_each(|_| output.send(&ring));
    assert_eq!(output.port.chip().sent, [b'.'; 200]);
}

#[test]
fn what_the_ring_has_lost_is_marked_on_the_line() {
    let (ring, mut fake) = (Ring::<16>::new(), Fake { depth: FIFO_BYTES, is_quick: true, ..Fake::default() });
    let mut output = output(&mut fake);
    ring.write(b"never seen on the line: 0123456789abcdef");
    assert_eq!(output.waiting(&ring), 16);
    (0..5).for_each(|_| output.send(&ring));
    assert_eq!((output.waiting(&ring), output.next_send(&ring)), (0, None));
    assert_eq!(output.port.chip().sent, b"\r\n[24 bytes lost]\r\n0123456789abcdef");
    output.port.chip().sent.clear();
    // More is lost while the mark is on its way.
    ring.write(&[b'-'; 116]);
    output.send(&ring);
    assert_eq!(output.port.chip().sent, b"\r\n[100 bytes");
    ring.write(b"0123456789abcdef");
    (0..8).for_each(|_| output.send(&ring));
    assert_eq!(fake.sent, b"\r\n[100 bytes lost]\r\n\r\n[16 bytes lost]\r\n0123456789abcdef");
}

/// A crash waits, for a bounded time, and first sends what the line is behind.
#[test]
fn a_crash_sends_what_still_waits() {
    let (ring, mut fake) = (Ring::<64>::new(), Fake { depth: FIFO_BYTES, ..Fake::default() });
    let mut old = output(&mut fake);
    ring.write(b"the first sixteen, then these");
    old.send(&ring);
    let next = old.next;
    fake.send();
    fake.is_quick = true;
    let mut output = Output { next, ..Output::new(SerialPort::take_back(&mut fake), 0) };
    ring.write(b"\nCRASH");
    output.send(&ring);
    assert!(fake.sent.ends_with(b"the first sixteen, then these\r\nCRASH"), "{:?}", fake.sent);
}

#[test]
fn waiting_for_a_chip_that_is_not_there_ends() {
    struct Nothing(u32);
    impl Chip for Nothing {
        fn read(&mut self, _: u16) -> u8 {
            self.0 += 1;
            0
        }
        fn write(&mut self, _: u16, _: u8) {}
    }
    let ring = Ring::<64>::new();
    ring.write(b"nobody reads this\n");
    let mut output = Output::new(SerialPort::take(Nothing(0)), 0);
    output.send(&ring);
    assert_eq!(output.waiting(&ring), 0);
    assert!(output.port.chip().0 < PATIENCE_WITHOUT_CHIP + 100);
}
