//! Compiles seccomp-profiles/*.json to constants. Runs where vnh1 is built, outside every jail.
//!
//! Invariant: what it emits depends on the two files and the target's architecture, on nothing else: not on the
//! build profile, not on the environment. An unknown name or form fails the build (seccomp(2)).

#[cfg(target_os = "linux")]
#[path = "build/link.rs"]
mod link;
#[cfg(target_os = "linux")]
#[path = "build/oci.rs"]
mod oci;
#[cfg(target_os = "linux")]
#[path = "build/profiles.rs"]
mod profiles;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::fmt::Write;
    use std::path::Path;

    println!("cargo::rustc-check-cfg=cfg(linux_filters)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    if std::env::var("CARGO_CFG_TARGET_OS")? != "linux" {
        return Ok(());
    }
    println!("cargo::rustc-cfg=linux_filters");
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../seccomp-profiles");
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH")?;
    let read = |name: &str| {
        let path = folder.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let (launch, run) = (read("launch.json")?, read("run.json")?);

    let mut out = String::new();
    for (name, program) in profiles::compile(&launch, &run, &arch)? {
        writeln!(out, "const {name}: [Instruction; {}] = [", program.len())?;
        for one in program {
            writeln!(out, "    Instruction {{ code: {}, jt: {}, jf: {}, k: {} }},", one.code, one.jt, one.jf, one.k)?;
        }
        writeln!(out, "];")?;
    }
    writeln!(out, "const LAUNCH_OCI: &str = {:?};", oci::without_comments(&launch)?)?;
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("filters.rs"), out)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("cargo::rustc-check-cfg=cfg(linux_filters)");
    println!("cargo::warning=seccompiler runs on Linux only: built here, vnh1-seccomp holds no filters");
}
