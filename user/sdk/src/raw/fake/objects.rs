//! A kernel that counts: its objects, handles and mapped pages, with real memory behind the pages. A call of one's
//! choice fails.

use super::{Answer, answer_with};
use abi::{Error, Operation, PAGE_BYTES, Tag};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What there is in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// The objects, by number, and what made each.
    pub objects: BTreeMap<usize, Operation>,
    /// The handles, and their objects.
    pub handles: BTreeMap<u32, usize>,
    /// The pages that are mapped.
    pub pages: BTreeSet<usize>,
}

#[derive(Debug, Default)]
struct Kernel {
    census: Census,
    sizes: BTreeMap<usize, usize>,
    next: usize,
    /// The number of calls that may succeed from now on, of those that make something.
    credit: Option<usize>,
    /// The tag and the last word in the registers of threads that are destroyed.
    registers: (Tag, usize),
}

/// A test's view of the kernel. Tests that have one run one after the other, since all mappings are in one space.
pub struct Objects {
    kernel: Rc<RefCell<Kernel>>,
    _alone: MutexGuard<'static, ()>,
}

impl Objects {
    /// Has the calls of this thread answered by such a kernel.
    pub fn serve() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let kernel = Rc::new(RefCell::new(Kernel::default()));
        let served = kernel.clone();
        answer_with(move |operation, handle, words| served.borrow_mut().answer(operation, handle, words));
        Self { kernel, _alone: alone }
    }

    pub fn census(&self) -> Census {
        self.kernel.borrow().census.clone()
    }

    /// Has a page be mapped by somebody else.
    pub fn occupy(&self, page: usize) {
        map(page);
        self.kernel.borrow_mut().census.pages.insert(page);
    }

    /// Has these be in the registers of threads that are destroyed.
    pub fn end_threads_with(&self, tag: Tag, word: usize) {
        self.kernel.borrow_mut().registers = (tag, word);
    }

    /// Tries something again and again, each time with another call failing, until it succeeds. Returns what it made
    /// then. After each failure there must be as much as before.
    pub fn fail_at_each_call<T>(&self, mut make: impl FnMut() -> crate::Result<T>) -> T {
        for credit in 0..100 {
            let before = self.census();
            let ranges = crate::mapping::ranges();
            self.kernel.borrow_mut().credit = Some(credit);
            let made = make();
            let left = self.kernel.borrow_mut().credit.take();
            match made {
                Ok(made) => {
                    assert!(credit > 0, "no call that could fail");
                    return made;
                }
                Err(error) => {
                    assert_eq!(error, Error::NoMemory, "after {credit} calls");
                    assert_eq!(left, Some(0), "an error without a cause");
                    assert_eq!(self.census(), before, "after {credit} calls");
                    assert_eq!(crate::mapping::ranges(), ranges, "after {credit} calls");
                }
            }
        }
        panic!("never made");
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        let kernel = self.kernel.borrow();
        kernel.census.pages.iter().for_each(|page| unmap(*page));
    }
}

impl Kernel {
    fn answer(&mut self, operation: Operation, handle: u32, words: [usize; 4]) -> Answer {
        let [first, second, third, _] = words;
        let takes_away = matches!(operation, Operation::HandleClose | Operation::Destroy | Operation::MemoryUnmap);
        if !takes_away && let Some(credit) = &mut self.credit {
            *credit = credit.checked_sub(1).ok_or(Error::NoMemory)?;
        }
        let object =
            self.census.handles.get(&handle).copied().filter(|object| self.census.objects.contains_key(object));
        let named = object.ok_or(Error::BadHandle);
        match operation {
            Operation::MemoryCreate => {
                let made = self.make(operation)?;
                self.sizes.insert(self.next, first.next_multiple_of(PAGE_BYTES));
                Ok(made)
            }
            Operation::EndpointCreate | Operation::ThreadCreate | Operation::TimerCreate => self.make(operation),
            Operation::MemoryInfo => Ok([self.sizes[&named?], 0, 0, 0]),
            Operation::HandleCopy => named.map(|object| self.install(object)),
            Operation::HandleClose => self.census.handles.remove(&handle).map(|_| [0; 4]).ok_or(Error::BadHandle),
            Operation::Destroy => {
                let made_by = self.census.objects.remove(&named?);
                let (tag, word) = if made_by == Some(Operation::ThreadCreate) { self.registers } else { (Tag(0), 0) };
                Ok([0, tag.0 as usize, word, 0])
            }
            // One page a call, from the front.
            Operation::MemoryMap if self.census.pages.contains(&first) => Err(Error::Conflict),
            Operation::MemoryMap => {
                named?;
                map(first);
                self.census.pages.insert(first);
                Ok([PAGE_BYTES.min(third), 0, 0, 0])
            }
            Operation::MemoryUnmap => {
                let Some(page) = self.census.pages.range(first..first + second).next_back().copied() else {
                    return Ok([0; 4]);
                };
                self.census.pages.remove(&page);
                unmap(page);
                Ok([PAGE_BYTES, 0, 0, 0])
            }
            Operation::MemoryPrepare | Operation::ThreadStart | Operation::ThreadRead | Operation::Notify => {
                named.map(|_| [0; 4])
            }
            _ => Err(Error::UnknownCall),
        }
    }

    fn make(&mut self, operation: Operation) -> Answer {
        self.next += 1;
        self.census.objects.insert(self.next, operation);
        Ok(self.install(self.next))
    }

    /// The least number that is free, so that a census is the same after as before.
    fn install(&mut self, object: usize) -> [usize; 4] {
        let free = (1..).find(|number| !self.census.handles.contains_key(number)).unwrap_or_default();
        self.census.handles.insert(free, object);
        [free as usize, 0, 0, 0]
    }
}

fn map(address: usize) {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: the flags have the host take no page that is mapped already.
    let mapped = unsafe { libc::mmap(address as *mut _, PAGE_BYTES, access, flags, -1, 0) };
    assert_eq!(mapped as usize, address);
}

fn unmap(address: usize) {
    // SAFETY: `map` has mapped the page for the test, whose program has just unmapped it.
    assert_eq!(unsafe { libc::munmap(address as *mut _, PAGE_BYTES) }, 0);
}
