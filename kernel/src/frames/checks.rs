//! What tests look at inside the frame allocator.

use super::{Frame, FrameRun, Frames, ORDERS, Records};
use std::vec::Vec;

impl Frames {
    /// The free blocks; panics unless their records agree with the lists that they are in.
    pub(crate) fn free_blocks(&self) -> Vec<FrameRun> {
        let all = self.records.as_ref().expect("initialised");
        let records = &*all.records;
        let mut blocks = Vec::new();
        for (zone, listed) in self.zones.iter().enumerate() {
            let heads = &listed.heads;
            let orders = heads.iter().enumerate().map(|(order, head)| ((*head != 0) as u32) << order);
            assert_eq!(listed.orders, orders.sum::<u32>(), "the orders of free blocks are wrong");
            for (order, head) in heads.iter().enumerate().take(ORDERS) {
                let (mut previous, mut next) = (0, *head);
                while next != 0 {
                    let first = next - 1;
                    let record = records[first as usize];
                    let heads = records[Records::group(first)].heads;
                    let (word, bit) = Records::place(first);
                    assert!(
                        all.written[word] & bit != 0 && heads & Records::head(first) != 0,
                        "a free block is no head"
                    );
                    assert_eq!(record.order as usize, order, "a free block's record has another size");
                    assert_eq!(record.previous, previous, "free blocks aren't linked both ways");
                    assert_eq!((first >= self.low_end) as usize, zone, "a free block is in the wrong zone");
                    assert!(blocks.len() < records.len(), "the list of free blocks has a loop");
                    blocks.push(FrameRun { first: Frame(first), count: 1 << order });
                    previous = next;
                    next = record.next;
                }
            }
        }
        blocks
    }
}
