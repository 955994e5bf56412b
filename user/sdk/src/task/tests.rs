use super::*;
use crate::server::Owed;
use abi::{InterruptFlags, Kind, Message, Tag};
use alloc::task::Wake;
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

/// Tasks on a server that never receives, to which a test delivers events itself.
struct Bench {
    tasks: Tasks,
    running: Vec<Task>,
}

impl Bench {
    fn new() -> Self {
        // SAFETY: nothing is received here.
        let server = Server::new(unsafe { crate::ReceiveRight::assume() }, Endpoint::installed(7));
        Self { tasks: Tasks::new(server), running: Vec::new() }
    }

    /// Delivers a message and says what the next receive would answer.
    fn deliver(&mut self, kind: Kind, badge: u16, words: [usize; 4]) -> Owed {
        let mut owed = Owed::Nothing;
        let message = Message::new(Tag::outgoing(kind, 2, badge), words);
        let event = Event::new(message, &mut owed).unwrap();
        self.tasks.deliver(event, &mut self.running);
        owed
    }
}

#[test]
fn interrupts_that_nobody_awaits_add_up() {
    let mut bench = Bench::new();
    bench.deliver(Kind::Interrupt, 3, [1, 10, 500, 0]);
    bench.deliver(Kind::Interrupt, 3, [4, 11, 900, 0]);
    bench.deliver(Kind::Interrupt, 4, [1, 1, 950, 0]);
    let seen = Rc::new(Cell::new(None));
    bench.tasks.spawn({
        let (tasks, seen) = (bench.tasks.clone(), seen.clone());
        async move { seen.set(Some(tasks.interrupt(3).await)) }
    });
    bench.deliver(Kind::Notify, 0, [1, 0, 0, 0]);
    let flags = InterruptFlags::LOST;
    assert_eq!(seen.get(), Some(InterruptMessage { badge: 3, count: 5, sequence: 11, first: 500, flags }));
}

#[test]
fn a_call_that_is_answered_at_once_is_answered_by_the_next_receive() {
    let mut bench = Bench::new();
    let tasks = bench.tasks.clone();
    bench.tasks.spawn(async move {
        loop {
            let call = tasks.call().await;
            let [first, ..] = call.words;
            call.answer([first + 1, 0, 0, 0]);
        }
    });
    for number in 0..3 {
        let owed = bench.deliver(Kind::Call, 1, [number, 0, 0, 0]);
        assert!(
            matches!(owed, Owed::Answer { label: 0, words: [word, 0, 0, 0], .. } if word == number + 1),
            "{owed:?}"
        );
    }
}

#[test]
fn a_call_that_a_task_drops_is_refused() {
    let mut bench = Bench::new();
    let tasks = bench.tasks.clone();
    bench.tasks.spawn(async move { drop(tasks.call().await) });
    let owed = bench.deliver(Kind::Call, 1, [0; 4]);
    assert!(matches!(owed, Owed::Answer { label: crate::protocol::REFUSED, .. }), "{owed:?}");
}

#[test]
fn notified_bits_go_to_the_task_that_asked_for_them() {
    let mut bench = Bench::new();
    let sum = Rc::new(Cell::new(0));
    for bits in [0b0011, 0b1100] {
        let (tasks, sum) = (bench.tasks.clone(), sum.clone());
        bench.tasks.spawn(async move { sum.set(sum.get() * 16 + tasks.notified(bits).await) });
    }
    bench.deliver(Kind::Notify, 0, [0b0101, 0, 0, 0]);
    assert_eq!(sum.get(), 0x14);
}

#[test]
fn a_task_that_another_wakes_runs_before_the_next_event() {
    let mut bench = Bench::new();
    let (flag, done) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
    bench.tasks.spawn({
        let (flag, done, waker) = (flag.clone(), done.clone(), waker.clone());
        async move {
            poll_fn(|context| {
                *waker.borrow_mut() = Some(context.waker().clone());
                if flag.get() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            done.set(true);
        }
    });
    let tasks = bench.tasks.clone();
    bench.tasks.spawn(async move {
        tasks.timer(0).await;
        flag.set(true);
        waker.take().unwrap().wake();
    });
    bench.deliver(Kind::Timer, 0, [1, 0, 0, 0]);
    assert!(done.get());
}

/// Polls its inner future only when that was woken, as combinators of many futures do.
async fn only_when_woken(inner: impl Future<Output = InterruptMessage>) -> InterruptMessage {
    struct Flag {
        woken: AtomicBool,
        outer: Waker,
    }

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.woken.store(true, Ordering::SeqCst);
            self.outer.wake_by_ref();
        }
    }

    let mut inner = core::pin::pin!(inner);
    let mut flag: Option<Arc<Flag>> = None;
    poll_fn(|context| {
        let new = || Arc::new(Flag { woken: AtomicBool::new(true), outer: context.waker().clone() });
        let flag = flag.get_or_insert_with(new);
        if !flag.woken.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        inner.as_mut().poll(&mut Context::from_waker(&Waker::from(flag.clone())))
    })
    .await
}

#[test]
fn an_event_wakes_what_awaits_it() {
    let mut bench = Bench::new();
    let seen = Rc::new(Cell::new(0));
    bench.tasks.spawn({
        let (tasks, seen) = (bench.tasks.clone(), seen.clone());
        async move { seen.set(only_when_woken(tasks.interrupt(3)).await.count) }
    });
    bench.deliver(Kind::Notify, 0, [1, 0, 0, 0]);
    bench.deliver(Kind::Interrupt, 3, [2, 1, 0, 0]);
    assert_eq!(seen.get(), 2);
}

#[test]
fn a_wake_from_another_thread_ends_the_wait() {
    let mut bench = Bench::new();
    let (done, waker) = (Arc::new(AtomicBool::new(false)), Rc::new(RefCell::new(None)));
    let over = Rc::new(Cell::new(false));
    bench.tasks.spawn({
        let (done, waker, over) = (done.clone(), waker.clone(), over.clone());
        async move {
            poll_fn(|context| {
                *waker.borrow_mut() = Some(context.waker().clone());
                if done.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            over.set(true);
        }
    });
    bench.deliver(Kind::Notify, 0, [1, 0, 0, 0]);
    // The tasks' thread receives now. Another one wakes the task, and says what calls that took.
    let (calls, made) = mpsc::channel();
    let waker: Waker = waker.take().unwrap();
    std::thread::spawn(move || {
        crate::raw::fake::answer_with(move |operation, handle, [bits, ..]| {
            calls.send((operation, handle, bits)).unwrap();
            Ok([0; 4])
        });
        done.store(true, Ordering::SeqCst);
        waker.wake_by_ref();
        waker.wake();
    })
    .join()
    .unwrap();
    assert_eq!(made.try_iter().collect::<Vec<_>>(), [(abi::Operation::Notify, 7, WAKE as usize)]);
    bench.deliver(Kind::Notify, 0, [WAKE as usize, 0, 0, 0]);
    assert!(over.get());
    assert_eq!(bench.tasks.shared.inbox.borrow().bits, 1, "the bit is no client's");
}
