//! What a test orders the attacker to do: one order for each argument. On both sides of the wall.
//!
//! Invariant: what cannot be read is refused before the first order is carried out, so that a misspelt order never
//! looks like an attack that failed.

/// Where in the runner's life the attack happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// From execve on: the launch filter alone.
    Launch,
    /// After the seal: landlock and the run filter as well.
    Run,
    /// The same with the filter for `--jitless`.
    RunJitless,
}

/// One argument of a system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A number; negative ones as two's complement.
    Number(u64),
    /// The address of a page of zeros.
    Zeros,
    /// The address of a page of ones: as a signal set, every signal.
    Ones,
    /// The address of a page that the kernel may write to.
    Scratch,
    /// The address of a `struct sigaction` that ignores a signal; read as a stack, one that is switched off.
    Ignore,
    /// The address of a `struct timespec` of one minute.
    Minute,
    /// The address of a text that ends in NUL.
    Text(String),
    /// The address of the code that handles the time limit's signal, rounded down to its page; 0 without a limit.
    Handler,
    /// The address of a page that has been readable, writable and executable since before the seal, as V8's code
    /// range is. It holds endless loops.
    Executable,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Ends the process after this many milliseconds, by the same handler and timer as the runner's.
    WallMillis(u64),
    /// The same for CPU time.
    CpuMillis(u64),
    /// Uses the filter in this file in the place of the run filter: so a test shows that its attack would succeed
    /// without the rule that stops it.
    RunFilter(String),
    /// Makes a system call and says what came back.
    Call {
        /// Before the seal, whatever the stage: to have a descriptor that the runner has too.
        early: bool,
        /// By `int 0x80`.
        int80: bool,
        /// Number.
        nr: u64,
        /// Arguments; those not given are 0.
        args: Vec<Argument>,
    },
    /// Writes endless loops over the code that handles the time limit's signal.
    Trample,
    /// Fills this many MiB of memory, each part protected against writing once it is full, so that RLIMIT_DATA does
    /// not count it any more.
    Hoard(u64),
    /// Reads so much untouched memory that this many MiB of page tables stand for it, which no limit of the process
    /// counts.
    Tables(u64),
    /// Prepares the C library's own data so that its next cancellation point, called by the handler of the time
    /// limit, leaps into endless loops instead of coming back.
    Cancel,
    /// Makes the table of addresses writable through which the compiler calls other crates and the C library, and
    /// lets each of them lead to endless loops.
    Redirect,
    /// Says this text.
    Say(String),
    /// Waits until it is killed: sleeping.
    Wait,
    /// Burns time until it is killed.
    Spin,
}

/// An order that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the attacker does not know the order {0:?}")]
pub struct Unknown(String);

/// Reads the orders: the stage and what to do there.
///
/// # Errors
/// [`Unknown`] names the first order that makes no sense.
pub fn parse(texts: &[String]) -> Result<(Stage, Vec<Order>), Unknown> {
    let mut stage = Stage::Launch;
    let mut orders = Vec::new();
    for text in texts {
        let unknown = || Unknown(text.clone());
        let (verb, rest) = text.split_once([' ', '=']).unwrap_or((text, ""));
        match verb {
            "stage" => {
                stage = match rest {
                    "launch" => Stage::Launch,
                    "run" => Stage::Run,
                    "run-jitless" => Stage::RunJitless,
                    _ => return Err(unknown()),
                }
            }
            "wall" => orders.push(Order::WallMillis(rest.parse().map_err(|_| unknown())?)),
            "cpu" => orders.push(Order::CpuMillis(rest.parse().map_err(|_| unknown())?)),
            "run-filter" => orders.push(Order::RunFilter(rest.to_owned())),
            "syscall" | "int80" | "early" => {
                let mut words = rest.split(' ');
                let nr = words.next().and_then(number).ok_or_else(unknown)?;
                let args = words.map(|word| argument(word).ok_or_else(unknown)).collect::<Result<Vec<_>, _>>()?;
                if args.len() > 6 {
                    return Err(unknown());
                }
                orders.push(Order::Call { early: verb == "early", int80: verb == "int80", nr, args });
            }
            "say" => orders.push(Order::Say(rest.to_owned())),
            "hoard" => orders.push(Order::Hoard(rest.parse().map_err(|_| unknown())?)),
            "tables" => orders.push(Order::Tables(rest.parse().map_err(|_| unknown())?)),
            "trample" => orders.push(Order::Trample),
            "cancel" => orders.push(Order::Cancel),
            "redirect" => orders.push(Order::Redirect),
            "wait" => orders.push(Order::Wait),
            "spin" => orders.push(Order::Spin),
            _ => return Err(unknown()),
        }
    }
    Ok((stage, orders))
}

fn argument(word: &str) -> Option<Argument> {
    Some(match word {
        "@zeros" => Argument::Zeros,
        "@ones" => Argument::Ones,
        "@scratch" => Argument::Scratch,
        "@ignore" => Argument::Ignore,
        "@minute" => Argument::Minute,
        "@handler" => Argument::Handler,
        "@executable" => Argument::Executable,
        _ => match word.strip_prefix("@text:") {
            Some(text) => Argument::Text(text.to_owned()),
            None => Argument::Number(number(word)?),
        },
    })
}

fn number(word: &str) -> Option<u64> {
    if let Some(hex) = word.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok();
    }
    word.parse().ok().or_else(|| word.parse::<i64>().ok().map(i64::cast_unsigned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<(Stage, Vec<Order>), Unknown> {
        parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn orders_are_read() {
        let (stage, orders) = read(&["stage=run", "wall=50", "syscall 0x29 1 -1 @ones @text:/etc", "spin"]).unwrap();
        assert_eq!(stage, Stage::Run);
        let args =
            vec![Argument::Number(1), Argument::Number(u64::MAX), Argument::Ones, Argument::Text("/etc".to_owned())];
        assert_eq!(
            orders,
            [Order::WallMillis(50), Order::Call { early: false, int80: false, nr: 0x29, args }, Order::Spin]
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["stage=later", "syscall", "syscall x", "syscall 1 @what", "syscall 1 1 2 3 4 5 6 7", "jump"] {
            assert!(read(&[text]).is_err(), "{text}");
        }
    }
}
