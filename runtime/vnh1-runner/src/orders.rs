//! What the runner was told: its arguments and, in the jail, the settings on descriptor 5. In the jail.
//!
//! Invariant: the settings' descriptor and the ending's are closed before this returns.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use vnh1_spec::settings::MAX_SETTINGS_BYTES;
use vnh1_spec::{Limits, Settings};
use vnh1_sys::{descriptors, note};

/// The runtime's settings, readable, as JSON.
const SETTINGS_FD: i32 = 5;
/// The file that holds the ending's note, readable and writable.
const ENDING_FD: i32 = 6;

/// Why there are no orders to follow.
#[derive(Debug, thiserror::Error)]
pub enum OrdersError {
    /// No file was named.
    #[error("usage: vnh1-runner [--jitless] FILE [ARGUMENTS…]")]
    Usage,
    /// An argument or a path is not Unicode text.
    #[error("argument {0} is not UTF-8 text")]
    Text(usize),
    /// The runtime gave no settings, or they cannot be read.
    #[error("cannot read the settings from descriptor {SETTINGS_FD}: start scripts with vnh1-runtime: {0}")]
    Read(#[source] std::io::Error),
    /// More bytes than any runtime writes.
    #[error("the settings on descriptor {SETTINGS_FD} are longer than {MAX_SETTINGS_BYTES} bytes")]
    TooLong,
    /// Not the JSON that runner and runtime agreed upon.
    #[error("the settings on descriptor {SETTINGS_FD} are not those of this version: {0}")]
    Json(#[from] serde_json::Error),
    /// The ending's file cannot be used.
    #[error("cannot use the ending's file on descriptor {ENDING_FD}: {0}")]
    Ending(#[source] std::io::Error),
    /// The ending's file cannot be mapped.
    #[error(transparent)]
    Map(#[from] note::MapError),
    /// The working directory is gone or unreadable.
    #[error("cannot tell the working directory: {0}")]
    Cwd(#[source] std::io::Error),
    /// The built-in limits do not fit together.
    #[error(transparent)]
    Limits(#[from] vnh1_spec::limits::LimitError),
}

/// Reads the orders. `arguments` begins with the program's own name.
pub fn read(arguments: &[Vec<u8>]) -> Result<Settings, OrdersError> {
    let mut texts = Vec::with_capacity(arguments.len());
    for (position, argument) in arguments.iter().enumerate().skip(1) {
        texts.push(String::from_utf8(argument.clone()).map_err(|_| OrdersError::Text(position))?);
    }
    match texts.first().map(String::as_str) {
        Some("--jail") => from_the_runtime(),
        _ => by_hand(texts),
    }
}

fn from_the_runtime() -> Result<Settings, OrdersError> {
    let ending = descriptors::inherited(ENDING_FD).map_err(OrdersError::Ending)?;
    note::map(ending.as_fd())?;
    let file = File::from(descriptors::inherited(SETTINGS_FD).map_err(OrdersError::Read)?);
    let mut text = Vec::new();
    let most = u64::try_from(MAX_SETTINGS_BYTES).unwrap_or(u64::MAX);
    file.take(most.saturating_add(1)).read_to_end(&mut text).map_err(OrdersError::Read)?;
    if text.len() > MAX_SETTINGS_BYTES {
        return Err(OrdersError::TooLong);
    }
    Ok(serde_json::from_slice(&text)?)
}

fn by_hand(texts: Vec<String>) -> Result<Settings, OrdersError> {
    let mut texts = texts.into_iter().peekable();
    let jitless = texts.next_if(|text| text == "--jitless").is_some();
    let file = texts.next().filter(|file| !file.starts_with("--")).ok_or(OrdersError::Usage)?;
    let cwd = std::env::current_dir().map_err(OrdersError::Cwd)?;
    let cwd = cwd.into_os_string().into_string().map_err(|_| OrdersError::Text(0))?;
    let entry = crate::resolve::join(&cwd, &file);
    let limits = Limits::default().effective()?;
    Ok(Settings { entry, args: texts.collect(), env: Default::default(), cwd, limits, jitless })
}
