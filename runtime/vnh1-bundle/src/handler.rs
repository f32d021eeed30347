//! Is a container a script or an ordinary program? Decided in `create`, by content, never by guess.

use crate::annotation;
use oci_spec::runtime::Spec;

/// Who runs the container's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// vnh1-runner, in the jail of a script.
    Script,
    /// The entry itself, with the caller's config honoured exactly.
    Native,
}

/// What stands at `args[0]` in the root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// An ELF program.
    Elf,
    /// `#!` with an interpreter that exists in the root file system.
    Interpreted,
    /// Any other file.
    Other,
    /// Nothing.
    Missing,
}

/// Why it cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The config names no program.
    #[error("process.args is empty: there is nothing to run")]
    NoArgs,
    /// The annotation has a word that is none of the three.
    #[error("annotation dev.vnh1.handler is '{0}': it must be auto, js or native")]
    UnknownWord(String),
    /// Nothing stands there. The wording is what callers look for.
    #[error("exec: \"{0}\": stat {0}: no such file or directory")]
    NotFound(String),
    /// Neither a program nor a script.
    #[error(
        "exec: \"{0}\": exec format error: neither an ELF program, nor a file with an interpreter, nor .js or .mjs"
    )]
    NoFormat(String),
}

/// Suffixes of a script.
const SCRIPT_SUFFIXES: [&str; 2] = [".js", ".mjs"];

/// Decides; `probe` is asked only when the content matters.
///
/// # Errors
/// See [`HandlerError`].
pub fn decide(spec: &Spec, probe: impl FnOnce(&str) -> Probe) -> Result<Handler, HandlerError> {
    let word = annotation::get(spec, annotation::HANDLER).unwrap_or("auto");
    let entry =
        spec.process().as_ref().and_then(|process| process.args().as_ref()?.first()).ok_or(HandlerError::NoArgs)?;
    match word {
        "js" => return Ok(Handler::Script),
        "native" => return Ok(Handler::Native),
        "auto" => {}
        other => return Err(HandlerError::UnknownWord(other.to_owned())),
    }
    let is_pause = [annotation::CRI_CONTAINER_TYPE, annotation::CRIO_CONTAINER_TYPE]
        .iter()
        .any(|key| annotation::get(spec, key) == Some("sandbox"));
    if is_pause {
        return Ok(Handler::Native);
    }
    let is_script = SCRIPT_SUFFIXES.iter().any(|suffix| entry.ends_with(suffix));
    match probe(entry) {
        Probe::Elf | Probe::Interpreted => Ok(Handler::Native),
        Probe::Other if is_script => Ok(Handler::Script),
        Probe::Other => Err(HandlerError::NoFormat(entry.clone())),
        Probe::Missing => Err(HandlerError::NotFound(entry.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(entry: &str, annotations: &[(&str, &str)]) -> Spec {
        let mut spec = crate::template::native_spec();
        spec.process_mut().as_mut().unwrap().set_args(Some(vec![entry.to_owned()]));
        let pairs = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        spec.set_annotations(Some(pairs.collect()));
        spec
    }

    #[test]
    fn content_decides_and_the_annotation_overrules() {
        let auto = |entry: &str, probe: Probe| decide(&spec(entry, &[]), |_| probe);
        assert_eq!(auto("/main.js", Probe::Other), Ok(Handler::Script));
        assert_eq!(auto("/main.mjs", Probe::Other), Ok(Handler::Script));
        assert_eq!(auto("/main.js", Probe::Elf), Ok(Handler::Native));
        assert_eq!(auto("/main.js", Probe::Interpreted), Ok(Handler::Native));
        assert_eq!(auto("/bin/sh", Probe::Elf), Ok(Handler::Native));
        assert!(auto("/gone", Probe::Missing).unwrap_err().to_string().contains("no such file or directory"));
        assert!(matches!(auto("/notes.txt", Probe::Other), Err(HandlerError::NoFormat(_))));

        let forced = spec("/anything", &[(annotation::HANDLER, "js")]);
        assert_eq!(decide(&forced, |_| unreachable!()), Ok(Handler::Script));
        let pause = spec("/pause", &[(annotation::CRI_CONTAINER_TYPE, "sandbox")]);
        assert_eq!(decide(&pause, |_| unreachable!()), Ok(Handler::Native));
        let wrong = spec("/main.js", &[(annotation::HANDLER, "deno")]);
        assert!(matches!(decide(&wrong, |_| Probe::Other), Err(HandlerError::UnknownWord(_))));
    }
}
