use super::*;
use alloc::rc::Rc;
use alloc::vec::Vec;
use bellwire::protocol::CHUNK_BYTES;
use core::cell::{Ref, RefCell, RefMut};

/// The kind of the chip.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Model {
    /// The chip has a working FIFO.
    #[default]
    With16550A,
    /// The chip has a FIFO that loses bytes. It shows by one bit of two that the FIFO is on.
    With16550,
    /// The chip has no FIFO.
    With16450,
}

/// As much of a UART as the driver can see, and the sender at the other end of the cable.
#[derive(Default)]
struct Chip {
    model: Model,
    fifo_is_on: bool,
    /// The value that every register reads as, once the chip has been pulled.
    pulled: Option<u8>,
    /// The chip asks for service without end.
    stuck: bool,
    /// The chip never says that it asks for service, and its interrupt reaches nobody.
    silent: bool,
    /// The chip has this byte to read without end.
    endless: Option<u8>,
    interrupts: u8,
    line_control: u8,
    modem_control: u8,
    fifo: VecDeque<u8>,
    overrun: bool,
    transmitting: Vec<u8>,
    transmit_interrupt: bool,
    sent: Vec<u8>,
}

impl Chip {
    /// Returns how many bytes the chip holds in each direction.
    fn room(&self) -> usize {
        if self.fifo_is_on { FIFO_SIZE } else { 1 }
    }

    /// Lets a byte arrive without flow control, whether there is room or not.
    fn arrive(&mut self, byte: u8) {
        if self.fifo.len() < self.room() { self.fifo.push_back(byte) } else { self.overrun = true }
    }

    fn has_data(&self) -> bool {
        self.endless.is_some() || !self.fifo.is_empty()
    }

    fn sender_may_go_on(&self) -> bool {
        MCR::from_bits_retain(self.modem_control).contains(MCR::RTS) && self.fifo.len() < self.room()
    }

    /// Lets the FIFO's bytes leave on the wire.
    fn transmitted(&mut self) {
        self.sent.append(&mut self.transmitting);
        self.transmit_interrupt = true;
    }

    fn interrupt(&self) -> bool {
        let enabled = IER::from_bits_retain(self.interrupts);
        (enabled.contains(IER::DATA_READY) && self.has_data())
            || (enabled.contains(IER::RECEIVER_LINE_STATUS) && self.overrun)
            || (enabled.contains(IER::THR_EMPTY) && self.transmit_interrupt)
    }
}

/// The chip, which test and driver both hold.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Chip>>);

impl Shared {
    fn borrow(&self) -> Ref<'_, Chip> {
        self.0.borrow()
    }

    fn borrow_mut(&self) -> RefMut<'_, Chip> {
        self.0.borrow_mut()
    }
}

impl Registers for Shared {
    fn read(&mut self, register: u16) -> u8 {
        let mut chip = self.borrow_mut();
        if let Some(value) = chip.pulled {
            return value;
        }
        match register as usize {
            offsets::IER => chip.interrupts,
            offsets::ISR => {
                let none_pending = u8::from((!chip.interrupt() || chip.silent) && !chip.stuck);
                chip.transmit_interrupt = false;
                let fifo = match (chip.fifo_is_on, chip.model) {
                    (true, Model::With16550A) => 0xC0,
                    (true, Model::With16550) => 0x80,
                    _ => 0,
                };
                none_pending | fifo
            }
            offsets::LSR => {
                let mut status = LSR::empty();
                status.set(LSR::DATA_READY, chip.has_data());
                status.set(LSR::OVERRUN_ERROR, core::mem::take(&mut chip.overrun));
                status.set(LSR::THR_EMPTY | LSR::TRANSMITTER_EMPTY, chip.transmitting.is_empty());
                status.bits()
            }
            offsets::DATA => {
                let byte = chip.fifo.pop_front().or(chip.endless);
                byte.expect("the driver read an empty FIFO")
            }
            other => panic!("the driver read register {other}"),
        }
    }

    fn write(&mut self, register: u16, value: u8) {
        let mut chip = self.borrow_mut();
        if chip.pulled.is_some() {
            return;
        }
        let divisor = chip.line_control & LCR::DLAB.bits() != 0;
        match register as usize {
            offsets::DATA if divisor => assert_eq!(value, 1),
            offsets::IER if divisor => assert_eq!(value, 0),
            offsets::DATA => {
                chip.transmitting.push(value);
                assert!(chip.transmitting.len() <= chip.room(), "the driver overran the transmitter");
                assert!(!chip.fifo_is_on || chip.model == Model::With16550A, "the driver uses a FIFO that loses bytes");
            }
            offsets::IER => {
                let newly = value & !chip.interrupts;
                chip.interrupts = value;
                chip.transmit_interrupt |= newly & IER::THR_EMPTY.bits() != 0 && chip.transmitting.is_empty();
            }
            offsets::FCR => chip.fifo_is_on = value & 1 != 0 && chip.model != Model::With16450,
            offsets::LCR => chip.line_control = value,
            offsets::MCR => chip.modem_control = value,
            other => panic!("the driver wrote register {other}"),
        }
    }
}

fn set_up() -> (Shared, Uart<Shared>) {
    let chip = Shared::default();
    let uart = Uart::new(chip.clone(), || {});
    (chip, uart)
}

fn read(uart: &mut Uart<Shared>) -> Chunk {
    let chunk = uart.peek();
    uart.consume(chunk.bytes().len());
    chunk
}

#[test]
fn a_paste_far_beyond_the_rings_loses_nothing() {
    let (chip, mut uart) = set_up();
    let sent: Vec<u8> = (0..100 * 1024u32).map(|n| (n * 7 + n / 256) as u8).collect();
    let mut waiting = sent.iter();
    let mut received = Vec::new();
    let mut stopped = false;
    while received.len() < sent.len() {
        while chip.borrow().sender_may_go_on() {
            let Some(byte) = waiting.next() else { break };
            chip.borrow_mut().arrive(*byte);
            if chip.borrow().interrupt() {
                uart.serve();
            }
        }
        stopped |= !chip.borrow().sender_may_go_on();
        assert!(!chip.borrow().interrupt());
        received.extend_from_slice(read(&mut uart).bytes());
    }
    assert_eq!(received, sent);
    assert!(stopped, "the rings were meant to fill");
    assert_eq!(uart.overruns(), 0);
}

#[test]
fn a_sender_without_flow_control_is_counted() {
    let (chip, mut uart) = set_up();
    for byte in 0..=FIFO_SIZE {
        chip.borrow_mut().arrive(byte as u8);
    }
    uart.serve();
    assert_eq!(uart.overruns(), 1);
    assert_eq!(read(&mut uart).bytes().len(), CHUNK_BYTES);
    assert_eq!(read(&mut uart).bytes(), &[12, 13, 14, 15]);
}

#[test]
fn what_arrived_before_the_driver_is_kept() {
    let chip = Shared::default();
    chip.borrow_mut().arrive(b'x');
    let mut uart = Uart::new(chip, || {});
    assert_eq!(read(&mut uart).bytes(), b"x");
}

fn with(model: Model) -> (Shared, Uart<Shared>) {
    let chip = Shared::default();
    chip.borrow_mut().model = model;
    let uart = Uart::new(chip.clone(), || {});
    (chip, uart)
}

#[test]
fn output_leaves_in_order_and_only_as_fast_as_the_wire() {
    for model in [Model::With16550A, Model::With16550, Model::With16450] {
        all_output_leaves(model);
    }
}

fn all_output_leaves(model: Model) {
    let (chip, mut uart) = with(model);
    let bytes: Vec<u8> = (0..2 * RING_BYTES).map(|n| n as u8).collect();
    let mut rest = &bytes[..];
    while chip.borrow().sent.len() < bytes.len() {
        let taken = uart.write(rest);
        rest = &rest[taken..];
        chip.borrow_mut().transmitted();
        if chip.borrow().interrupt() {
            uart.serve();
        }
    }
    assert_eq!(chip.borrow().sent, bytes, "{model:?}");
    assert!(!chip.borrow().interrupt(), "an idle transmitter doesn't interrupt");
}

#[test]
fn a_full_ring_takes_nothing_more() {
    let (_chip, mut uart) = set_up();
    let taken = uart.write(&[0; RING_BYTES]) + uart.write(&[0; RING_BYTES]);
    assert_eq!(taken, RING_BYTES + FIFO_SIZE);
    assert_eq!(uart.write(b"x"), 0);
}

#[test]
fn without_a_fifo_no_byte_is_lost_either() {
    for model in [Model::With16550, Model::With16450] {
        let (chip, mut uart) = with(model);
        let mut received = Vec::new();
        for byte in 0..=u8::MAX {
            assert!(chip.borrow().sender_may_go_on(), "{model:?}");
            chip.borrow_mut().arrive(byte);
            uart.serve();
            received.extend_from_slice(read(&mut uart).bytes());
        }
        assert_eq!(received, (0..=u8::MAX).collect::<Vec<_>>(), "{model:?}");
        assert_eq!((uart.overruns(), uart.fault()), (0, None));
    }
}

#[test]
fn where_no_chip_is_none_is_found() {
    for value in [0xFF, 0x00, 0x0F, 0x60] {
        let chip = Shared::default();
        chip.borrow_mut().pulled = Some(value);
        assert!(!answers(&mut chip.clone()), "{value:#x}");
    }
}

#[test]
fn each_chip_is_found_and_left_silent() {
    for model in [Model::With16550A, Model::With16550, Model::With16450] {
        let chip = Shared::default();
        chip.borrow_mut().model = model;
        assert!(answers(&mut chip.clone()), "{model:?}");
        assert_eq!(chip.borrow().interrupts, 0);
    }
}

/// Every register of an empty slot reads as ones, and so as data that is ready for ever.
#[test]
fn a_chip_that_is_pulled_is_given_up() {
    let (chip, mut uart) = set_up();
    chip.borrow_mut().arrive(b'x');
    uart.serve();
    chip.borrow_mut().pulled = Some(0xFF);
    uart.write(b"hello");
    assert_eq!(uart.fault(), Some(Fault::Gone));
    assert_eq!(read(&mut uart).bytes(), b"x", "what had arrived before");
    uart.serve();
    uart.write(&[0; 2 * RING_BYTES]);
    assert!(read(&mut uart).is_empty());
    let (chip, mut uart) = set_up();
    chip.borrow_mut().pulled = Some(0xFF);
    uart.serve();
    assert_eq!((uart.fault(), uart.has_room()), (None, true), "that register reads as nothing to do");
    uart.write(b"x");
    assert_eq!(uart.fault(), Some(Fault::Gone));
}

#[test]
fn an_interrupt_that_does_not_end_is_given_up() {
    let (chip, mut uart) = set_up();
    chip.borrow_mut().stuck = true;
    uart.serve();
    assert_eq!(uart.fault(), Some(Fault::Stuck));
    assert_eq!(chip.borrow().interrupts, 0);
    assert_eq!(chip.borrow().modem_control, 0, "its line is off");
    // A line that floats to zero asks for service for ever, too.
    let (chip, mut uart) = set_up();
    chip.borrow_mut().pulled = Some(0);
    uart.serve();
    assert_eq!(uart.fault(), Some(Fault::Stuck));
}

#[test]
fn a_chip_whose_interrupt_does_not_come_is_polled() {
    let (chip, mut uart) = set_up();
    chip.borrow_mut().silent = true;
    assert_eq!(uart.patience(), None);
    let bytes: Vec<u8> = (0..RING_BYTES).map(|n| n as u8).collect();
    assert_eq!(uart.write(&bytes), RING_BYTES);
    assert_eq!(uart.patience(), Some(REST));
    uart.look();
    assert!(!uart.is_polled(), "a peer that doesn't read is no fault of the interrupt's");
    while let Some(patience) = uart.patience()
        && chip.borrow().sent.len() < bytes.len()
    {
        assert_eq!(patience == SHORT_REST, uart.is_polled() && chip.borrow().sent.len() + FIFO_SIZE < bytes.len());
        chip.borrow_mut().transmitted();
        uart.serve();
        uart.look();
    }
    assert_eq!(chip.borrow().sent, bytes);
    assert!(uart.is_polled());
    assert_eq!(uart.patience(), Some(REST), "for input");
    chip.borrow_mut().arrive(b'x');
    uart.look();
    assert_eq!(read(&mut uart).bytes(), b"x");
}

#[test]
fn an_interrupt_that_comes_ends_the_polling() {
    let (chip, mut uart) = set_up();
    uart.write(&[0; RING_BYTES]);
    for late in [true, false, true, true] {
        assert!(!uart.is_polled(), "one that comes late isn't missing");
        chip.borrow_mut().transmitted();
        if late { uart.look() } else { uart.serve() }
    }
    assert!(uart.is_polled());
    chip.borrow_mut().arrive(b'x');
    uart.serve();
    assert_eq!((uart.is_polled(), uart.patience()), (false, Some(REST)));
}

#[test]
fn input_without_end_is_given_up() {
    let (chip, mut uart) = set_up();
    chip.borrow_mut().endless = Some(b'a');
    let mut received = 0;
    while uart.fault().is_none() && received <= 2 * ENDLESS {
        uart.serve();
        received += read(&mut uart).bytes().len();
    }
    assert_eq!(uart.fault(), Some(Fault::Endless));
    assert_eq!((chip.borrow().interrupts, chip.borrow().modem_control), (0, 0));
}

/// The driver sees the FIFO empty at times, however fast a sender refills it.
#[test]
fn the_same_byte_as_often_as_a_sender_likes_is_input() {
    let (chip, mut uart) = set_up();
    let mut received = 0;
    while received < 4 * ENDLESS {
        while chip.borrow().sender_may_go_on() {
            chip.borrow_mut().arrive(b'a');
        }
        uart.serve();
        received += read(&mut uart).bytes().len();
        assert_eq!(uart.fault(), None);
    }
}

#[test]
fn a_missing_interrupt_is_found_without_output_that_waits() {
    let (chip, mut uart) = set_up();
    chip.borrow_mut().silent = true;
    uart.write(b"hello");
    for _ in 0..MISSES {
        assert_eq!(uart.patience(), Some(REST));
        chip.borrow_mut().transmitted();
        uart.look();
    }
    assert!(uart.is_polled());
    assert_eq!(uart.patience(), Some(REST), "for input");
    // One interrupt proves that interrupts come.
    let (chip, mut uart) = set_up();
    uart.write(b"hello");
    chip.borrow_mut().transmitted();
    assert!(chip.borrow().interrupt());
    uart.serve();
    uart.write(b"hello");
    chip.borrow_mut().transmitted();
    assert!(!chip.borrow().interrupt());
    assert_eq!(uart.patience(), None);
}
