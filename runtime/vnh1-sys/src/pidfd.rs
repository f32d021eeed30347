//! Processes by descriptor (pidfd_open(2)). Outside the jail.
