use super::*;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Condvar};
use std::thread;
use std::time::Duration;

/// Endpoints as the kernel has them: a call to one that is gone fails at once.
struct Model {
    living: std::sync::Mutex<BTreeSet<u32>>,
    rung: Condvar,
    next: AtomicU32,
    waits: AtomicUsize,
    /// Each request for a bell whose number is a multiple of this is refused; none if it is 0.
    refuses: u32,
}

impl Model {
    fn new(refuses: u32) -> Self {
        let (living, rung) = (std::sync::Mutex::default(), Condvar::new());
        Self { living, rung, next: AtomicU32::new(1), waits: AtomicUsize::new(0), refuses }
    }
}

impl Bells for Model {
    fn make(&self) -> Option<u32> {
        let bell = self.next.fetch_add(1, Ordering::SeqCst);
        if self.refuses != 0 && bell.is_multiple_of(self.refuses) {
            return None;
        }
        self.living.lock().unwrap().insert(bell);
        Some(bell)
    }

    fn wait(&self, bell: u32) {
        self.waits.fetch_add(1, Ordering::SeqCst);
        let mut living = self.living.lock().unwrap();
        while living.contains(&bell) {
            let (again, timeout) = self.rung.wait_timeout(living, Duration::from_secs(20)).unwrap();
            assert!(!timeout.timed_out(), "nobody rings the bell");
            living = again;
        }
    }

    fn ring(&self, bell: u32) {
        assert!(self.living.lock().unwrap().remove(&bell), "a bell is rung twice");
        self.rung.notify_all();
    }

    fn pause(&self) {
        thread::yield_now();
    }
}

/// A counter that isn't atomic, so that two threads inside at once lose a step.
struct Counter(UnsafeCell<usize>);

// SAFETY: the test's lock keeps threads apart; whether it does is what the test sees.
unsafe impl Sync for Counter {}

fn contend(refuses: u32) -> usize {
    const THREADS: usize = 4;
    const ROUNDS: usize = 20_000;
    let model = Arc::new(Model::new(refuses));
    let lock = Arc::new(Lock::new());
    let count = Arc::new(Counter(UnsafeCell::new(0)));
    let threads = [(); THREADS].map(|()| {
        let (model, lock, count) = (model.clone(), lock.clone(), count.clone());
        thread::spawn(move || {
            for round in 0..ROUNDS {
                lock.lock(&*model);
                // SAFETY: this thread has the lock.
                let before = unsafe { count.0.get().read() };
                if round.is_multiple_of(64) {
                    thread::yield_now();
                }
                // SAFETY: as above.
                unsafe { count.0.get().write(before + 1) };
                lock.unlock(&*model);
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
    // SAFETY: all threads have ended.
    assert_eq!(unsafe { count.0.get().read() }, THREADS * ROUNDS);
    assert!(lock.try_lock());
    lock.unlock(&*model);
    model.waits.load(Ordering::SeqCst)
}

#[test]
fn one_thread_at_a_time_has_it_and_none_waits_for_ever() {
    assert_ne!(contend(0), 0, "no thread ever waited");
}

#[test]
fn it_works_where_the_kernel_has_no_room_for_bells() {
    contend(1);
    contend(3);
}

#[test]
fn one_that_is_taken_is_not_taken_again() {
    let mutex = Mutex::new(5);
    let guard = mutex.lock();
    // An attempt that fails leaves the lock to its owner: so does the second one.
    for _ in 0..2 {
        assert!(mutex.try_lock().is_none());
        assert_eq!(std::format!("{mutex:?}"), "(locked)");
    }
    drop(guard);
    *mutex.try_lock().unwrap() += 1;
    assert_eq!(mutex.into_inner(), 6);
}
