//! Tests of the tree.

use super::*;
use crate::tables::Entry;
use proptest::prelude::*;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::vec::Vec;

struct Numbered {
    key: usize,
    branches: Branches,
}

impl Entry for Numbered {
    const EMPTY: Self = Self { key: 0, branches: Branches::NONE };
}

impl Ordered for Numbered {
    fn key(&self) -> usize {
        self.key
    }
    fn branches(&mut self) -> &mut Branches {
        &mut self.branches
    }
    fn branches_ref(&self) -> &Branches {
        &self.branches
    }
}

type Table = Arena<Numbered, 200>;

fn insert(table: &mut Table, tree: &mut Tree, key: usize) -> Link {
    let link = table.insert(Numbered { key, branches: Branches::NONE }).unwrap().link();
    table.add(tree, link);
    link
}

#[test]
fn rising_and_falling_keys_give_flat_trees() {
    for order in [|number: usize| number, |number| 200 - number] {
        let mut table = Box::new(Table::EMPTY);
        let mut tree = Tree::EMPTY;
        for number in 1..=127 {
            insert(&mut table, &mut tree, order(number));
        }
        assert_eq!(table.in_order(&tree).len(), 127);
        let mut levels = 0;
        let mut at = tree.root;
        while at.is_some() {
            levels += 1;
            at = table.below(at, Side::Lower);
        }
        assert_eq!(levels, 7);
    }
}

proptest! {
    #[test]
    fn a_tree_is_an_ordered_set(steps in proptest::collection::vec((0usize..150, any::<bool>()), 1..400)) {
        let mut table = Box::new(Table::EMPTY);
        let mut tree = Tree::EMPTY;
        let mut model = BTreeMap::new();
        for (key, add) in steps {
            if add {
                model.entry(key).or_insert_with(|| insert(&mut table, &mut tree, key));
            } else if let Some(link) = model.remove(&key) {
                table.take_out(&mut tree, link);
                table.recycle(link);
            }
            prop_assert_eq!(table.in_order(&tree), model.values().copied().collect::<Vec<_>>());
            let below = model.range(..key).next_back().map_or(Link::NONE, |(_, link)| *link);
            prop_assert_eq!(table.last_below(&tree, key), below);
        }
    }
}
