//! The commands that aren't reports.

mod call;
mod clear;
mod clock;
mod colour;
mod control;
mod date;
mod echo;
mod edu;
mod help;
mod history;
mod layout;
mod mouse;
mod paste;
mod pci;
mod power;
mod sleep;
mod tick;

pub use call::Call;
pub use clear::Clear;
pub use clock::Clock;
pub use colour::Colour;
pub use control::{Kill, Start, Stop};
pub use date::Date;
pub use echo::Echo;
pub use edu::Edu;
pub use help::Help;
pub use history::History;
pub use layout::Layout;
pub use mouse::Mouse;
pub use paste::Paste;
pub use pci::Bus;
pub use power::{OLD_PM1A_CONTROL, PM1A_CONTROL, Reboot, Shutdown};
pub use sleep::Sleep;
pub use tick::Tick;

/// Returns a count with the thing's name, which is in the plural unless the count is 1.
pub fn counted(count: u32, singular: &str, plural: &str) -> alloc::string::String {
    alloc::format!("{count} {}", if count == 1 { singular } else { plural })
}
