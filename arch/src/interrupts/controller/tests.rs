//! Tests of the controller's choices.

use super::*;

#[test]
fn the_kernels_own_ports_are_refused() {
    let with_pit = Controller::ABSENT;
    let with_apic = Controller { timer: TimerSource::Apic, ..Controller::ABSENT };
    for (first, count, free, free_with_pit) in [
        (0x60, 1, true, true),
        (0x3F8, 8, true, true),
        (0x20, 1, false, false),
        (0x21, 1, false, false),
        (0x22, 0x1E, true, true),
        (0x1F, 1, true, true),
        (0x1F, 2, false, false),
        (0xA1, 4, false, false),
        (0x400, 0x100, false, false),
        (0x40, 4, true, false),
        (0x43, 1, true, false),
        (0x30, 0x11, true, false),
        (0xFFFF, 1, true, true),
        (0xFFFF, 2, false, false),
        (0, 0xFFFF, false, false),
    ] {
        assert_eq!(with_apic.are_free_ports(first, count), free, "{first:#x}, {count}");
        assert_eq!(with_pit.are_free_ports(first, count), free_with_pit, "{first:#x}, {count}, with the 8254");
    }
}

#[test]
fn addresses_where_a_write_is_an_interrupt_are_refused() {
    for (frames, refused) in [
        (0xF_EE00..0xF_EE01, true),
        (0xF_EE05..0xF_EE06, true),
        (0xF_EEFF..0xF_EF01, true),
        (0xF_EDFF..0xF_EE00, false),
        (0xF_EDFF..0xF_EE01, true),
        (0xF_EF00..0xF_EF10, false),
        (0..u32::MAX, true),
    ] {
        assert_eq!(Controller::ABSENT.has_registers_in(frames.clone()), refused, "{frames:#x?}");
    }
}

#[test]
fn the_kernels_timer_is_nobodys_line() {
    let mut controller = Controller::ABSENT;
    assert!(!controller.has_line(Line(PIT_LINE)) && controller.has_line(Line(1)) && controller.has_line(Line::NMI));
    assert_eq!(controller.configure(Line::NMI, Some(Trigger::Level)), Trigger::Edge);
    controller.timer = TimerSource::Apic;
    assert!(controller.has_line(Line(PIT_LINE)));
}
