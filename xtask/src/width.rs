//! The two processors that Bellwire runs on, and their names.

use std::path::PathBuf;

use crate::root;

/// A width of the processor. Everything is built and tested for both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Width {
    /// 32 bits.
    I686,
    /// 64 bits.
    X86_64,
}

impl Width {
    /// Both widths, in the order in which they are built and tested.
    pub const ALL: [Width; 2] = [Width::I686, Width::X86_64];

    /// Returns the name that people, recipes and files use.
    pub fn name(self) -> &'static str {
        match self {
            Width::I686 => "i686",
            Width::X86_64 => "x86_64",
        }
    }

    /// Returns the widths that an argument names: one of them, or `all`.
    pub fn parse(argument: &str) -> Option<Vec<Width>> {
        match argument {
            "i686" => Some(vec![Width::I686]),
            "x86_64" => Some(vec![Width::X86_64]),
            "all" => Some(Width::ALL.to_vec()),
            _ => None,
        }
    }

    /// Returns the emulator for this width.
    pub fn qemu(self) -> &'static str {
        match self {
            Width::I686 => "qemu-system-i386",
            Width::X86_64 => "qemu-system-x86_64",
        }
    }

    /// Returns the compiler's target of the kernel, soft float.
    pub fn kernel_target(self) -> String {
        format!("{}-kernel", self.name())
    }

    /// Returns the compiler's target of user programs.
    pub fn user_target(self) -> String {
        format!("{}-user", self.name())
    }

    /// Returns the folder with the kernel and the modules of the shipped image.
    pub fn image_folder(self) -> PathBuf {
        root().join(format!("target/bellwire-{}", self.name()))
    }

    /// Returns the image that a person boots.
    pub fn iso(self) -> PathBuf {
        root().join(format!("target/bellwire-{}.iso", self.name()))
    }
}
