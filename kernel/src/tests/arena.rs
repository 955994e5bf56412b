//! Tables: names that outlive their entries.

use crate::objects::ports::Ports;
use crate::tables::sizes::GENERATIONS;
use crate::tables::{Arena, Entry};

#[test]
fn a_slot_lives_for_ever_and_its_names_come_round() {
    let mut table: Arena<Ports, 2> = Arena::EMPTY;
    let first = table.insert(<Ports as Entry>::EMPTY).unwrap();
    table.remove(first.link());
    for life in 2..=3 * GENERATIONS as u32 {
        let name = table.insert(<Ports as Entry>::EMPTY).unwrap();
        assert_eq!(name.link(), first.link(), "it is the one that was freed last");
        assert!(!name.is_none());
        assert_eq!(name == first, life % GENERATIONS as u32 == 1, "life {life}");
        table.remove(name.link());
        table.remove(name.link());
        table.check_slots();
    }
    assert_eq!(table.used(), 0);
}
