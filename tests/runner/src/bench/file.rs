//! The figures as a file: `target/bench.json` of the last run, and in the tree `docs/bench.json` and one beside it for
//! the other emulator.

use serde_json::{Map, Value};
use xtask::{Result, root};

use super::interrupts_off::KINDS;
use super::{Figures, Measurement, WIDTHS};
use crate::qemu::parse_version;

/// The figures of the tree that the docs show.
pub const SHOWN: &str = "docs/bench.json";

/// The figures of the tree to compare with those of an emulator. Instructions are the same on each, but emulators of
/// different ages take interrupts and calibrate clocks at different instructions.
pub fn committed(emulator: &str) -> &'static str {
    match parse_version(emulator) {
        Some(version) if version >= 10 => "docs/bench-qemu10.json",
        _ => SHOWN,
    }
}

/// The figures of the last run.
pub const FRESH: &str = "target/bench.json";

impl Measurement {
    /// Reads a file of the tree.
    pub fn read(file: &str) -> Result<Measurement> {
        let file = &root().join(file);
        let wrong = |error: &dyn std::fmt::Display| format!("can't read {}: {error}", file.display());
        let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        let string = |name: &str| value[name].as_str().unwrap_or("unknown").to_owned();
        let figures = WIDTHS.map(|width| value[width.name()].as_object().cloned().map(Figures));
        let [Some(x86_64), Some(i686)] = figures else { return Err(wrong(&"it hasn't both widths")) };
        Ok(Measurement { compiler: string("compiler"), emulator: string("emulator"), both: [x86_64, i686] })
    }

    /// Writes a file of the tree.
    pub fn write(&self, file: &str) -> Result {
        let file = &root().join(file);
        let mut value = Map::new();
        value.insert("compiler".to_owned(), self.compiler.clone().into());
        value.insert("emulator".to_owned(), self.emulator.clone().into());
        for (width, Figures(figures)) in WIDTHS.iter().zip(&self.both) {
            value.insert(width.name().to_owned(), figures.clone().into());
        }
        let mut text = String::new();
        lay_out(&Value::Object(value), "", &mut text);
        text.push('\n');
        std::fs::write(file, text).map_err(|error| format!("can't write {}: {error}", file.display()))
    }

    /// Removes the names of functions, which change without any change of a figure.
    pub fn without_names(mut self) -> Measurement {
        for Figures(figures) in &mut self.both {
            figures.remove(KINDS);
        }
        self
    }
}

/// JSON with a line for each row, so that a change shows as the rows that it changed.
fn lay_out(value: &Value, indent: &str, text: &mut String) {
    let deeper = format!("{indent}  ");
    match value {
        Value::Object(map) if map.values().any(Value::is_object) => {
            text.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                text.push_str(&format!("{}\n{deeper}\"{key}\": ", if index == 0 { "" } else { "," }));
                lay_out(value, &deeper, text);
            }
            text.push_str(&format!("\n{indent}}}"));
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            let lines: Vec<_> = list.iter().map(|value| format!("{deeper}{value}")).collect();
            text.push_str(&format!("[\n{}\n{indent}]", lines.join(",\n")));
        }
        _ => text.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_emulator_has_its_own_figures() {
        assert_eq!(committed("QEMU emulator version 7.2.22"), SHOWN);
        assert_ne!(committed("QEMU emulator version 10.0.13"), SHOWN);
    }

    #[test]
    fn a_row_is_a_line() {
        let mut text = String::new();
        let value = json!({ "x": { "a": 1, "counts": { "a": { "cr3": 1, "iret": 0 } }, "list": [{ "b": [2] }] } });
        lay_out(&value, "", &mut text);
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        assert!(lines.contains(&r#""a": 1,"#) && lines.contains(&r#""a": {"cr3":1,"iret":0}"#), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
