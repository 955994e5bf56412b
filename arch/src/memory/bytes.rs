//! Clearing and copying by the CPU's string instructions.
//!
//! The compiler's functions for this are loops of four instructions a word on i686, which was most of the cost of
//! booting.

use core::arch::asm;

/// Fills whole words with zeros.
///
/// # Safety
/// `bytes` is a multiple of a word's size; the memory is mapped writable, and nothing else uses it.
pub unsafe fn clear(start: *mut u8, bytes: usize) {
    // SAFETY: the caller's promise.
    unsafe { fill(start, bytes, 0) };
}

/// Fills bytes with zeros, wherever they begin.
pub fn clear_bytes(bytes: &mut [u8]) {
    // SAFETY: any word is bytes.
    let (before, words, after) = unsafe { bytes.align_to_mut::<usize>() };
    before.fill(0);
    after.fill(0);
    // SAFETY: a unique borrow of whole words.
    unsafe { clear(words.as_mut_ptr().cast(), size_of_val(words)) };
}

/// Fills whole words with one.
///
/// # Safety
/// As for [`clear`].
pub unsafe fn fill(start: *mut u8, bytes: usize, word: usize) {
    let words = bytes / size_of::<usize>();
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller vouches for the memory; the direction flag is clear in the kernel.
    unsafe {
        asm!(
            "rep stosq",
            inout("rdi") start => _,
            inout("rcx") words => _,
            in("rax") word,
            options(nostack, preserves_flags)
        );
    }
    #[cfg(target_arch = "x86")]
    // SAFETY: as above.
    unsafe {
        asm!(
            "rep stosd",
            inout("edi") start => _,
            inout("ecx") words => _,
            in("eax") word,
            options(nostack, preserves_flags)
        );
    }
}

/// Copies bytes, up to the length of the shorter slice.
pub fn copy(from: &[u8], to: &mut [u8]) {
    let bytes = from.len().min(to.len());
    let words = bytes / size_of::<usize>() * size_of::<usize>();
    // SAFETY: both have that many bytes, and a unique borrow overlaps nothing.
    unsafe { copy_words(from.as_ptr(), to.as_mut_ptr(), words / size_of::<usize>()) };
    to[words..bytes].copy_from_slice(&from[words..bytes]);
}

/// Whether two runs of bytes are the same. Quick where both begin alike within a word.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    // SAFETY: any bytes are a word.
    let (before, words, after) = unsafe { one.align_to::<usize>() };
    // SAFETY: as above.
    let (other_before, other_words, other_after) = unsafe { other.align_to::<usize>() };
    if before.len() != other_before.len() {
        return one == other;
    }
    before == other_before && after == other_after && words.iter().eq(other_words)
}

/// # Safety
/// `words` words can be read and written there, and don't overlap.
unsafe fn copy_words(from: *const u8, to: *mut u8, words: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller vouches for the memory; the direction flag is clear in the kernel.
    unsafe {
        asm!(
            "rep movsq",
            inout("rsi") from => _,
            inout("rdi") to => _,
            inout("rcx") words => _,
            options(nostack, preserves_flags)
        );
    }
    #[cfg(target_arch = "x86")]
    // SAFETY: as above. LLVM keeps esi for itself, so that it is swapped in.
    unsafe {
        asm!(
            "xchg esi, {from}",
            "rep movsd",
            "mov esi, {from}",
            from = inout(reg) from => _, inout("edi") to => _, inout("ecx") words => _,
            options(nostack, preserves_flags)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_every_length() {
        let from: std::vec::Vec<u8> = (1..=40).collect();
        for length in 0..=40 {
            let mut to = [0; 40];
            copy(&from[..length], &mut to);
            assert_eq!(to[..length], from[..length]);
            assert!(to[length..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn clears_what_it_is_told_to() {
        let mut words = [usize::MAX; 6];
        let middle = &mut words[1..5];
        // SAFETY: words of this function's own.
        unsafe { clear(middle.as_mut_ptr().cast(), size_of_val(middle)) };
        assert_eq!(words, [usize::MAX, 0, 0, 0, 0, usize::MAX]);
    }

    #[test]
    fn clears_bytes_from_anywhere_to_anywhere() {
        for (start, end) in (0..20).flat_map(|start| (start..=20).map(move |end| (start, end))) {
            let mut bytes = [0xFF; 20];
            clear_bytes(&mut bytes[start..end]);
            let cleared: std::vec::Vec<bool> = bytes.iter().map(|byte| *byte == 0).collect();
            let expected: std::vec::Vec<bool> = (0..20).map(|at| (start..end).contains(&at)).collect();
            assert_eq!(cleared, expected);
        }
    }
}
