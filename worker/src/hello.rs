//! The first words of a program that the supervisor started by exec: who it is, and where it listens.

use fumehood::clock::Monotonic;
use fumehood::fail_point;
use fumehood::ids::Pid;
use fumehood::protocol::{Hello, PROTOCOL, StartOrder, Token, environment};
use fumehood::sys::GuardOrder;
use ipc_channel::ipc::{self, IpcReceiver, IpcSender};

/// What the environment of a started program says.
pub struct Invitation {
    server: String,
    token: Token,
    /// The supervisor.
    pub guard: GuardOrder,
    /// The output pipes of all slots.
    pub outputs: Vec<(i32, i32)>,
}

impl Invitation {
    /// Reads it; `None` = this process was not started by a supervisor.
    pub fn read() -> Option<Invitation> {
        let get = |name: &str| std::env::var(name).ok();
        Some(Invitation {
            server: get(environment::SERVER)?,
            token: Token(get(environment::TOKEN)?),
            guard: GuardOrder {
                supervisor: Pid(get(environment::SUPERVISOR)?.parse().ok()?),
            },
            outputs: outputs(&get(environment::OUTPUTS).unwrap_or_default())?,
        })
    }

    /// Says hello, and gives the channel on which orders will come. `None` = the supervisor cannot be
    /// reached.
    pub fn answer(self, born: Monotonic) -> Option<IpcReceiver<StartOrder>> {
        fail_point!("worker.connect");
        let server: IpcSender<Hello> = IpcSender::connect(self.server).ok()?;
        let (orders, receiver) = ipc::channel().ok()?;
        #[cfg_attr(
            not(feature = "fault"),
            expect(unused_mut, reason = "faults change it")
        )]
        let mut hello = Hello {
            token: self.token,
            protocol: String::from(PROTOCOL),
            pid: Pid(std::process::id()),
            born,
            orders,
        };
        fail_point!("worker.hello", |twist| crate::fault::change_hello(
            &mut hello, &twist
        ));
        server.send(hello).ok()?;
        Some(receiver)
    }
}

/// `7:8,9:10` as pairs.
fn outputs(text: &str) -> Option<Vec<(i32, i32)>> {
    text.split(',')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (out, err) = pair.split_once(':')?;
            Some((out.parse().ok()?, err.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::outputs;

    #[test]
    fn pairs_are_read_as_the_supervisor_writes_them() {
        assert_eq!(outputs(""), Some(vec![]));
        assert_eq!(outputs("7:8,9:10"), Some(vec![(7, 8), (9, 10)]));
        assert_eq!(outputs("7"), None);
        assert_eq!(outputs("a:b"), None);
    }
}
