//! Processes that a test has started indirectly.

use std::fs;
use std::path::Path;

/// Returns whether a process runs. `pid_file` contains its process id. A process that has exited does not run, even if
/// its parent has not read its exit status. On systems without `/proc`, no process runs.
pub(crate) fn is_running(pid_file: &Path) -> bool {
    let pid = fs::read_to_string(pid_file).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    // The state follows the name of the program, which is in parentheses.
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

/// Returns a shell script that runs until it is killed, together with a second process. Each of the two files, `leader`
/// and `member` in `folder`, contains the id of one process.
pub(crate) fn endless_script(folder: &Path) -> String {
    let folder = folder.display();
    // The files are renamed when they are complete, because a test waits for them.
    format!(
        "sleep 600 & echo $! > {folder}/m; mv {folder}/m {folder}/member; \
         echo $$ > {folder}/l; mv {folder}/l {folder}/leader; wait"
    )
}
