//! A controller with two devices, as the driver sees it.

use super::*;
use crate::chip::{COMMAND, DATA};
use crate::controller::orders::{DEVICE_ACKNOWLEDGES, DEVICE_DEFAULTS, DEVICE_WANTS_IT_AGAIN};
use bellwire::registers::Registers;

const PAUSE: Duration = Duration::from_micros(100);
const PLUG_PERIOD: Duration = Duration::from_millis(4);

/// A controller with a keyboard and, perhaps, a mouse. Each device has bytes of its own, which come one after the other
/// while its clock runs; the controller's answers come at once.
#[derive(Clone)]
pub struct Chip {
    pub now: Instant,
    /// The value that the ports read as where there is no controller.
    pub floating: Option<u8>,
    pub input_stuck: bool,
    pub output_stuck: bool,
    /// The controller's answer, or a byte that a device had sent before its clock was stopped.
    pub output: Option<(Device, u8)>,
    pub configuration: Configuration,
    pub commands: Commands,
    pub expects: Option<Command>,
    pub mouse_port: bool,
    pub keyboard: Behind,
    pub mouse: Behind,
    /// The mouse says without end that it was plugged in. This is when it said so last.
    pub plugs: Option<Instant>,
    /// What a successor would find if the driver died at this access.
    pub deaths: Option<Deaths>,
}

/// The states at each access of the driver to the controller, and at each pause.
#[derive(Clone)]
pub struct Deaths {
    pub kept: KeptBytes,
    pub seen: Rc<RefCell<Vec<Death>>>,
}

/// The controller and the kept memory as a successor finds them.
pub type Death = (Chip, Vec<u8>);

/// Memory that outlives the driver.
#[derive(Clone)]
pub struct KeptBytes(pub Rc<RefCell<Vec<u8>>>);

impl KeptBytes {
    pub fn new(bytes: Vec<u8>) -> Self {
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
pub enum Commands {
    Work,
    Fail,
}

/// A device behind the controller.
#[derive(Clone, Default)]
pub struct Behind {
    pub there: bool,
    pub sends: VecDeque<u8>,
    pub orders: Vec<u8>,
    pub reporting: bool,
    /// How often the device asks for an order again.
    pub deaf: usize,
    /// Whether its answers wait until it has sent all that came before.
    pub polite: bool,
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
    pub fn new() -> Self {
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

    pub fn without_mouse() -> Self {
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
