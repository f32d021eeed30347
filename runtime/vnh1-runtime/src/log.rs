//! Errors, as people and callers read them. Callers read the file named by --log: exactly one JSON object.

use crate::cli::{Globals, LogFormat};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// Where errors go.
#[derive(Debug)]
pub(crate) struct Log {
    file: Option<PathBuf>,
    format: LogFormat,
}

impl Log {
    pub(crate) fn new(globals: &Globals) -> Self {
        Self { file: globals.log.clone(), format: globals.log_format }
    }

    /// Says an error once on stderr and, if there is one, in the log file.
    pub(crate) fn error(&self, text: &str) {
        eprintln!("vnh1-runtime: {text}");
        let Some(path) = &self.file else { return };
        let line = self.line(text, &now());
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = written {
            eprintln!("vnh1-runtime: cannot write to the log {}: {error}", path.display());
        }
    }

    fn line(&self, text: &str, time: &str) -> String {
        match self.format {
            LogFormat::Json => format!("{}\n", serde_json::json!({ "level": "error", "msg": text, "time": time })),
            LogFormat::Text => format!("time=\"{time}\" level=error msg={text:?}\n"),
        }
    }
}

/// The time as callers read it: RFC 3339, UTC.
pub(crate) fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_line_is_one_object_with_the_keys_that_callers_read() {
        let log = Log { file: None, format: LogFormat::Json };
        let line = log.line("no such file or directory: \"a\"\n", "2026-01-01T00:00:00Z");
        assert_eq!(
            line,
            "{\"level\":\"error\",\"msg\":\"no such file or directory: \\\"a\\\"\\n\",\"time\":\"2026-01-01T00:00:00Z\"}\n"
        );
    }
}
