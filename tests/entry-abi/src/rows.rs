//! The rows, by their numbers in the documentation.
mod alignment;
pub mod calls;
mod codes;
mod floats;
mod frames;
mod registers;
#[cfg(target_arch = "x86")]
mod segments_32;
#[cfg(target_arch = "x86_64")]
mod swapping;
mod user_flags;

use crate::column::Column;
use crate::console::Text;

/// A row.
pub struct Row {
    pub number: u8,
    pub run: fn(Column) -> Verdict,
}

/// The result of a row.
pub enum Verdict {
    Ok,
    Broken(Text),
    /// The row doesn't apply to this machine.
    None(&'static str),
}

impl From<Result<(), Text>> for Verdict {
    fn from(result: Result<(), Text>) -> Self {
        result.map_or_else(Self::Broken, |()| Self::Ok)
    }
}

/// Ends a row as broken unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($why:tt)*) => {
        if !$condition {
            return Err($crate::console::Text::new(format_args!($($why)*)));
        }
    };
}
use ensure;

const fn row(number: u8, run: fn(Column) -> Verdict) -> Row {
    Row { number, run }
}

/// All of them. Row 19 is for the compiler alone: handlers of wrong types (`snippets/`).
pub const ALL: &[Row] = &[
    row(1, floats::x87_and_mmx),
    row(2, floats::mxcsr),
    row(3, alignment::with_error_code),
    row(4, alignment::without_error_code),
    row(5, floats::sse),
    row(6, alignment::any_stack_pointer),
    row(7, alignment::any_stack_pointer_gnu),
    row(8, alignment::wide_locals),
    row(9, codes::error_codes),
    row(10, floats::avx),
    row(11, registers::interposition),
    row(12, user_flags::direction),
    row(13, swapgs),
    row(14, user_flags::smap),
    row(15, segments::user_data_segments),
    row(16, segments::same_ring_stack),
    row(17, frames::moved_instruction_pointer),
    row(18, codes::handlers_by_kind),
    row(20, frames::unreturnable),
    row(21, segments::narrow_stack),
    row(22, calls::fast_calls),
];

#[cfg(target_arch = "x86_64")]
use swapping::swapgs;

#[cfg(target_arch = "x86")]
fn swapgs(_: Column) -> Verdict {
    Verdict::None("i686 has no swapgs")
}

#[cfg(target_arch = "x86")]
use segments_32 as segments;

#[cfg(target_arch = "x86_64")]
mod segments {
    use super::Verdict;
    use crate::column::Column;

    pub fn user_data_segments(_: Column) -> Verdict {
        Verdict::None("64-bit mode ignores the bases of data segments")
    }

    pub fn same_ring_stack(_: Column) -> Verdict {
        Verdict::None("64-bit mode always pushes the stack pointer")
    }

    pub fn narrow_stack(_: Column) -> Verdict {
        Verdict::None("64-bit mode has no 16-bit stack segments")
    }
}
