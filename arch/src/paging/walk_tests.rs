use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use super::super::{FourLevel, Pae};
use super::*;

/// Page tables in a map, and the frames that they were given.
#[derive(Default)]
struct Fake {
    entries: HashMap<(u32, usize), Entry>,
    next: u32,
}

impl Tables for Fake {
    fn read(&self, table: Frame, index: usize) -> Entry {
        self.entries.get(&(table.0, index)).copied().unwrap_or(Entry::EMPTY)
    }

    fn write(&mut self, table: Frame, index: usize, entry: Entry) {
        self.entries.insert((table.0, index), entry);
    }
}

const ROOT: Frame = Frame(1000);

fn map_page<G: Geometry>(fake: &mut Fake, address: usize, frame: u32, limit: u32) -> Result<(), MapError> {
    let mut next = fake.next;
    let result =
        map::<G>(fake, Place { root: ROOT, address, level: 1 }, Entry::page(Frame(frame), Flags::USER), &mut || {
            (next < limit).then(|| {
                next += 1;
                Frame(ROOT.0 + next)
            })
        });
    fake.next = next;
    result
}

fn translate<G: Geometry>(fake: &Fake, address: usize) -> Option<Frame> {
    find::<G>(fake, ROOT, address)?.0.frame()
}

/// Gives everything back, looking at `looks` entries a call; the frames in order.
fn release_all<G: Geometry>(fake: &mut Fake, looks: usize) -> Vec<Frame> {
    let mut given = Vec::new();
    let mut from = Some(0);
    while let Some(address) = from {
        let before = given.len();
        from = release::<G>(fake, ROOT, address, looks, &mut |frame| given.push(frame));
        assert!(given.len() <= before + 1, "more than one in a call");
        assert!(given.len() > before || from.is_none_or(|next| next > address), "a call gets on");
    }
    given
}

fn keeps_a_map_of_pages<G: Geometry>(steps: &[(usize, bool)], top: usize, looks: usize) {
    let mut fake = Fake::default();
    let mut model = BTreeMap::new();
    for (number, &(page, add)) in steps.iter().enumerate() {
        // Spread over the whole user half, so that all levels take part.
        let address = (page.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as usize) % top) & !0xFFF;
        if add {
            let expected = if model.contains_key(&address) { Err(MapError::Occupied) } else { Ok(()) };
            assert_eq!(map_page::<G>(&mut fake, address, number as u32, u32::MAX), expected);
            model.entry(address).or_insert(number as u32);
        } else {
            assert_eq!(unmap::<G>(&mut fake, ROOT, address).is_some(), model.remove(&address).is_some());
        }
        for (&address, &frame) in &model {
            assert_eq!(translate::<G>(&fake, address), Some(Frame(frame)));
        }
    }
    for &address in model.keys() {
        unmap::<G>(&mut fake, ROOT, address);
    }
    let given = release_all::<G>(&mut fake, looks);
    let distinct: BTreeSet<_> = given.iter().collect();
    assert_eq!(distinct.len(), given.len());
    assert_eq!(given.len() as u32, fake.next + 1, "every table and the root, once");
    assert_eq!(given.last(), Some(&ROOT));
}

proptest! {
    #[test]
    fn pages_are_found_and_tables_given_back(
        steps in proptest::collection::vec((0..24usize, any::<bool>()), 0..60),
        looks in 1..700usize,
    ) {
        keeps_a_map_of_pages::<Pae>(&steps, 0xC000_0000, looks);
        keeps_a_map_of_pages::<FourLevel>(&steps, 0x8000_0000_0000, looks);
    }
}

#[test]
fn no_frame_is_an_error_and_what_was_added_is_given_back() {
    let mut fake = Fake::default();
    assert_eq!(map_page::<FourLevel>(&mut fake, 0x40_0000, 7, 2), Err(MapError::NoFrame));
    assert_eq!(release_all::<FourLevel>(&mut fake, 4096).len(), 3);
}

#[test]
fn the_root_s_change_is_told() {
    let mut fake = Fake::default();
    let change = |fake: &mut Fake, address, frames: &[u32]| {
        let (mut change, mut frames) = (Root::Same, frames.iter().map(|frame| Frame(*frame)));
        let entries = EntryRun::one(Entry::page(Frame(7), Flags::USER));
        let result =
            map_run::<Pae>(fake, Place { root: ROOT, address, level: 1 }, entries, &mut || frames.next(), &mut change);
        (result, change)
    };
    assert_eq!(change(&mut fake, 0x40_0000, &[1001]), (Err(MapError::NoFrame), Root::Changed), "even if it fails then");
    assert_eq!(change(&mut fake, 0x40_0000, &[1002]), (Ok(1), Root::Same));
    assert_eq!(change(&mut fake, 0x4080_0000, &[1003, 1004]), (Ok(1), Root::Changed));
    assert_eq!(fake.read(ROOT, 0).bits() & 0xFFF, 1, "PAE reserves the other bits of its root");
}

#[test]
fn the_kernel_s_half_is_not_given_back() {
    let mut fake = Fake::default();
    fake.write(ROOT, 3, Entry::directory(Frame(5)));
    assert_eq!(release_all::<Pae>(&mut fake, 4096), [ROOT]);
    let mut fake = Fake::default();
    fake.write(ROOT, 256, Entry::table(Frame(5)));
    assert_eq!(release_all::<FourLevel>(&mut fake, 4096), [ROOT]);
}

#[test]
fn a_run_ends_with_its_table_or_at_what_is_there() {
    let mut fake = Fake::default();
    map_page::<FourLevel>(&mut fake, 0x20_3000, 7, 9).expect("room");
    let mut pages = EntryRun { next: Entry::page(Frame(100), Flags::USER).bits(), step: 4096, left: 10 };
    let mut next = 100;
    let mut new_table = || {
        next += 1;
        Some(Frame(ROOT.0 + next))
    };
    let mut run = |fake: &mut Fake, address| {
        let count = map_run::<FourLevel>(
            fake,
            Place { root: ROOT, address, level: 1 },
            pages,
            &mut new_table,
            &mut Root::Same,
        )?;
        pages = pages.behind(count as u32);
        Ok(count)
    };
    assert_eq!(run(&mut fake, 0x1F_E000), Ok(2), "two entries up to the table's end");
    assert_eq!(run(&mut fake, 0x20_0000), Ok(3), "three up to the page that is there");
    assert_eq!(run(&mut fake, 0x20_3000), Err(MapError::Occupied));
    let frames = [0x1F_E000, 0x1F_F000, 0x20_0000, 0x20_1000, 0x20_2000, 0x20_3000];
    let found = frames.map(|address| translate::<FourLevel>(&fake, address).map(|frame| frame.0));
    assert_eq!(found, [Some(100), Some(101), Some(102), Some(103), Some(104), Some(7)]);
}

#[test]
fn a_run_goes_across_tables_and_holes() {
    let mut fake = Fake::default();
    for address in [0x1F_E000, 0x1F_F000, 0x20_0000, 0x20_2000, 0x60_0000] {
        map_page::<FourLevel>(&mut fake, address, 7, 9).expect("room");
    }
    let mut gone = Vec::new();
    let addresses = (0x1F_E000..0x60_2000).step_by(0x1000);
    unmap_run::<FourLevel>(&mut fake, ROOT, addresses, &mut |address| gone.push(address));
    assert_eq!(gone, [0x1F_E000, 0x1F_F000, 0x20_0000, 0x20_2000, 0x60_0000]);
    assert!([0x1F_E000, 0x20_2000, 0x60_0000].iter().all(|address| translate::<FourLevel>(&fake, *address).is_none()));
}
