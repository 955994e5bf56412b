//! Tests of the grants that a program starts with.

use super::*;
use crate::raw::fake;
use abi::Operation;
use std::rc::Rc;

pub fn grants(entries: &[StartupEntry]) -> Grants {
    let mut bytes = vec![0; 1024];
    let length = StartupBlock::write(entries, &mut bytes).unwrap();
    bytes.truncate(length);
    // SAFETY: on the host a handle is a number and no more.
    unsafe { Grants::new(bytes.leak()) }
}

#[test]
fn grants_are_found_by_name_and_number() {
    let grants = grants(&[
        StartupEntry::new("ports", StartupKind::Number, 0, [0x60, 1]),
        StartupEntry::new("ports", StartupKind::Number, 0, [0x64, 1]),
        StartupEntry::new("115200", StartupKind::Argument, 0, [0, 0]),
        StartupEntry::new("uses timer", StartupKind::Handle, 9, [0, 0]),
    ]);
    assert_eq!(grants.ports(0x64), Ok(PortRange::new(0x64, 1)));
    assert_eq!(grants.ports(0x3F8), Err(Error::BadHandle));
    assert_eq!(grants.uses("timer").map(Endpoint::into_raw), Ok(9));
    assert_eq!(grants.serves("timer"), Err(Error::BadHandle));
    assert_eq!(grants.arguments().collect::<Vec<_>>(), ["115200"]);
}

#[test]
fn a_handle_has_one_owner() {
    let closed = Rc::new(RefCell::new(Vec::new()));
    fake::answer_with({
        let closed = closed.clone();
        move |operation, handle, words| {
            if operation == Operation::HandleClose {
                closed.borrow_mut().push(handle);
            }
            Ok(words)
        }
    });
    let grants = grants(&[
        StartupEntry::new("uses timer", StartupKind::Handle, 9, [0, 0]),
        StartupEntry::new("line", StartupKind::Handle, 10, [4, 0]),
    ]);
    let copy = grants;
    let timer = grants.uses("timer");
    assert_eq!(copy.uses("timer"), Err(Error::Busy));
    let line = grants.line(4);
    assert_eq!(grants.line(4), Err(Error::Busy));
    assert!(closed.borrow().is_empty());
    drop((timer, line));
    assert_eq!(*closed.borrow(), [9, 10]);
}

#[test]
fn the_first_thread_makes_one_server() {
    let grants = grants(&[
        StartupEntry::new("serves one", StartupKind::Handle, 9, [0, 0]),
        StartupEntry::new("serves other", StartupKind::Handle, 10, [0, 0]),
    ]);
    // SAFETY: this thread makes no other.
    let startup = Startup::new(grants, unsafe { ReceiveRight::assume() });
    assert_eq!(startup.server("none").map(drop), Err(Error::BadHandle));
    assert_eq!(startup.server("one").map(drop), Ok(()));
    assert_eq!(startup.server("other").map(drop), Err(Error::Busy));
    assert!(startup.serves("other").is_ok());
}

#[test]
fn a_framebuffer_has_its_format() {
    let grants = grants(&[
        StartupEntry::new("framebuffer", StartupKind::Handle, 3, [0xFD00_0010, 1024 << 32 | 768]),
        StartupEntry::new("framebuffer-format", StartupKind::Number, 0, [4096, 32]),
    ]);
    let Ok(Screen::Framebuffer { offset, width, height, pitch, bits, .. }) = grants.screen() else { panic!() };
    assert_eq!((offset, width, height, pitch, bits), (16, 1024, 768, 4096, 32));
}
