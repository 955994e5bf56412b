//! Boots what users get, types at its keyboard what the README shows, and writes the screen as a PNG: `picture FILE`.

use std::path::Path;
use std::process::ExitCode;

use runner::machine::{Hardware, Image};
use serde_json::json;
use xtask::{Width, root};

/// The commands that are typed, and the text that the screen has after the last of them.
const TYPED: [&str; 3] = ["ps", "irq", "irq 1"];

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
    // Nothing announces what a screen shows: it is done when two looks at it are the same.
    let mut before = Vec::new();
    machine.wait_until("the screen to rest", |machine| {
        machine.command("screendump", json!({ "filename": file, "format": "png" }));
        let now = std::fs::read(&file).unwrap_or_default();
        let rests = !now.is_empty() && now == before;
        before = now;
        rests
    });
    let bytes = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
    println!("{}: {bytes} bytes", file.display());
    if bytes == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
