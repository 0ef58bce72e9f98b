//! Which processes there are, from /proc.

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its parent's.
    pub parent: i32,
    /// `R`, `S`, `T`, `Z`, ...
    pub state: char,
    /// The name the kernel knows it by, cut at 15 characters.
    pub name: String,
    /// Clock tick of its start since boot: with the number it names one process for ever.
    pub born: u64,
}

/// Some processes, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    processes: Vec<Process>,
}

impl Census {
    /// The processes whose environment or working folder points into a lab. Zombies show neither: they are
    /// counted by [`Census::below`].
    pub fn of_lab(root: &Path) -> Census {
        let ours = std::process::id().cast_signed();
        let mark = root.as_os_str().as_encoded_bytes();
        let processes = all()
            .into_iter()
            .filter(|process| process.pid != ours && is_marked(process.pid, root, mark))
            .collect();
        Census { processes }
    }

    /// The descendants of a process, zombies too, without itself.
    pub fn below(ancestor: i32) -> Census {
        let all = all();
        let mut family = vec![ancestor];
        let mut seen = 0;
        while seen < family.len() {
            let parent = family[seen];
            seen += 1;
            family.extend(all.iter().filter(|p| p.parent == parent).map(|p| p.pid));
        }
        let processes = all
            .into_iter()
            .filter(|process| process.pid != ancestor && family.contains(&process.pid))
            .collect();
        Census { processes }
    }

    /// The processes.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// Kills them all.
    pub fn kill(&self) {
        for process in &self.processes {
            // Only what still is the process that was counted.
            if read(process.pid).is_some_and(|now| now.born == process.born) {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
        }
    }
}

fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(read)
        .collect()
}

/// `/proc/PID/stat`: number, (name), state, parent, ...; the name may itself hold anything.
fn read(pid: i32) -> Option<Process> {
    let stat = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?).into_owned();
    let (head, rest) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        state: fields.first()?.chars().next()?,
        name: name.to_owned(),
        born: fields.get(19)?.parse().ok()?,
    })
}

fn is_marked(pid: i32, root: &Path, mark: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.windows(mark.len()).any(|part| part == mark)
        || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder.starts_with(root))
}
