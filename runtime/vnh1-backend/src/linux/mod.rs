//! Linux: namespaces, cgroups, seccomp. libcontainer does `create`; what it does not do safely is done here.

pub mod cgroup;
pub mod create;
pub mod executor;
pub mod ids;
pub mod process;
pub mod program;
pub mod protections;
pub mod rootfs;
pub mod seccomp;
pub mod stage;
pub mod strays;
pub mod survey;
