//! Waits for a container in the foreground: passes signals on, gathers output, keeps the wall clock limit once more.
//!
//! The runner keeps its own limits by kernel timers that its filter makes irremovable. What is kept here holds even
//! if the runner is not what it should be.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use vnh1_backend::ProcessRecord;
use vnh1_sys::pidfd::Pidfd;
use vnh1_sys::queue::{AsFdDyn, FORWARDED, SignalQueue, Woken};
use vnh1_sys::reap::{Ended, reap};

/// How long after its limit the runner may take to end by itself.
const GRACE: Duration = Duration::from_millis(25);
const SIGKILL: i32 = 9;

/// Signals wait in here from before the container exists, so that none is lost.
#[derive(Debug)]
pub(crate) struct Foreground {
    signals: SignalQueue,
}

/// Where the output of the container is gathered: the reading ends of two pipes.
#[derive(Debug)]
pub(crate) struct Gathered {
    pipes: [Option<File>; 2],
    bytes: [Vec<u8>; 2],
    limit: u64,
}

/// What waiting brought.
#[derive(Debug)]
pub(crate) struct Waited {
    pub(crate) ended: Ended,
    /// Killed here, because its wall clock limit was over.
    pub(crate) overran: bool,
    /// Killed here, because it wrote more than may be gathered.
    pub(crate) flooded: bool,
    pub(crate) output: [Vec<u8>; 2],
}

impl Gathered {
    /// Two pipes: the writing ends for the container, and this for the reading ones.
    pub(crate) fn new(limit: u64) -> io::Result<(Self, [OwnedFd; 2])> {
        let (out_read, out_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let (err_read, err_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        for end in [&out_read, &err_read] {
            rustix::io::ioctl_fionbio(end, true)?;
        }
        let pipes = [Some(File::from(out_read)), Some(File::from(err_read))];
        Ok((Self { pipes, bytes: [Vec::new(), Vec::new()], limit }, [out_write, err_write]))
    }

    /// Takes what is there. `false` once more has come than may be gathered.
    fn drain(&mut self) -> io::Result<bool> {
        let mut chunk = vec![0; 64 << 10];
        for (pipe, bytes) in self.pipes.iter_mut().zip(&mut self.bytes) {
            while let Some(open) = pipe {
                match open.read(&mut chunk) {
                    Ok(0) => *pipe = None,
                    Ok(count) => bytes.extend_from_slice(&chunk[..count]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
                if bytes.len() as u64 > self.limit {
                    return Ok(false);
                }
            }
        }
        Ok(self.bytes.iter().map(|bytes| bytes.len() as u64).sum::<u64>() <= self.limit)
    }
}

impl Foreground {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { signals: SignalQueue::new(&FORWARDED)? })
    }

    /// Waits until the process has ended, and reaps it.
    pub(crate) fn wait(
        &self,
        process: &ProcessRecord,
        wall_time: Option<Duration>,
        mut gathered: Option<Gathered>,
    ) -> io::Result<Waited> {
        let pidfd = Pidfd::open(process.pid)?;
        let deadline = wall_time.map(|limit| Instant::now() + limit + GRACE);
        let (mut overran, mut flooded) = (false, false);
        loop {
            let patience =
                deadline.filter(|_| !overran).map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let mut watched: Vec<&dyn AsFdDyn> = vec![&pidfd];
            if let Some(gathered) = &gathered {
                watched.extend(gathered.pipes.iter().flatten().map(|pipe| pipe as &dyn AsFdDyn));
            }
            match self.signals.wait(&watched, patience)? {
                Woken::Signal(signal) => pass_on(&pidfd, signal)?,
                Woken::TimedOut => {
                    overran = true;
                    pass_on(&pidfd, SIGKILL)?;
                }
                Woken::Ready => {
                    let ended = pidfd.has_ended(Duration::ZERO)?;
                    if let Some(gathered) = &mut gathered
                        && !flooded
                        && !gathered.drain()?
                    {
                        flooded = true;
                        gathered.pipes = [None, None];
                        pass_on(&pidfd, SIGKILL)?;
                    }
                    if ended {
                        break;
                    }
                }
            }
        }
        let output = gathered.map(|gathered| gathered.bytes).unwrap_or_default();
        Ok(Waited { ended: reap(process.pid)?, overran, flooded, output })
    }
}

/// A process that has ended meanwhile needs no signal.
fn pass_on(pidfd: &Pidfd, signal: i32) -> io::Result<()> {
    const ESRCH: i32 = 3;
    match pidfd.signal(signal) {
        Err(error) if error.raw_os_error() == Some(ESRCH) => Ok(()),
        other => other,
    }
}

/// An empty stdin.
pub(crate) fn no_input() -> io::Result<OwnedFd> {
    Ok(File::open("/dev/null")?.into())
}

/// A descriptor of this process once more, for the container.
pub(crate) fn copy(fd: impl AsFd) -> io::Result<OwnedFd> {
    fd.as_fd().try_clone_to_owned()
}
