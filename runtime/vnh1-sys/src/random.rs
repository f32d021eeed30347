//! Fresh randomness from the kernel (getrandom(2)). Both sides of the wall.

/// Fills the buffer; false if the kernel refused.
#[must_use]
pub fn fill(buffer: &mut [u8]) -> bool {
    let mut rest = buffer;
    while !rest.is_empty() {
        match rustix::rand::getrandom(&mut *rest, rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => rest = rest.split_at_mut(count).1,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    true
}
