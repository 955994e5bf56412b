//! Tests of what a manifest may say.

use super::*;
use crate::{Objects, PciId, Quota};

fn program(name: &str, priority: u8) -> Program {
    Program { name: name.into(), priority, memory: Quota::default(), ..Program::default() }
}

/// Returns the error for two programs that are changed in these ways, or an empty text.
fn error(first: impl FnOnce(&mut Program), second: impl FnOnce(&mut Program)) -> String {
    let mut programs = vec![program("first", 20), program("second", 10)];
    first(&mut programs[0]);
    second(&mut programs[1]);
    Manifest { programs }.check().err().unwrap_or_default()
}

fn nothing(_: &mut Program) {}

fn names(name: &str) -> Vec<String> {
    vec![name.into()]
}

#[test]
fn what_does_not_conflict_is_accepted() {
    let first = |program: &mut Program| {
        program.lines = vec![4];
        program.ports = vec![Range::new(0x3f8, 0x3ff)];
        program.serves = names("console");
    };
    let second = |program: &mut Program| {
        program.lines = vec![8];
        program.ports = vec![Range::new(0x70, 0x71)];
        program.uses = vec!["console".into(), "programs".into()];
    };
    assert_eq!(error(first, second), "");
}

#[test]
fn budgets_over_the_whole_name_all() {
    let budget = |thousandths| move |program: &mut Program| program.budget = Budget(thousandths);
    assert_eq!(error(budget(600), budget(350)), "");
    let over = error(budget(600), budget(355));
    assert_eq!(over, "the budgets add up to 100.5 %: init 5 %, first 60 %, second 35.5 %");
}

#[test]
fn objects_that_the_kernel_has_no_room_for_name_all() {
    let objects = |count| move |program: &mut Program| program.objects = Objects(count);
    assert_eq!(error(objects(1_000), objects(864)), "");
    assert_eq!(
        error(objects(1_000), objects(865)),
        "the objects add up to 1901, of 1900 that the kernel has room for: first 1000, second 865, and 18 for each \
         program's process"
    );
}

#[test]
fn services_for_which_init_has_no_thread_name_all() {
    let services = |first: u8, last: u8| {
        move |program: &mut Program| program.serves = (first..=last).map(|name| char::from(name).into()).collect()
    };
    assert_eq!(error(services(b'a', b'f'), services(b'g', b'm')), "");
    assert_eq!(
        error(services(b'a', b'f'), services(b'g', b'n')),
        "14 services are more than 13, for which `init` has threads that answer while a program is stopped: a, b, c, \
         d, e, f, g, h, i, j, k, l, m, n"
    );
}

#[test]
fn two_claims_to_a_line_name_both() {
    let error = error(|first| first.lines = vec![1, 4], |second| second.lines = vec![4]);
    assert_eq!(error, "first and second both claim interrupt line 4");
}

#[test]
fn overlapping_ports_name_both() {
    let ports = |first, last| move |program: &mut Program| program.ports = vec![Range::new(first, last)];
    assert_eq!(error(ports(0x60, 0x64), ports(0x64, 0x66)), "first and second both claim ports 0x64-0x66");
}

#[test]
fn overlapping_device_memory_names_both() {
    let memory = |first, last| move |program: &mut Program| program.device_memory = vec![Range::new(first, last)];
    let error = error(memory(0xa0000, 0xbffff), memory(0xb8000, 0xb8fff));
    assert_eq!(error, "first and second both claim device memory 0xb8000-0xb8fff");
}

#[test]
fn the_kernels_ports_are_not_to_be_had() {
    let error = error(|first| first.ports = vec![Range::new(0x20, 0x2f)], nothing);
    assert_eq!(error, "first: of the ports 0x20-0x2f some are the kernel's own");
}

#[test]
fn memory_where_a_write_is_an_interrupt_is_not_to_be_had() {
    let error = |range| error(|first| first.device_memory = vec![range], nothing);
    let page = Range::new(0xfee0_5000, 0xfee0_5fff);
    assert_eq!(error(page), format!("first: in the device memory {page} are addresses where a write is an interrupt"));
    assert_eq!(error(Range::new(0xfed0_0000, 0xfedf_ffff)), "");
}

#[test]
fn a_fifth_range_of_ports_is_refused() {
    let five = (0..5).map(|index| Range::new(0x100 + index, 0x100 + index)).collect();
    assert_eq!(error(|first| first.ports = five, nothing), "first: a program can have 4 ranges of ports, not 5");
}

#[test]
fn a_range_of_more_ports_than_a_process_can_use_is_refused() {
    let error = |last| error(|first| first.ports = vec![Range::new(0x1000, last)], nothing);
    assert_eq!(error(0x10ff), "");
    assert_eq!(error(0x1100), "first: a range of ports has 256 at most; 0x1000-0x1100 are 257");
}

#[test]
fn a_part_of_a_page_is_refused() {
    let error = error(|first| first.device_memory = vec![Range::new(0xb8000, 0xb80ff)], nothing);
    assert!(error.contains("isn't whole pages"), "{error}");
}

#[test]
fn an_endpoint_without_server_is_named() {
    assert_eq!(error(|first| first.uses = names("timer"), nothing), "first uses \"timer\", which no program serves");
    let notify = || vec![crate::Notify { service: "timer".into(), bit: 0 }];
    let error = error(|first| first.notifies = notify(), nothing);
    assert_eq!(error, "first notifies \"timer\", which no program serves");
}

#[test]
fn an_endpoint_has_one_server() {
    let both = error(|first| first.serves = names("timer"), |second| second.serves = names("timer"));
    assert_eq!(both, "first and second both serve \"timer\"");
    let own = error(|first| first.serves = names("programs"), nothing);
    assert_eq!(own, "init and first both serve \"programs\"");
}

#[test]
fn pci_devices_need_who_turns_them_on() {
    let device = |program: &mut Program| program.pci = vec![PciId { vendor: 0x1234, device: 0x11E8 }];
    let serve = |program: &mut Program| (program.serves, program.priority) = (names("pci"), 42);
    assert_eq!(error(serve, device), "");
    assert_eq!(error(nothing, device), "second drives PCI devices, and no program before it serves \"pci\"");
    assert_eq!(error(device, serve), "first drives PCI devices, and no program before it serves \"pci\"");
    let low = error(|first| first.serves = names("pci"), device);
    assert!(low.starts_with("first (priority 20) serves \"pci\" for init (priority 40)"), "{low}");
}

/// A device that nobody can turn off would write to memory that has another owner by then.
#[test]
fn dma_takes_devices_that_can_be_turned_off() {
    let serve = |program: &mut Program| (program.serves, program.priority) = (names("pci"), 42);
    let trusted = |program: &mut Program| program.rights = vec![Right::Dma];
    assert!(error(serve, trusted).starts_with("second: the right \"dma\" takes PCI devices"));
    let drives = |priority| {
        move |program: &mut Program| {
            trusted(program);
            (program.pci, program.priority) = (vec![PciId { vendor: 0x1234, device: 0x11E8 }], priority);
        }
    };
    assert_eq!(error(serve, drives(42)), "");
    let high = error(serve, drives(43));
    assert!(high.starts_with("second (priority 43) lets its devices master the bus through \"pci\""), "{high}");
}

#[test]
fn a_pci_device_has_one_driver() {
    let device = |program: &mut Program| program.pci = vec![PciId { vendor: 0x1234, device: 0x11E8 }];
    let both = |program: &mut Program| {
        device(program);
        (program.serves, program.priority) = (names("pci"), 42);
    };
    // A program that both serves PCI and drives a device doesn't come before itself.
    assert!(error(both, nothing).contains("no program before it"));
    let mut programs = vec![program("pci", 42), program("a", 20), program("b", 10)];
    programs[0].serves = names("pci");
    programs[1..].iter_mut().for_each(device);
    let two = Manifest { programs }.check();
    assert_eq!(two, Err("a and b both claim the PCI device 1234:11e8".into()));
}

#[test]
fn messages_take_trust_and_a_device() {
    let serve = |program: &mut Program| (program.serves, program.priority) = (names("pci"), 42);
    let messages = |program: &mut Program| program.interrupt = Signal::Msi;
    assert_eq!(error(serve, messages), "second: without PCI devices nothing interrupts by messages");
    let untrusted = |program: &mut Program| {
        messages(program);
        program.pci = vec![PciId { vendor: 0x1234, device: 0x11E8 }];
    };
    assert!(error(serve, untrusted).ends_with("interrupt = \"msi\" needs the right \"dma\""));
    let trusted = |program: &mut Program| {
        untrusted(program);
        program.rights = vec![Right::Dma];
    };
    assert_eq!(error(serve, trusted), "");
}

#[test]
fn calls_go_uphill_and_notifications_anywhere() {
    let down = error(|first| first.uses = names("timer"), |second| second.serves = names("timer"));
    assert!(down.starts_with("first (priority 20) uses \"timer\" of second (priority 10)"), "{down}");
    let serve = |program: &mut Program| program.serves = names("timer");
    let notify = |bit| crate::Notify { service: "timer".into(), bit };
    assert_eq!(error(|first| first.notifies = vec![notify(6)], serve), "");
    let twice = error(|first| first.notifies = vec![notify(0), notify(1)], serve);
    assert_eq!(twice, "first notifies \"timer\" twice");
    let init = error(|first| (first.priority, first.uses) = (41, names("programs")), nothing);
    assert!(init.contains("of init (priority 40)"), "{init}");
}

#[test]
fn names_are_unique_and_plain() {
    let check = |names: &[&str]| Manifest { programs: names.iter().map(|name| program(name, 1)).collect() }.check();
    assert_eq!(check(&["a", "a"]), Err("two programs are called \"a\"".into()));
    for name in ["", "A", "a b", "thirteen-long", "init"] {
        assert!(check(&[name]).is_err(), "{name:?}");
    }
}
