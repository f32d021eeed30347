//! The name of a container. It becomes a folder's name on the host, so only what is harmless there passes.

use std::fmt;

/// A container's id: 1 to 255 bytes of `[A-Za-z0-9_+.-]`, neither `.` nor `..` (as runc has it).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(String);

/// Longest id in bytes: the longest name of a folder on Linux.
pub const MAX_ID_BYTES: usize = 255;

/// Why a text is no container id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("container id is empty")]
    Empty,
    /// More than [`MAX_ID_BYTES`].
    #[error("container id has {0} bytes: at most {MAX_ID_BYTES} are allowed")]
    TooLong(usize),
    /// `.` or `..`.
    #[error("container id '{0}' is a folder of every file system")]
    Dots(String),
    /// A character beyond letters, digits and `_+-.`.
    #[error("container id {0:?} holds {1:?}: only letters, digits and _ + - . are allowed")]
    Character(String, char),
}

impl ContainerId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for ContainerId {
    type Error = IdError;

    fn try_from(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > MAX_ID_BYTES {
            return Err(IdError::TooLong(text.len()));
        }
        if text == "." || text == ".." {
            return Err(IdError::Dots(text.into()));
        }
        match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_+-.".contains(*c))) {
            Some(bad) => Err(IdError::Character(text.into(), bad)),
            None => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_names_pass() {
        for good in ["a", "web-1", "A_b+c.d", "...", &"x".repeat(255)] {
            assert!(ContainerId::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "../x", "a b", "é", "a\0", "a\n", &"x".repeat(256)] {
            assert!(ContainerId::try_from(bad).is_err(), "{bad:?}");
        }
    }
}
