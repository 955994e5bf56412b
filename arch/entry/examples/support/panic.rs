//! A panic ends the run.
use crate::support::console::exit;

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    line!("{info}");
    exit(2)
}
