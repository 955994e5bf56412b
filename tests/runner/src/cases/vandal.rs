//! A hostile client (`tests/vandal`) tries every trick at every server. None of them ends, and others are served as
//! before.

use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;

use super::shell::{PROMPT, ask, row};
use super::{Case, cases};

pub const CASES: &[Case] = cases![Short: a_hostile_client_ends_no_server_and_delays_nobody];

/// The programs that serve something.
const SERVERS: [&str; 8] = ["timer", "pci", "edu", "serial", "keyboard", "rtc", "console", "shell"];

/// The lives of the vandal that end by themselves, and the last one.
const LIVES: &str = "guest: the vandal has lived 7 times";

fn a_hostile_client_ends_no_server_and_delays_nobody(width: Width) {
    let hardware = Hardware::timed(width).with(&["-device", "edu"]);
    let mut machine = hardware.boot(Direct::vandal());
    let report = machine.expect("guest: done");
    assert!(report.contains(LIVES), "{report}");
    let lines: Vec<&str> = report.lines().filter(|line| line.contains(" took ")).collect();
    assert_eq!(lines.len(), SERVERS.len() + 1, "init serves, too: {report}");
    for line in lines {
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [quiet, _mean, median, failures] = numbers[..] else { panic!("{line}") };
        assert_eq!(failures, 0, "{line}");
        // The time that half of the calls keep to, since single calls take milliseconds for reasons of their own:
        // `init` starts the vandal again after each of its lives, `rtc` pauses while the clock's registers change, and
        // the machine waits for a host that is slow to read its serial line. The mean is shown for people.
        assert!(quiet > 0 && median <= 2 * quiet, "others are kept waiting: {line}");
    }
    // What is typed reaches the shell, not a dead reader.
    machine.send(b"\r");
    machine.expect(PROMPT);
    check_servers(&mut machine);
    let log = ask(&mut machine, "log");
    assert!(!log.contains("vandal failed"), "{log}");
    // Nothing that others share was changed.
    assert!(ask(&mut machine, "rtc").contains(", 0 a second"));
    assert!(ask(&mut machine, "layout").contains("us"));
    // What the vandal held is given back.
    assert_eq!(ask(&mut machine, "tick 3 5"), "1\r\n2\r\n3\r\n");
    assert_eq!(ask(&mut machine, "edu 10!"), "10! = 3628800\r\n");
    ask(&mut machine, "kill vandal");
    check_servers(&mut machine);
}

/// No server was started again.
fn check_servers(machine: &mut Machine) {
    let table = ask(machine, "ps");
    for server in SERVERS {
        let row = row(&table, server);
        assert_eq!(row[1..3], ["running", "0"], "{server}:\n{table}");
    }
}
