//! Tables: names that outlive their entries, and slots whose generations are used up.

use crate::objects::ports::Ports;
use crate::tables::{Arena, Entry};

#[test]
fn a_slot_whose_generation_would_wrap_is_retired() {
    let mut table: Arena<Ports, 2> = Arena::EMPTY;
    let first = table.insert(<Ports as Entry>::EMPTY).unwrap();
    table.remove(first.link());
    let mut last = first;
    for _ in 1..u16::MAX {
        last = table.insert(<Ports as Entry>::EMPTY).unwrap();
        assert_eq!(last.link(), first.link(), "it is the one that was freed last");
        table.remove(last.link());
    }
    table.check_slots();
    assert!(table.get(last).is_none() && table.get(first).is_none());
    let other = table.insert(<Ports as Entry>::EMPTY).unwrap();
    assert_ne!(other.link(), first.link());
    assert!(table.insert(<Ports as Entry>::EMPTY).is_none(), "only one slot is left");
    table.remove(other.link());
    table.remove(other.link());
    table.check_slots();
    assert_eq!(table.used(), 0);
}
