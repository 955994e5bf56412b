use super::*;
use crate::chip::{COMMAND, DATA};
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use bellwire::protocol::MouseState;
use bellwire::registers::Registers;
use bellwire::stream::Source;
use core::cell::RefCell;

mod orders;

const PAUSE: Duration = Duration::from_micros(100);
const PLUG_PERIOD: Duration = Duration::from_millis(4);
const PLUGGED: [u8; 2] = [0xAA, 0x00];
const KEY_A: u8 = 0x1E;
const KEY_B: u8 = 0x30;

/// A controller with a keyboard and, perhaps, a mouse. Each device has bytes of its own, which come one after the other
/// while its clock runs; the controller's answers come at once.
#[derive(Clone)]
struct Chip {
    now: Instant,
    /// The value that the ports read as where there is no controller.
    floating: Option<u8>,
    input_stuck: bool,
    output_stuck: bool,
    /// The controller's answer, or a byte that a device had sent before its clock was stopped.
    output: Option<(Device, u8)>,
    configuration: Configuration,
    commands: Commands,
    expects: Option<Command>,
    mouse_port: bool,
    keyboard: Behind,
    mouse: Behind,
    /// The mouse says without end that it was plugged in. This is when it said so last.
    plugs: Option<Instant>,
    /// What a successor would find if the driver died at this access.
    deaths: Option<Deaths>,
}

/// The states at each access of the driver to the controller, and at each pause.
#[derive(Clone)]
struct Deaths {
    kept: KeptBytes,
    seen: Rc<RefCell<Vec<Death>>>,
}

/// The controller and the kept memory as a successor finds them.
type Death = (Chip, Vec<u8>);

/// Memory that outlives the driver.
#[derive(Clone)]
struct KeptBytes(Rc<RefCell<Vec<u8>>>);

impl KeptBytes {
    fn new(bytes: Vec<u8>) -> Self {
        Self(Rc::new(RefCell::new(bytes)))
    }
}

impl Kept for KeptBytes {
    fn size(&self) -> usize {
        self.0.borrow().len()
    }

    fn read(&self, offset: usize) -> u8 {
        self.0.borrow()[offset]
    }

    fn write(&mut self, offset: usize, byte: u8) {
        self.0.borrow_mut()[offset] = byte;
    }
}

#[derive(Clone, PartialEq)]
enum Commands {
    Work,
    Fail,
}

/// A device behind the controller.
#[derive(Clone, Default)]
struct Behind {
    there: bool,
    sends: VecDeque<u8>,
    orders: Vec<u8>,
    reporting: bool,
    /// How often the device asks for an order again.
    deaf: usize,
    /// Whether its answers wait until it has sent all that came before.
    polite: bool,
}

impl Behind {
    fn order(&mut self, order: u8) {
        if !self.there {
            return;
        }
        if self.deaf != 0 {
            self.deaf -= 1;
            self.sends.push_front(DEVICE_WANTS_IT_AGAIN);
            return;
        }
        self.orders.push(order);
        match order {
            DEVICE_REPORT => self.reporting = true,
            DEVICE_DEFAULTS => self.reporting = false,
            _ => {}
        }
        if self.polite {
            self.sends.push_back(DEVICE_ACKNOWLEDGES);
        } else {
            self.sends.push_front(DEVICE_ACKNOWLEDGES);
        }
    }
}

impl Chip {
    fn new() -> Self {
        let there = || Behind { there: true, ..Behind::default() };
        Self {
            now: Instant::from_cycles(1_000_000_000),
            floating: None,
            input_stuck: false,
            output_stuck: false,
            output: None,
            configuration: Configuration::from_bits_retain(0x24),
            commands: Commands::Work,
            expects: None,
            mouse_port: true,
            keyboard: there(),
            mouse: Behind { polite: true, ..there() },
            plugs: None,
            deaths: None,
        }
    }

    fn note(&self) {
        if let Some(Deaths { kept, seen }) = &self.deaths {
            seen.borrow_mut().push((Chip { deaths: None, ..self.clone() }, kept.0.borrow().clone()));
        }
    }

    fn without_mouse() -> Self {
        Self { mouse: Behind::default(), ..Self::new() }
    }

    /// The byte that can be read now.
    fn front(&mut self) -> Option<(Device, u8)> {
        let keyboard = (!self.configuration.contains(Configuration::KEYBOARD_OFF)).then(|| self.keyboard.sends.front());
        let mouse_off = !self.mouse_port || self.configuration.contains(Configuration::MOUSE_OFF);
        let mouse = (!mouse_off).then(|| self.mouse.sends.front());
        self.output
            .or(keyboard.flatten().map(|byte| (Device::Keyboard, *byte)))
            .or(mouse.flatten().map(|byte| (Device::Mouse, *byte)))
            .or(self.output_stuck.then_some((Device::Keyboard, 0)))
    }

    fn command(&mut self, command: u8) {
        if self.commands == Commands::Fail {
            return;
        }
        match command {
            0x20 => self.output = Some((Device::Keyboard, self.configuration.bits())),
            0x60 => self.expects = Some(Command::WriteConfiguration),
            0xD4 if self.mouse_port => self.expects = Some(Command::ToMouse),
            0xA7 if self.mouse_port => self.configuration |= Configuration::MOUSE_OFF,
            0xA8 if self.mouse_port => self.configuration -= Configuration::MOUSE_OFF,
            0xA7 | 0xA8 => {}
            0xAD => self.configuration |= Configuration::KEYBOARD_OFF,
            0xAE => self.configuration -= Configuration::KEYBOARD_OFF,
            other => panic!("the driver gave the command {other:#x}"),
        }
    }

    fn data(&mut self, byte: u8) {
        match self.expects.take() {
            Some(Command::WriteConfiguration) => self.configuration = Configuration::from_bits_retain(byte),
            Some(_) => self.mouse.order(byte),
            None => self.keyboard.order(byte),
        }
    }
}

impl Registers for &mut Chip {
    fn read(&mut self, register: u16) -> u8 {
        self.note();
        if let Some(ones) = self.floating {
            return ones;
        }
        let front = self.front();
        match register {
            COMMAND => {
                let output = match front {
                    None => 0x14,
                    Some((Device::Keyboard, _)) => 0x15,
                    Some((Device::Mouse, _)) => 0x35,
                };
                output | u8::from(self.input_stuck) << 1
            }
            DATA => {
                let (device, byte) = front.expect("the driver read an empty controller");
                if self.output.take().is_none() && !self.output_stuck {
                    match device {
                        Device::Keyboard => self.keyboard.sends.pop_front(),
                        Device::Mouse => self.mouse.sends.pop_front(),
                    };
                }
                byte
            }
            other => panic!("the driver read port {other}"),
        }
    }

    fn write(&mut self, register: u16, value: u8) {
        self.note();
        assert!(!self.input_stuck, "the driver wrote before the byte before was taken");
        match register {
            COMMAND => self.command(value),
            DATA => self.data(value),
            other => panic!("the driver wrote port {other}"),
        }
    }
}

impl Ports for &mut Chip {
    fn now(&self) -> Instant {
        self.now
    }

    fn pause(&mut self) {
        self.note();
        self.now = self.now + PAUSE;
        if self.plugs.is_some_and(|last| self.now - last >= PLUG_PERIOD) {
            self.mouse.sends.extend(PLUGGED);
            self.plugs = Some(self.now);
        }
    }
}

fn start(chip: &mut Chip) -> Result<Controller<&mut Chip, ()>, Missing> {
    Controller::new(chip, Keys::default(), Mouse::default(), ())
}

/// Starts the driver, which must succeed, and returns how long that took.
fn time_to_start(chip: &mut Chip) -> Duration {
    let before = chip.now;
    start(chip).map(drop).unwrap();
    chip.now - before
}

fn typed<S>(controller: &mut Controller<&mut Chip, S>) -> Vec<u8> {
    controller.keys.peek().bytes().to_vec()
}

impl<S: Successor> Controller<&mut Chip, S> {
    fn rest(&mut self, time: Duration) {
        self.chip.ports.now = self.chip.ports.now + time;
    }

    /// The mouse sends bytes and interrupts.
    fn mouse_sends(&mut self, bytes: &[u8]) {
        self.chip.ports.mouse.sends.extend(bytes);
        assert_ne!(self.serve(self.chip.ports.now), Flow::Floods);
    }

    /// The keyboard sends bytes and interrupts.
    fn keyboard_sends(&mut self, bytes: &[u8]) -> Flow {
        self.chip.ports.keyboard.sends.extend(bytes);
        self.serve(self.chip.ports.now)
    }
}

#[test]
fn whatever_was_left_becomes_a_known_state() {
    // All off; not translating; everything on; interrupts of a predecessor.
    for left in [0x34, 0x24, 0x04, 0x47, 0x77, 0x00, 0xFF] {
        let mut chip = Chip { configuration: Configuration::from_bits_retain(left), ..Chip::new() };
        assert!(start(&mut chip).unwrap().missing().next().is_none());
        let bits = Configuration::from_bits_retain(0x73);
        assert_eq!(chip.configuration & bits, Configuration::from_bits_retain(0x43), "left as {left:#x}");
        assert!(chip.keyboard.reporting && chip.mouse.reporting);
        assert_eq!(chip.keyboard.orders, [DEVICE_REPORT, DEVICE_LEDS, 0b010]);
        assert_eq!(chip.mouse.orders, [DEVICE_DEFAULTS, DEVICE_REPORT]);
    }
}

#[test]
fn ports_that_nobody_decodes_are_no_controller() {
    for floating in [0xFF, 0x00] {
        let mut chip = Chip { floating: Some(floating), ..Chip::new() };
        let before = chip.now;
        assert_eq!(start(&mut chip).err(), Some(Missing::Ports));
        assert!(chip.now - before < Duration::from_secs(1));
    }
}

#[test]
fn a_controller_that_accepts_nothing_is_given_up() {
    let mut chip = Chip { input_stuck: true, ..Chip::new() };
    assert_eq!(start(&mut chip).err(), Some(Missing::Input));
    assert!(chip.now < Instant::from_cycles(2_000_000_000));
}

#[test]
fn a_controller_that_is_never_empty_is_given_up() {
    let mut chip = Chip { output_stuck: true, ..Chip::new() };
    assert_eq!(start(&mut chip).err(), Some(Missing::Output));
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.output_stuck = true;
    assert_eq!(controller.serve(controller.chip.ports.now), Flow::Floods);
}

#[test]
fn a_controller_whose_commands_fail_still_gives_its_keys() {
    let mut chip = Chip { commands: Commands::Fail, ..Chip::new() };
    let mut controller = start(&mut chip).unwrap();
    assert_eq!(controller.missing().count(), 2, "the controller, and with it the mouse");
    controller.chip.ports.keyboard.sends.push_back(KEY_A);
    controller.serve(controller.chip.ports.now);
    assert_eq!(typed(&mut controller), b"a");
}

#[test]
fn a_missing_device_doesn_t_stop_the_other_nor_take_long() {
    let mut chip = Chip::without_mouse();
    assert!(time_to_start(&mut chip) < Duration::from_millis(300));
    assert!(chip.configuration.contains(Configuration::MOUSE_INTERRUPT), "one may be plugged in");
    let mut chip = Chip { keyboard: Behind::default(), ..Chip::new() };
    assert!(time_to_start(&mut chip) < Duration::from_millis(300));
    assert!(chip.mouse.reporting);
    assert_eq!(start(&mut chip).unwrap().missing().collect::<Vec<_>>(), ["no keyboard answers"]);
}

#[test]
fn a_controller_without_a_port_for_a_mouse_sends_none_of_its_orders_to_the_keyboard() {
    let mut chip = Chip { mouse_port: false, configuration: Configuration::from_bits_retain(0x45), ..Chip::new() };
    assert_eq!(start(&mut chip).unwrap().missing().collect::<Vec<_>>(), ["no mouse answers"]);
    assert_eq!(chip.keyboard.orders, [DEVICE_REPORT, DEVICE_LEDS, 0b010]);
    assert_eq!(chip.configuration.bits(), 0x45, "bit 5 means something else there");
}

#[test]
fn a_device_that_wants_an_order_again_gets_it_a_few_times() {
    let mut chip = Chip::new();
    chip.keyboard.deaf = TRIES - 1;
    assert!(start(&mut chip).unwrap().missing().next().is_none());
    assert!(chip.keyboard.reporting);
    let mut chip = Chip::new();
    chip.keyboard.deaf = 1000;
    assert_eq!(start(&mut chip).unwrap().missing().collect::<Vec<_>>(), ["no keyboard answers"]);
    assert_eq!(chip.keyboard.deaf, 1000 - TRIES);
}

#[test]
fn what_was_typed_before_the_start_is_typed() {
    // One key lies in the controller, others wait in the keyboard, which sends them before or after its answers.
    for polite in [false, true] {
        let mut chip = Chip { output: Some((Device::Keyboard, KEY_A)), ..Chip::new() };
        chip.keyboard.sends.extend([KEY_A | 0x80, KEY_B, KEY_B | 0x80, 0x2A, KEY_A, 0xE0, 0x48]);
        chip.keyboard.polite = polite;
        let mut controller = start(&mut chip).unwrap();
        assert_eq!(typed(&mut controller), b"abA\x1b[1;2A");
    }
}

#[test]
fn keys_between_an_order_and_its_answer_are_typed() {
    let mut chip = Chip::new();
    chip.keyboard.polite = true;
    let mut controller = start(&mut chip).unwrap();
    // The LEDs change, and the next key is faster than the answer.
    controller.chip.ports.keyboard.sends.extend([0x3A, 0xBA]);
    controller.serve(controller.chip.ports.now);
    controller.chip.ports.keyboard.sends.extend([KEY_A]);
    controller.set_leds();
    assert_eq!(typed(&mut controller), b"A");
    assert_eq!(chip.keyboard.orders[3..], [DEVICE_LEDS, 0b110, DEVICE_LEDS, 0b110]);
}

#[test]
fn a_moving_mouse_loses_nothing_at_the_start_but_the_answers() {
    let mut chip = Chip { output: Some((Device::Mouse, 0x08)), ..Chip::new() };
    // A movement of -6 looks like an answer.
    chip.mouse.sends.extend([1, 2, 0x18, 0xFA, 3]);
    let controller = start(&mut chip).unwrap();
    assert_eq!(controller.mouse.state(), MouseState { packets: 2, x: -5, y: 5, ..Default::default() });
    assert_eq!(controller.missing().next(), None);
}

#[test]
fn half_a_packet_from_before_doesn_t_take_the_mouse_s_answer() {
    let mut chip = Chip::new();
    let mut mouse = Mouse::default();
    mouse.feed(0x08);
    let controller = Controller::new(&mut chip, Keys::default(), mouse, ()).unwrap();
    assert_eq!(controller.missing().next(), None);
    assert_eq!(controller.mouse.state(), MouseState { resyncs: 1, ..Default::default() });
    assert!(chip.mouse.reporting);
}

#[test]
fn answers_to_a_predecessor_s_orders_are_nobody_s() {
    let mut chip = Chip::new();
    chip.keyboard.sends.push_back(DEVICE_ACKNOWLEDGES);
    chip.mouse.sends.extend([DEVICE_ACKNOWLEDGES, DEVICE_ACKNOWLEDGES]);
    let mut controller = start(&mut chip).unwrap();
    assert_eq!(controller.missing().next(), None);
    controller.mouse_sends(&[0x08, 1, 2]);
    assert_eq!(controller.mouse.state(), MouseState { packets: 1, x: 1, y: 2, ..Default::default() });
    assert_eq!(typed(&mut controller), b"");
}

#[test]
fn each_device_gets_its_own_bytes() {
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.keyboard.sends.extend([KEY_A]);
    controller.mouse_sends(&[0x08, 5, 6]);
    assert_eq!(typed(&mut controller), b"a");
    assert_eq!((controller.mouse.state().x, controller.mouse.state().y), (5, 6));
}

#[test]
fn a_packet_may_come_in_parts_but_not_after_a_rest() {
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    for byte in [0x08, 1, 2] {
        controller.rest(Duration::from_millis(2));
        controller.mouse_sends(&[byte]);
    }
    assert_eq!(controller.mouse.state(), MouseState { packets: 1, x: 1, y: 2, ..Default::default() });
    for half in [&[0x08][..], &[0x08, 9]] {
        controller.mouse_sends(half);
        controller.rest(Duration::from_millis(100));
        controller.mouse_sends(&[0x08, 1, 2, 0x08, 1, 2]);
    }
    assert_eq!(controller.mouse.state(), MouseState { packets: 5, x: 5, y: 10, resyncs: 2, ..Default::default() });
}

#[test]
fn a_driver_that_is_late_breaks_no_packet() {
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    controller.mouse_sends(&[0x08]);
    // The device raises its interrupt in time, and the driver runs much later.
    let arrival = controller.chip.ports.now + Duration::from_millis(1);
    controller.rest(Duration::from_secs(1));
    controller.chip.ports.mouse.sends.extend([1, 2]);
    controller.serve(arrival);
    assert_eq!(controller.mouse.state(), MouseState { packets: 1, x: 1, y: 2, ..Default::default() });
}

#[test]
fn a_mouse_that_was_plugged_in_is_told_to_report() {
    let mut chip = Chip::without_mouse();
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.mouse = Behind { there: true, polite: true, ..Behind::default() };
    controller.rest(Duration::from_secs(1));
    controller.mouse_sends(&[0xAA, 0x00]);
    assert!(controller.chip.ports.mouse.reporting);
    controller.rest(Duration::from_millis(10));
    controller.mouse_sends(&[0x08, 1, 2]);
    assert_eq!(controller.mouse.state(), MouseState { packets: 1, x: 1, y: 2, ..Default::default() });
    assert_eq!(controller.missing().next(), None);
}

#[test]
fn a_keyboard_that_was_plugged_in_types_and_has_its_leds() {
    let mut chip = Chip { keyboard: Behind::default(), ..Chip::new() };
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.keyboard = Behind { there: true, sends: VecDeque::from([0xAA]), ..Behind::default() };
    controller.serve(controller.chip.ports.now);
    assert_eq!(controller.missing().next(), None);
    controller.chip.ports.keyboard.sends.push_back(KEY_A);
    controller.serve(controller.chip.ports.now);
    assert_eq!(typed(&mut controller), b"a");
    assert_eq!(chip.keyboard.orders, [DEVICE_REPORT, DEVICE_LEDS, 0b010]);
}

/// Starts the driver on what a predecessor has left.
fn succeed(chip: &mut Chip, kept: KeptBytes) -> Controller<&mut Chip, Store<KeptBytes>> {
    let (store, record) = Store::open(kept);
    let restored = record.map(|record| {
        let mut reader = crate::Reader::new(&record);
        (Keys::restore(&mut reader).expect("keys"), Mouse::restore(&mut reader).expect("a mouse"))
    });
    let (keys, mouse) = restored.unwrap_or_default();
    Controller::new(chip, keys, mouse, store).expect("a controller")
}

/// A person types a key, switches the caps lock, which sets LEDs, and types on while that takes its time; the mouse
/// moves. Wherever the driver dies, and even if its successor dies in its start, nothing of it is lost.
#[test]
fn a_driver_may_die_at_each_access_and_its_successor_too() {
    let kept = KeptBytes::new(vec![0; 4096]);
    let seen = Rc::default();
    let mut chip = Chip { deaths: Some(Deaths { kept: kept.clone(), seen: Rc::clone(&seen) }), ..Chip::new() };
    chip.keyboard.polite = true;
    let mut controller = succeed(&mut chip, kept);
    seen.borrow_mut().clear();
    controller.chip.ports.keyboard.sends.extend([KEY_A, KEY_A | 0x80, 0x3A, 0xBA, KEY_B, KEY_B | 0x80]);
    controller.chip.ports.mouse.sends.extend([0x08, 1, 2]);
    assert_eq!(controller.serve(controller.chip.ports.now), Flow::Drained);
    assert_eq!(chip.keyboard.orders[3..], [DEVICE_LEDS, 0b110]);
    for (step, (mut chip, kept)) in seen.take().into_iter().enumerate() {
        let again = Rc::default();
        let kept = KeptBytes::new(kept);
        chip.deaths = Some(Deaths { kept: kept.clone(), seen: Rc::clone(&again) });
        check_successor(&mut chip, kept, step, 0);
        for (next, (mut chip, kept)) in again.take().into_iter().enumerate() {
            check_successor(&mut chip, KeptBytes::new(kept), step, next + 1);
        }
    }
}

#[track_caller]
fn check_successor(chip: &mut Chip, kept: KeptBytes, step: usize, next: usize) {
    let mut controller = succeed(chip, kept);
    controller.serve(controller.chip.ports.now);
    assert_eq!(typed(&mut controller), b"aB", "dead at access {step}, then at {next}");
    assert_eq!(controller.mouse.state(), MouseState { packets: 1, x: 1, y: 2, ..Default::default() });
    assert_eq!(controller.chip.ports.keyboard.orders.last(), Some(&0b110), "the LEDs show the lock");
}
