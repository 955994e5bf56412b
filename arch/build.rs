//! Packs the font for the kernel's text on a framebuffer: the crate that draws it has a pointer a row and a byte a
//! pixel, 36 KB in all; packed it is 3 KB.

use std::path::Path;
use std::{env, fs};

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

const WEIGHT: FontWeight = FontWeight::Regular;
const HEIGHT: RasterHeight = RasterHeight::Size16;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let width = get_raster_width(WEIGHT, HEIGHT);
    assert!(width <= 8, "a row of {width} pixels doesn't fit two bytes");
    let mut rows = Vec::new();
    for byte in b' '..=b'~' {
        let glyph = get_raster(char::from(byte), WEIGHT, HEIGHT).expect("the font has ASCII");
        for line in glyph.raster() {
            // The leftmost pixel in the lowest two bits, each rounded to a quarter of the brightness.
            let packed = line.iter().rev().fold(0_u16, |row, grey| (row << 2) | ((u16::from(*grey) * 3 + 127) / 255));
            rows.extend(packed.to_le_bytes());
        }
    }
    let folder = env::var("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&folder).join("font.bin"), rows).expect("the folder is writable");
    println!("cargo::rustc-env=FONT_WIDTH={width}");
}
