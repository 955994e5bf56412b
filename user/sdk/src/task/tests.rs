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

#[test]
fn the_endpoint_stays_open_as_long_as_there_are_tasks() {
    let closed = Rc::new(RefCell::new(Vec::new()));
    crate::raw::fake::answer_with({
        let closed = closed.clone();
        move |operation, handle, words| match operation {
            abi::Operation::ReplyReceive => Err(crate::Error::Gone),
            abi::Operation::HandleClose => {
                closed.borrow_mut().push(handle);
                Ok(words)
            }
            _ => Ok(words),
        }
    });
    let bench = Bench::new();
    assert_eq!(bench.tasks.run().err(), Some(crate::Error::Gone));
    assert!(closed.borrow().is_empty());
    assert_eq!(bench.tasks.endpoint().notify(1), Ok(()));
    drop(bench);
    assert_eq!(*closed.borrow(), [7]);
}

/// A kernel whose Replies all have one number, as where each is given back before the next is taken.
fn one_reply() {
    crate::raw::fake::answer_with(|operation, _, words| match operation {
        abi::Operation::ReplyTake => Ok([100, 0, 0, 0]),
        _ => Ok(words),
    });
}

/// A client calls again and again with a deadline that passes while the one task is busy.
#[test]
fn calls_whose_callers_have_gone_do_not_pile_up() {
    one_reply();
    let mut bench = Bench::new();
    let tasks = bench.tasks.clone();
    bench.tasks.spawn(async move {
        loop {
            let call = tasks.call().await;
            tasks.timer(0).await;
            call.answer([0; 4]);
        }
    });
    for _ in 0..1000 {
        assert!(matches!(bench.deliver(Kind::Call, 1, [0; 4]), Owed::Nothing));
        bench.deliver(Kind::CallerGone, 0, [100, 0, 0, 0]);
        assert!(bench.tasks.shared.inbox.borrow().calls.is_empty(), "nobody waits for these");
    }
    assert!(bench.tasks.shared.given.borrow().len() <= 2);
}

/// Each call is a task of its own, which goes on when its caller has gone.
#[test]
fn what_tasks_keep_of_a_client_is_bounded_whether_it_waits_or_not() {
    one_reply();
    let mut bench = Bench::new();
    let tasks = bench.tasks.clone();
    bench.tasks.spawn(async move {
        loop {
            let call = tasks.call().await;
            let waiting = tasks.clone();
            tasks.spawn(async move {
                waiting.timer(0).await;
                call.answer([0; 4]);
            });
        }
    });
    for number in 0..20 {
        let owed = bench.deliver(Kind::Call, 1, [0; 4]);
        let is_refused = matches!(owed, Owed::Answer { label: OVER_LIMIT, .. });
        assert_eq!(is_refused, number >= CALLS.of_client, "{number}: {owed:?}");
        bench.deliver(Kind::CallerGone, 0, [100, 0, 0, 0]);
    }
    assert!(matches!(bench.deliver(Kind::Call, 2, [0; 4]), Owed::Nothing), "others have room");
    // A task that has ended gives its room back.
    bench.deliver(Kind::Timer, 0, [1, 0, 0, 0]);
    assert!(matches!(bench.deliver(Kind::Call, 1, [0; 4]), Owed::Nothing));
}

#[test]
fn calls_that_no_task_awaits_are_bounded_for_each_client() {
    let mut number = 100;
    crate::raw::fake::answer_with(move |operation, _, words| match operation {
        abi::Operation::ReplyTake => {
            number += 1;
            Ok([number, 0, 0, 0])
        }
        _ => Ok(words),
    });
    let mut bench = Bench::new();
    for _ in 0..CALLS.of_client {
        assert!(matches!(bench.deliver(Kind::Call, 1, [0; 4]), Owed::Nothing));
    }
    assert!(matches!(bench.deliver(Kind::Call, 1, [0; 4]), Owed::Answer { label: OVER_LIMIT, .. }));
    assert!(matches!(bench.deliver(Kind::Call, 2, [0; 4]), Owed::Nothing));
}

#[test]
fn a_call_that_was_refused_for_lack_of_room_is_not_kept() {
    crate::raw::fake::answer_with(|operation, _, words| match operation {
        abi::Operation::ReplyTake => Err(crate::Error::NoHandleSlot),
        _ => Ok(words),
    });
    let mut bench = Bench::new();
    for _ in 0..1000 {
        let owed = bench.deliver(Kind::Call, 1, [0; 4]);
        assert!(matches!(owed, Owed::Answer { label: OVER_LIMIT, .. }), "{owed:?}");
        assert!(bench.tasks.shared.inbox.borrow().calls.is_empty(), "calls that were answered wait for a task");
    }
}
