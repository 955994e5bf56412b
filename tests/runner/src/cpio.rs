//! Writes what Linux unpacks as its first file system: a cpio archive of the format "newc" (Linux,
//! `Documentation/driver-api/early-userspace/buffer-format.rst`).
//!
//! An entry is a head of 110 characters, the name with its null, and the content; the last two end at a multiple of 4
//! bytes. Every entry belongs to root.

/// Which kind of entry it is and who may do what, as `stat(2)` has it.
const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_755;

/// The name that ends the archive.
const TRAILER: &str = "TRAILER!!!";

/// Parts begin at multiples of this.
const ALIGNMENT: usize = 4;

/// An archive that is being written.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds an empty folder. Folders come before what is in them.
    pub fn folder(self, name: &str) -> Archive {
        self.entry(name, FOLDER, &[])
    }

    /// Adds a file that may be run.
    pub fn file(self, name: &str, content: &[u8]) -> Archive {
        self.entry(name, FILE, content)
    }

    /// The archive, complete.
    pub fn finish(self) -> Vec<u8> {
        self.entry(TRAILER, 0, &[]).bytes
    }

    fn entry(mut self, name: &str, mode: u32, content: &[u8]) -> Archive {
        self.entries += 1;
        let length = |bytes: usize| u32::try_from(bytes).expect("the format has 32 bits for lengths");
        let (owner, group, links, time, device, checksum) = (0, 0, 1, 0, [0, 0], 0);
        let [content_length, name_length] = [length(content.len()), length(name.len() + 1)];
        let fields = [self.entries, mode, owner, group, links, time, content_length];
        let fields = fields.into_iter().chain(device).chain(device).chain([name_length, checksum]);
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(content);
        self.align();
        self
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an archive as Linux does: the name, mode and content of each entry.
    fn read(mut bytes: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            assert_eq!(&bytes[..6], b"070701");
            let field = |index: usize| {
                let digits = std::str::from_utf8(&bytes[6 + 8 * index..][..8]).unwrap();
                u32::from_str_radix(digits, 16).unwrap()
            };
            let name_end = 110 + field(11) as usize;
            let name = std::str::from_utf8(&bytes[110..name_end]).unwrap().strip_suffix('\0').unwrap();
            let content = name_end.next_multiple_of(4);
            let end = content + field(6) as usize;
            entries.push((name.to_owned(), field(1), bytes[content..end].to_vec()));
            bytes = &bytes[end.next_multiple_of(4)..];
        }
        entries
    }

    #[test]
    fn what_was_written_is_read() {
        let archive = Archive::default().folder("dev").file("init", b"12345").file("four", b"1234").finish();
        let entry = |name: &str, mode, content: &[u8]| (name.to_owned(), mode, content.to_vec());
        let expected = [
            entry("dev", 0o40755, b""),
            entry("init", 0o100755, b"12345"),
            entry("four", 0o100755, b"1234"),
            entry("TRAILER!!!", 0, b""),
        ];
        assert_eq!(read(&archive), expected);
    }

    #[test]
    fn an_entry_is_as_the_format_says() {
        let archive = Archive::default().file("init", b"abc").finish();
        let head = "070701000000010000\
                    81ED00000000000000000000000100000000000000030000000000000000000000000000000000000005\
                    00000000init\0";
        assert_eq!(String::from_utf8_lossy(&archive[..115]), head);
        assert_eq!(&archive[115..120], b"\0abc\0");
        assert_eq!(archive.len() % 4, 0);
    }
}
