use super::*;
use core::fmt::Debug;

/// Checks that a request isn't decoded if a word that it uses has a bit more than what the word stands for. `bits` says
/// of each word how many it has; 0 of one that the request doesn't use.
#[track_caller]
fn check<R: Request + Clone + PartialEq + Debug>(request: R, bits: [u32; 4]) {
    let (label, words) = request.clone().encode();
    assert_eq!(R::decode(label, words), Some(request.clone()));
    for (at, bits) in bits.into_iter().enumerate().filter(|(_, bits)| *bits != 0) {
        for bit in (bits..usize::BITS).filter(|bit| words[at] & 1 << bit == 0) {
            let mut words = words;
            words[at] |= 1 << bit;
            assert_eq!(R::decode(label, words), None, "{request:?} with bit {bit} of word {at}");
        }
    }
}

#[test]
fn requests_with_too_large_words_are_none() {
    let function = PciAddress::new(3, 4, 5);
    let write = crate::InterruptWrite { address: 0xFEE0_0000, data: 0x81 };
    let name = ProgramName::new("keyboard-ps2").unwrap();
    check(ClockRequest::Rate(1024), [32, 0, 0, 0]);
    check(ConsoleRequest::SetColours(ColourPolicy::Off), [2, 0, 0, 0]);
    check(ConsoleRequest::SetMode(ConsoleMode::Bytes), [1, 0, 0, 0]);
    check(EduRequest::Raise(7), [32, 0, 0, 0]);
    check(EduRequest::Factorial(7), [32, 0, 0, 0]);
    check(KeyboardRequest::SetLayout(KeyLayout::De), [4, 0, 0, 0]);
    check(PciRequest::Get(7), [32, 0, 0, 0]);
    check(PciRequest::Bar { function, index: 5 }, [16, 3, 0, 0]);
    for signal in [PciSignal::Line, PciSignal::Message(write)] {
        check(PciRequest::Enable { function, signal, master: Some(7) }, [18, 32, 32, 32]);
    }
    check(PciRequest::Disable(function), [16, 0, 0, 0]);
    check(PciRequest::Master(function), [16, 0, 0, 0]);
    check(ProgramsRequest::Get(7), [32, 0, 0, 0]);
    check(ProgramsRequest::Find { badge: 7 }, [16, 0, 0, 0]);
    for request in [ProgramsRequest::Kill(name), ProgramsRequest::Start(name), ProgramsRequest::Stop(name)] {
        check(request, [32, 32, 32, 0]);
    }
    check(ProgramsRequest::Wait { badge: 7 }, [16, 0, 0, 0]);
    check(ProgramsRequest::OfLine { line: 7 }, [8, 0, 0, 0]);
    check(StreamRequest::Write(Chunk::new(b"hello, world")), [4, 32, 32, 32]);
    check(SupervisionRequest::ClientEnded { badge: 7, before: 1 << 40 }, [16, 32, 32, 0]);
    check(TimerRequest::SleepUntil(1 << 40), [32, 32, 0, 0]);
    check(TimerRequest::Every { period: 1 << 40, bit: 3 }, [32, 32, 5, 0]);
    check(TimerRequest::Stop(7), [32, 0, 0, 0]);
}

/// Checks that an answer is an error if a word has a bit more than what it stands for.
#[track_caller]
fn check_answer<T: PartialEq + Debug>(read: impl Fn([usize; 4]) -> Result<T>, words: [usize; 4], bits: [u32; 4]) {
    assert!(read(words).is_ok());
    for (at, bits) in bits.into_iter().enumerate().filter(|(_, bits)| *bits != 0) {
        for bit in bits..usize::BITS {
            let mut words = words;
            words[at] |= 1 << bit;
            assert_eq!(read(words), Err(Error::BadArgument), "bit {bit} of word {at}");
        }
    }
}

#[test]
fn answers_with_too_large_words_are_errors() {
    let function = PciFunction { line: Some(11), has_messages: true, ..PciFunction::default() };
    check_answer(DateTime::from_words, DateTime::default().to_words(), [32, 24, 0, 0]);
    check_answer(Ticks::from_words, Ticks::default().to_words(), [32, 32, 0, 0]);
    check_answer(ConsoleSize::from_words, [80, 25, 0, 0], [16, 16, 0, 0]);
    check_answer(EduCounts::from_words, EduCounts::default().to_words(), [32; 4]);
    check_answer(MouseState::from_words, MouseState::default().to_words(), [32; 4]);
    check_answer(PciFunction::from_words, function.to_words(), [16, 32, 32, 10]);
    check_answer(PciBar::from_words, PciBar::Memory { address: 0, bytes: 1 << 20 }.to_words(), [2, 32, 32, 6]);
    check_answer(PciBar::from_words, PciBar::Ports { first: 0, count: 1 << 5 }.to_words(), [2, 16, 0, 4]);
    check_answer(ProgramStatus::from_words, ProgramStatus::default().to_words(), [32; 4]);
    check_answer(Control::from_words, Control::Done.to_words(), [3, 0, 0, 0]);
    check_answer(Chunk::from_words, Chunk::new(b"hello, world").to_words(), [4, 32, 32, 32]);
}
