//! Memory that is not as usual.

use std::fs::File;

use runner::folder::Folder;
use runner::machine::{Direct, Hardware};
use xtask::Width;
use xtask::build::Set;

use super::firmware::at_the_entry;
use super::shell::{PROMPT, ask};
use super::{Case, cases};

pub const CASES: &[Case] = cases![Short: modules_make_room_for_the_kernel];

/// A module that is larger than what the kernel wants to have free.
const LARGE_BYTES: u64 = 64 << 20;

/// Low memory is full of modules, as with 800 MiB of modules in 2 GiB: the case ends the memory map where the modules
/// end. Multiboot's structure (0.6.96, 3.3) has the modules' number and list at 20, the map's length and address at 44.
fn modules_make_room_for_the_kernel(width: Width) {
    let folder = Folder::new().expect("a folder for the module");
    let large = folder.file("large");
    File::create(&large).and_then(|file| file.set_len(LARGE_BYTES)).expect("the module can be written");
    let shipped = Set::Shipped.modules().expect("the manifest is read");
    let mut modules: Vec<_> =
        shipped.iter().map(|name| (name.clone(), Set::Shipped.folder(width).join(name))).collect();
    modules.insert(1, ("large".to_owned(), large));

    let hardware = Hardware::new(width).with(&["-m", "5G"]);
    let (mut machine, mut gdb, registers) = at_the_entry(width, hardware, Direct::files(modules));
    let information = registers.get(if width == Width::I686 { "ebx" } else { "rbx" });
    let mut word = |address: u64| {
        let bytes = gdb.read(address, 4).expect("the stub reads memory");
        u64::from(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
    };
    let (count, list) = (word(information + 20), word(information + 24));
    let end = (0..count).map(|number| word(list + 16 * number + 4)).max().expect("there are modules");
    let (length, map) = (word(information + 44), word(information + 48));
    // An entry: its size without the size's field, address, length, kind.
    let mut entries = (0..length / 24).map(|number| map + 24 * number);
    let entry = entries.find(|&entry| word(entry + 4) == 0x10_0000).expect("memory from 1 MiB on");
    let bytes = end.next_multiple_of(0x1000) - 0x10_0000;
    gdb.write(entry + 12, &bytes.to_le_bytes()).expect("the stub writes memory");
    gdb.release().expect("the machine runs");

    machine.expect("module large is moved to 0x");
    machine.expect(PROMPT);
    assert_eq!(ask(&mut machine, "sleep 10"), "");
}
