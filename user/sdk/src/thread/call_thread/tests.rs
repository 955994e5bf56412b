use super::*;
use crate::lock;
use crate::raw::fake::objects::Objects;
use abi::{Kind, Rights};
use core::sync::atomic::Ordering;
use desk::{ANSWERED, CALLING};

#[test]
fn one_that_is_dropped_gives_all_back() {
    let objects = Objects::serve();
    lock::prepare().unwrap();
    let service = Arc::new(Endpoint::new().unwrap());
    let before = objects.census();
    let make = || CallThread::new(10, service.copy(Rights::all())?, 1);
    let mut thread = objects.fail_at_each_call(make);
    assert!(thread.is_free());
    objects.fail_at_each_call(|| thread.begin(service.clone(), 7, [1, 2, 3, 4], None));
    assert_eq!(thread.begin(service.clone(), 7, [0; 4], None), Err(Error::Busy));
    assert!(thread.take_answer().is_none());
    drop(thread);
    assert_eq!(objects.census(), before);
    assert_eq!(Arc::strong_count(&service), 1);
}

/// The thread is ended when the answer, with a handle, is in its registers; or is on the desk; or hasn't come.
#[test]
fn a_handle_that_an_answer_has_brought_is_closed() {
    let objects = Objects::serve();
    lock::prepare().unwrap();
    let service = Arc::new(Endpoint::new().unwrap());
    let answer = Tag(Tag::outgoing(Kind::Reply, 0, 0).0 | Tag::HANDLE);
    let call = Tag::incoming(abi::Operation::Call, 0xFF, Options::all());
    let plain = Tag::outgoing(Kind::Reply, 0x80, 0);
    for (state, tag, comes) in
        [(CALLING, answer, true), (ANSWERED, answer, true), (CALLING, call, false), (CALLING, plain, false)]
    {
        let tell = service.copy(Rights::all()).unwrap();
        let before = objects.census();
        let mut thread = CallThread::new(10, tell, 1).unwrap();
        thread.begin(service.clone(), 7, [0; 4], None).unwrap();
        let brought = service.copy(Rights::all()).unwrap().into_raw();
        thread.desk.state.store(state, Ordering::Relaxed);
        if state == ANSWERED {
            thread.desk.tag.store(tag.0, Ordering::Relaxed);
            thread.desk.words[3].store(brought as usize, Ordering::Relaxed);
        }
        objects.end_threads_with(tag, brought as usize);
        drop(thread);
        let after = objects.census();
        assert_eq!(after.handles.contains_key(&brought), !comes, "{state} {tag:?}");
        drop(OwnedHandle::installed(brought as usize));
        assert_eq!(objects.census().handles.len() + 1, before.handles.len());
    }
}

/// Its owner drops both handles as soon as the call has begun.
#[test]
fn what_a_call_names_stays_open_until_it_is_over() {
    let objects = Objects::serve();
    lock::prepare().unwrap();
    let tell = Endpoint::new().unwrap();
    let mut thread = CallThread::new(10, tell, 1).unwrap();
    let before = objects.census().handles;
    for _ in 0..3 {
        let (service, sent) = (Endpoint::new().unwrap(), Arc::new(Endpoint::new().unwrap()));
        let named = [service.raw(), sent.raw()];
        thread.begin(service, 7, [0; 4], Some(sent)).unwrap();
        let handles = objects.census().handles;
        assert!(named.iter().all(|number| handles.contains_key(number)), "{named:?} in {handles:?}");
        thread.desk.tag.store(Tag::outgoing(Kind::Reply, 0, 0).0, Ordering::Relaxed);
        thread.desk.state.store(ANSWERED, Ordering::Relaxed);
        assert!(thread.take_answer().is_some());
        assert_eq!(objects.census().handles, before);
    }
}
