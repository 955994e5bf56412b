//! What `help` says about the commands.

use xtask::Width;

use super::shell::{ask, at_the_prompt};
use super::{Case, cases};

pub const CASES: &[Case] = cases![Short: each_command_is_explained];

fn each_command_is_explained(width: Width) {
    let mut machine = at_the_prompt(width);
    let list = ask(&mut machine, "help");
    for line in list.lines().skip(1) {
        let name = line.split_whitespace().next().unwrap_or_default();
        let text = ask(&mut machine, &format!("help {name}"));
        assert!(text.starts_with(name) && text.lines().count() > 1, "{text:?}");
        assert!(list.lines().chain(text.lines()).all(|line| line.chars().count() <= 80), "{list}{text}");
    }
    assert!(ask(&mut machine, "help frobnicate").contains("no command frobnicate"));
}
