//! `doctor`: what this machine gives, line by line, and what to do where something is missing.

use crate::Failure;
use crate::cli::{self, Context};
use std::fmt::Write;
use vnh1_backend::linux::survey::{Finding, Grade, survey};
use vnh1_spec::ExitCode;

pub(crate) fn doctor(args: &cli::Doctor, context: &Context) -> Result<u8, Failure> {
    let mut findings = survey();
    findings.push(Finding::good("state", format!("containers are kept in {}", context.root.display())));
    if args.json {
        super::say(&format!("{}\n", serde_json::to_string_pretty(&findings)?))?;
    } else {
        super::say(&text(&findings))?;
    }
    let broken = findings.iter().any(|finding| finding.grade == Grade::Missing);
    Ok(if broken { ExitCode::Failure.into() } else { 0 })
}

fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.grade {
            Grade::Good => "ok     ",
            Grade::Weaker => "weaker ",
            Grade::Missing => "MISSING",
        };
        let _ = writeln!(text, "{mark}  {:width$}  {}", finding.name, finding.found);
        if let Some(advice) = &finding.advice {
            let _ = writeln!(text, "{:9}{:width$}  -> {advice}", "", "");
        }
    }
    text
}
