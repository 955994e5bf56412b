//! Boots what users get, types at its keyboard what the README shows, and writes the screen as a PNG: `picture FILE`.

use std::path::Path;
use std::process::ExitCode;

use runner::machine::{Hardware, Image};
use serde_json::json;
use xtask::{Width, root};

/// What is typed, and what the screen has when that is done.
const TYPED: [&str; 2] = ["ps", "irq"];

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: picture FILE");
        return ExitCode::from(2);
    };
    let file = root().join(Path::new(&file));
    let mut machine = Hardware::new(Width::X86_64).with(&["-device", "edu"]).boot(Image::Iso);
    machine.expect("bellwire> ");
    for line in TYPED {
        machine.keys(&format!("{line}\n"));
        machine.expect(&format!("{line}\r\n"));
        machine.expect("bellwire> ");
    }
    machine.wait_until("the prompt on the screen", |machine| {
        let screen = machine.screen();
        screen.iter().rev().find(|line| !line.is_empty()).is_some_and(|line| line.starts_with("bellwire>"))
    });
    machine.command("screendump", json!({ "filename": file, "format": "png" }));
    let bytes = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
    println!("{}: {bytes} bytes", file.display());
    if bytes == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
