//! The processes of a browser, as Linux shows them under `/proc`.

use std::fs;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::until;

/// Every process that descends from `ancestor`, parents before their children.
pub fn descendants(ancestor: u32) -> Result<Vec<u32>> {
    let processes: Vec<Process> =
        fs::read_dir("/proc")?.filter_map(|entry| Process::read(entry.ok()?.path())).collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(processes.iter().filter(|process| process.parent == parent).map(|process| process.id));
        next += 1;
    }
    found.remove(0);
    Ok(found)
}

/// SIGKILL for each, and waits until they are gone.
pub async fn kill(processes: &[u32]) -> Result<()> {
    for &id in processes {
        let id = i32::try_from(id).ok().and_then(Pid::from_raw).context("no process id")?;
        // One that has ended by itself meanwhile is as dead.
        let _ = kill_process(id, Signal::KILL);
    }
    until("the processes to die", async || {
        let lives = |id: &u32| Process::read(format!("/proc/{id}").into()).is_some_and(|process| !process.zombie);
        Ok((!processes.iter().any(lives)).then_some(()))
    })
    .await
}

/// The memory of a process in bytes; of what it shares with others, its part.
pub fn memory(process: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

/// The first of these processes that was started with this argument.
pub fn with_argument(processes: &[u32], argument: &str) -> Option<u32> {
    find(processes, "cmdline", |arguments| arguments.split(['\0', ' ']).any(|other| other == argument))
}

/// The first of these processes with this name.
pub fn named(processes: &[u32], name: &str) -> Option<u32> {
    find(processes, "comm", |comm| comm.trim_end() == name)
}

fn find(processes: &[u32], file: &str, wanted: impl Fn(&str) -> bool) -> Option<u32> {
    let is_wanted = |id: &u32| fs::read_to_string(format!("/proc/{id}/{file}")).is_ok_and(|text| wanted(&text));
    processes.iter().copied().find(is_wanted)
}

struct Process {
    id: u32,
    parent: u32,
    /// Dead, and not yet seen to be by its parent.
    zombie: bool,
}

impl Process {
    fn read(folder: std::path::PathBuf) -> Option<Self> {
        let id = folder.file_name()?.to_str()?.parse().ok()?;
        let stat = fs::read_to_string(folder.join("stat")).ok()?;
        // The name stands in brackets and may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let zombie = fields.next()? == "Z";
        Some(Self { id, parent: fields.next()?.parse().ok()?, zombie })
    }
}
