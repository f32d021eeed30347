//! The note that the runner leaves about its own end: one page of memory shared with a file outside the jail.
//!
//! Invariant: whatever bytes stand there, reading gives a value or nothing. The jail may lie in it, so it
//! only ever explains an exit code that the kernel reported; it never decides anything.

use crate::exit::Reason;

/// Size of the note in bytes, and of the file that holds it.
pub const ENDING_BYTES: usize = 64;

const MAGIC: &[u8; 4] = b"vnh1";
const VERSION: u8 = 1;

/// What the runner wrote before it ended. Layout, little endian: magic 0..4, version 4, reason 5, code 6,
/// layers 7, landlock ABI 8, peak heap 16..24, peak external memory 24..32, output 32..40.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ending {
    /// Why it ended; `None` while it runs, or if it could not say.
    pub reason: Option<Reason>,
    /// The exit code that goes with the reason.
    pub code: u8,
    /// The run filter is in force.
    pub sealed: bool,
    /// Version of the landlock ABI in force; 0 for none.
    pub landlock_abi: u8,
    /// Greatest size of the V8 heap seen, in bytes.
    pub peak_heap_bytes: u64,
    /// Greatest size of `ArrayBuffer` memory, in bytes.
    pub peak_external_bytes: u64,
    /// Bytes written to stdout and stderr.
    pub output_bytes: u64,
}

impl Ending {
    /// The note as bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; ENDING_BYTES] {
        let mut bytes = [0; ENDING_BYTES];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4] = VERSION;
        bytes[5] = self.reason.map_or(0, Reason::to_byte);
        bytes[6] = self.code;
        bytes[7] = u8::from(self.sealed);
        bytes[8] = self.landlock_abi;
        bytes[16..24].copy_from_slice(&self.peak_heap_bytes.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.peak_external_bytes.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.output_bytes.to_le_bytes());
        bytes
    }

    /// Reads a note. `None` if it is too short or was never written.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.get(..4)? != MAGIC || *bytes.get(4)? != VERSION {
            return None;
        }
        let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        Some(Self {
            reason: Reason::from_byte(*bytes.get(5)?),
            code: *bytes.get(6)?,
            sealed: *bytes.get(7)? == 1,
            landlock_abi: *bytes.get(8)?,
            peak_heap_bytes: number(16)?,
            peak_external_bytes: number(24)?,
            output_bytes: number(32)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back(reason in 0_u8..10, code: u8, sealed: bool, landlock_abi: u8, a: u64, b: u64, c: u64) {
            let ending = Ending {
                reason: Reason::from_byte(reason), code, sealed, landlock_abi,
                peak_heap_bytes: a, peak_external_bytes: b, output_bytes: c,
            };
            prop_assert_eq!(Ending::decode(&ending.encode()), Some(ending));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            let _ = Ending::decode(&bytes);
        }
    }

    #[test]
    fn a_fresh_file_says_nothing() {
        assert_eq!(Ending::decode(&[0; ENDING_BYTES]), None);
        assert_eq!(Ending::decode(b"vnh1"), None);
    }
}
