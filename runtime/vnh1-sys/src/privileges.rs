//! Giving up new privileges (PR_SET_NO_NEW_PRIVS). Both sides of the wall.

/// From now on execve(2) grants this process nothing that it has not; it cannot be undone.
///
/// # Errors
/// Those of prctl(2).
pub fn give_up_new_ones() -> std::io::Result<()> {
    Ok(rustix::thread::set_no_new_privs(true)?)
}
