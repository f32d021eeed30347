//! An error with everything behind it, in one line, as people and callers read it. Used on both sides of the wall.

use std::error::Error;

/// The error's text and those of its causes, joined by `: `. A cause that is already in the text is not said twice.
#[must_use]
pub fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Step(&'static str, #[source] Option<Box<Step>>);

    #[test]
    fn causes_follow_and_none_is_said_twice() {
        let last = Step("permission denied", None);
        let middle = Step("cannot open a: permission denied", Some(Box::new(last)));
        assert_eq!(in_one_line(&middle), "cannot open a: permission denied");
        let first = Step("cannot start", Some(Box::new(middle)));
        assert_eq!(in_one_line(&first), "cannot start: cannot open a: permission denied");
    }
}
