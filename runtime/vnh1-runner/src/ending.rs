//! How the runner says why it ends: the note for the runtime, one line on stderr, the exit code. In the jail.
//!
//! Invariant: there is one way out, `_exit`; nothing is torn down, nothing is buffered.

use std::cell::Cell;
use vnh1_spec::causes::in_one_line;
use vnh1_spec::{Ending, ExitCode, Reason};
use vnh1_sys::note::{self, LastWords};

/// Where the reason and the code stand in the bytes of an [`Ending`].
const REASON_AT: usize = 5;
/// Where the peaks of heap and buffers stand.
const PEAKS_AT: usize = 16;

/// The exit code of a module graph whose top-level await can never settle (as Node.js has it).
pub const UNSETTLED: u8 = 13;
/// 128 + SIGABRT: V8 found its own state broken.
pub const ABORTED: u8 = 134;

/// The note as it stands now; every change is in the shared bytes at once.
#[derive(Debug, Default)]
pub struct Record(Cell<Ending>);

impl Record {
    /// Changes the note.
    pub fn update(&self, change: impl FnOnce(&mut Ending)) {
        let mut ending = self.0.get();
        change(&mut ending);
        self.0.set(ending);
        note::put(0, &ending.encode());
    }

    /// The note.
    pub fn get(&self) -> Ending {
        self.0.get()
    }

    /// Ends the process by the script's own doing.
    pub fn finish(&self, reason: Reason, code: u8) -> ! {
        self.update(|ending| {
            ending.reason = Some(reason);
            ending.code = code;
        });
        note::end(code)
    }
}

/// The last words of a script that the runner ends.
pub fn last_words(reason: Reason, code: u8, why: &str) -> LastWords {
    let line = format!("vnh1: the script was ended: {reason}: {why}\n").into_bytes();
    LastWords { at: REASON_AT, note: [reason.to_byte(), code], line, code }
}

/// Notes the peaks, just before an end; the next change of a [`Record`] would undo it.
pub fn note_peaks(heap: usize, buffers: usize) {
    for (at, bytes) in [(PEAKS_AT, heap), (PEAKS_AT + 8, buffers)] {
        note::put(at, &u64::try_from(bytes).unwrap_or(u64::MAX).to_le_bytes());
    }
}

/// Ends a script that used more memory than it may.
pub fn out_of_memory(reason: Reason, why: &str) -> ! {
    last_words(reason, ExitCode::Killed.into(), why).end()
}

/// Ends the runner before the script began, with one line for people.
pub fn refuse(code: ExitCode, why: &dyn std::error::Error) -> ! {
    let line = format!("vnh1: {}\n", in_one_line(why));
    LastWords {
        at: REASON_AT,
        note: [Reason::Exited.to_byte(), code.into()],
        line: line.into_bytes(),
        code: code.into(),
    }
    .end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_stand_where_the_note_has_reason_and_code() {
        let words = last_words(Reason::WallTime, 124, "it ran longer than 2 s");
        let mut bytes = Ending::default().encode();
        bytes[words.at..words.at + 2].copy_from_slice(&words.note);
        bytes[PEAKS_AT] = 5;
        bytes[PEAKS_AT + 8] = 6;
        let (peak_heap_bytes, peak_external_bytes) = (5, 6);
        let expected = Ending {
            reason: Some(Reason::WallTime),
            code: 124,
            peak_heap_bytes,
            peak_external_bytes,
            ..Ending::default()
        };
        assert_eq!(Ending::decode(&bytes), Some(expected));
    }
}
