use super::*;
use alloc::collections::VecDeque;
use bellwire::stream::Source;

/// A controller with a keyboard and, perhaps, a mouse.
struct Chip {
    output: VecDeque<(bool, u8)>,
    configuration: u8,
    expects: Expects,
    has_mouse: bool,
    reporting: bool,
}

#[derive(PartialEq)]
enum Expects {
    Keyboard,
    Mouse,
    Configuration,
}

impl Chip {
    fn new(has_mouse: bool) -> Self {
        let output = VecDeque::from([(false, 0x1E), (true, 0x08)]);
        Self { output, configuration: 0x34, expects: Expects::Keyboard, has_mouse, reporting: false }
    }
}

impl Registers for &mut Chip {
    fn read(&mut self, register: u16) -> u8 {
        match register {
            COMMAND => match self.output.front() {
                Some((from_mouse, _)) => 1 | u8::from(*from_mouse) << 5,
                None => 0,
            },
            DATA => self.output.pop_front().expect("the driver read an empty controller").1,
            other => panic!("the driver read port {other}"),
        }
    }

    fn write(&mut self, register: u16, value: u8) {
        match (register, value) {
            (COMMAND, READ_CONFIGURATION) => self.output.push_back((false, self.configuration)),
            (COMMAND, WRITE_CONFIGURATION) => self.expects = Expects::Configuration,
            (COMMAND, TO_MOUSE) => self.expects = Expects::Mouse,
            (COMMAND, _) => {}
            (DATA, value) => match core::mem::replace(&mut self.expects, Expects::Keyboard) {
                Expects::Configuration => self.configuration = value,
                Expects::Mouse if !self.has_mouse => {}
                Expects::Mouse => {
                    self.reporting = value == DEVICE_REPORT;
                    self.output.push_back((true, DEVICE_ACKNOWLEDGES));
                }
                Expects::Keyboard => self.output.push_back((false, DEVICE_ACKNOWLEDGES)),
            },
            (other, _) => panic!("the driver wrote port {other}"),
        }
    }
}

#[test]
fn a_controller_is_brought_into_a_known_state() {
    let mut chip = Chip::new(true);
    Controller::new(&mut chip).unwrap();
    assert_eq!(chip.configuration, 0x47, "translating, both clocks on, both interrupts on");
    assert!(chip.reporting);
    assert!(chip.output.is_empty(), "what lay there before was for the predecessor");
}

#[test]
fn a_missing_mouse_doesn_t_stop_the_keyboard() {
    let mut chip = Chip::new(false);
    Controller::new(&mut chip).unwrap();
    assert_eq!(chip.configuration, 0x47);
}

#[test]
fn each_device_gets_its_own_bytes() {
    let mut chip = Chip::new(true);
    let mut controller = Controller::new(&mut chip).unwrap();
    controller.registers.output.extend([(true, 0x08), (false, 0x1E), (true, 5), (true, 6)]);
    controller.serve();
    assert_eq!(controller.keys.peek().bytes(), b"a");
    assert_eq!((controller.mouse.state().x, controller.mouse.state().y), (5, 6));
}
