"""The Rust crates that V8's Temporal needs, read from BUILD.gn files: a manifest for `cargo vendor`, then the copying.

usage: temporal_crates.py SOURCE manifest > Cargo.toml
       temporal_crates.py SOURCE copy VENDORED
"""

import pathlib
import re
import shutil
import sys

FIRST = ("temporal_capi", "v0_2")


def reached(rust: pathlib.Path) -> dict[tuple[str, str], tuple[str, str]]:
    """(folder, epoch) → (name, version) of all crates that FIRST needs, build scripts and macros included."""
    found, waiting = {}, [FIRST]
    while waiting:
        folder, epoch = crate = waiting.pop()
        if crate in found:
            continue
        text = (rust / folder / epoch / "BUILD.gn").read_text()
        name = re.search(r'cargo_pkg_name = "(.*)"', text)[1]
        version = re.search(r'cargo_pkg_version = "(.*)"', text)[1]
        found[crate] = (name, version)
        waiting += re.findall(r'"//third_party/rust/([a-z0-9_]+)/(v[0-9_]+):', text)
    return found


def manifest(crates: dict[tuple[str, str], tuple[str, str]]) -> None:
    print('[package]\nname = "temporal-crates"\nversion = "0.0.0"\nedition = "2021"\n\n[workspace]\n\n[dependencies]')
    for (folder, epoch), (name, version) in sorted(crates.items()):
        print(f'{folder}-{epoch} = {{ package = "{name}", version = "={version}", default-features = false }}')


def copy(crates: dict[tuple[str, str], tuple[str, str]], vendored: pathlib.Path, source: pathlib.Path) -> None:
    goal = source / "third_party/rust/chromium_crates_io/vendor"
    shutil.rmtree(goal, ignore_errors=True)
    for (_, epoch), (name, version) in crates.items():
        shutil.copytree(vendored / f"{name}-{version}", goal / f"{name}-{epoch}")
    print(f"{len(crates)} crates copied")


def main() -> None:
    source, verb = pathlib.Path(sys.argv[1]), sys.argv[2]
    crates = reached(source / "third_party/rust")
    if verb == "manifest":
        manifest(crates)
    else:
        copy(crates, pathlib.Path(sys.argv[3]), source)


main()
