# shellcheck shell=bash disable=SC2034
# What the scripts in hack/ share: where things are, how they speak, and the quick check that set-up was done.
# Sourced, never run. It changes nothing on the machine.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
cargo_home=${CARGO_HOME:-$HOME/.cargo}
arch=$(uname -m)
triple=$arch-unknown-linux-gnu
target=${CARGO_TARGET_DIR:-$top/target}
case $target in /*) ;; *) target=$top/$target ;; esac
export CARGO_TARGET_DIR=$target
bin=$target/$triple/release
if [ -x "$cargo_home/bin/cargo" ]; then PATH=$cargo_home/bin:$PATH; fi
export HOME PATH

name=${0##*/}
say() { printf '%s: %s\n' "$name" "$*" >&2; }
die() { say "$@"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root, with sudo where it is needed.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo; then sudo "$@"
  else die "this needs root, and there is no sudo: run as root: $*"
  fi
}

# Runs a command in the project's folder, where cargo finds .cargo/config.toml.
at_top() { (cd "$top" && "$@"); }

# Version of crate v8 that the workspace asks for, and the names under which its archive goes about.
v8_version=$(sed -n 's/^v8 = .*version = "=\([0-9.]*\)".*/\1/p' "$top/Cargo.toml")
v8_archive=librusty_v8_ptrcomp_release_$triple.a.gz
v8_binding=src_binding_ptrcomp_release_$triple.rs
v8_cache=$cargo_home/.rusty_v8
v8_key() { local key="v$v8_version/$1"; printf '%s\n' "${key//[^a-zA-Z0-9]/_}"; }
v8_cached=$v8_cache/$(v8_key "$v8_archive")

# The folder for what belongs to one checkout on one machine.
build=$top/build

# A stamp holds what set-up depended on; it is void when set-up or its pins change.
stamp_file() { printf '%s/setup-%s-%s\n' "$build" "$(id -u)" "$1"; }
stamp_text() {
  printf '%s\n' "$cargo_home" "$v8_version" "${RUSTY_V8_ARCHIVE_SHA256:-}"
  sha256sum "$top/hack/setup" "$top/hack/common.sh" "$top/hack/v8.sha256" | cut -d' ' -f1
}
is_set_up() {
  local group stamp
  have cargo && [ -f "$v8_cached" ] || return 1
  local text
  text=$(stamp_text)
  for group in "$@"; do
    stamp=$(stamp_file "$group")
    [ -f "$stamp" ] && [ "$(<"$stamp")" = "$text" ] || return 1
  done
}

# Makes sure that set-up was done for the groups named (build, test, verify, bench).
set_up() {
  is_set_up "$@" && return 0
  "$top/hack/setup" "$@"
  if [ -x "$cargo_home/bin/cargo" ]; then PATH=$cargo_home/bin:$PATH; fi
}

# Seconds as people read them.
duration() { printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); }
