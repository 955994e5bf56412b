use super::*;
use crate::raw::fake::objects::Objects;

/// Says when it is dropped.
struct Witness(Arc<()>);

#[test]
fn a_thread_that_is_only_half_there_is_given_back() {
    let objects = Objects::serve();
    lock::prepare().unwrap();
    let before = objects.census();
    let captured = Arc::new(());
    let thread = objects.fail_at_each_call(|| {
        assert_eq!(Arc::strong_count(&captured), 1, "what the function has captured is dropped");
        let witness = Witness(captured.clone());
        Thread::spawn(10, 4096, move |_| drop(witness.0))
    });
    assert_eq!(Arc::strong_count(&captured), 2);
    // SAFETY: the thread doesn't run here.
    unsafe { thread.destroy() }.unwrap();
    assert_eq!(objects.census(), before);
}

#[test]
fn threads_that_are_destroyed_leave_nothing() {
    let objects = Objects::serve();
    lock::prepare().unwrap();
    let before = (objects.census(), crate::mapping::ranges());
    for _ in 0..200 {
        let thread = Thread::spawn(10, 2 * 4096, |_| ()).unwrap();
        // SAFETY: the thread doesn't run here.
        unsafe { thread.destroy() }.unwrap();
        assert_eq!((objects.census(), crate::mapping::ranges()), before);
    }
}

/// What was captured lies on the stack, which is larger for it.
#[test]
fn a_function_that_has_captured_much_has_its_room() {
    let objects = Objects::serve();
    lock::prepare().unwrap();
    let (much, before) = ([0x5A_u8; 3 * 4096], objects.census());
    let thread = Thread::spawn(10, 4096, move |_| assert_eq!(much[0], 0x5A)).unwrap();
    // A page for what it does, and the captured array twice.
    assert_eq!(objects.census().pages.len(), 8);
    // SAFETY: the thread doesn't run here.
    unsafe { thread.destroy() }.unwrap();
    assert_eq!(objects.census(), before);
    assert_eq!(Thread::spawn(10, 0, |_| ()).err(), Some(crate::Error::BadArgument));
}

/// The stack of a thread that was ended by others stays, since something there may be pinned. Its handles don't.
#[test]
fn a_thread_that_others_have_ended_leaves_its_stack_alone() {
    let objects = Objects::serve();
    lock::prepare().unwrap();
    let before = objects.census();
    let thread = Thread::spawn(10, 4096, |_| ()).unwrap();
    // SAFETY: the thread doesn't run here.
    unsafe { raw::destroy(thread.thread.raw(), [0; 4]) }.unwrap();
    stacks::sweep();
    drop(thread);
    let after = objects.census();
    assert_eq!(after.handles, before.handles);
    assert_eq!(after.pages.len(), 1);
}

/// What is aligned leaves gaps, both where it lies and where the function has it.
#[test]
fn a_function_that_has_captured_what_is_aligned_has_its_room() {
    #[repr(align(4096))]
    struct Aligned(u8);

    let objects = Objects::serve();
    lock::prepare().unwrap();
    let (aligned, before) = (Aligned(1), objects.census());
    let thread = Thread::spawn(10, 4096, move |_| {
        let whole = aligned;
        assert_eq!(whole.0, 1);
    })
    .unwrap();
    // A page for what it does; twice, two pages that are captured, and up to a page of a gap.
    assert_eq!(objects.census().pages.len(), 7);
    // SAFETY: the thread doesn't run here.
    unsafe { thread.destroy() }.unwrap();
    assert_eq!(objects.census(), before);
}
