//! The settings for editors name what exists.

use xtask::root;

#[test]
fn the_editors_command_is_one() {
    let settings = std::fs::read_to_string(root().join(".vscode/settings.json")).expect("the settings");
    assert!(settings.contains("cargo run --quiet -p xtask -- editor\""), "{settings}");
    let usage = std::process::Command::new(env!("CARGO_BIN_EXE_xtask")).arg("no such command").output();
    let usage = String::from_utf8_lossy(&usage.expect("xtask runs").stderr).into_owned();
    assert!(usage.contains("xtask editor\n"), "{usage}");
}

/// The width of an editor's ruler, of rustfmt, of the check and of other editors' settings.
#[test]
fn all_settings_have_one_width() {
    for (file, setting) in [
        (".vscode/settings.json", "\"editor.rulers\": [120]"),
        (".editorconfig", "max_line_length = 120"),
        ("rustfmt.toml", "max_width = 120"),
        ("xtask/src/lines.rs", "const MOST: usize = 120;"),
    ] {
        assert!(std::fs::read_to_string(root().join(file)).expect(file).contains(setting), "{file}: {setting}");
    }
}
