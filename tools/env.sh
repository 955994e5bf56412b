# Chooses the toolchain and the target flags; source it from the repository's root.
#
# The kernel's targets have no prebuilt standard library, so `core` and `alloc` are built from source: that takes a
# compiler with its own rust-src. The first of these is taken: rustup's active toolchain, the distribution's.
bellwire_find() {
    local rustc sysroot
    for rustc in "$(command -v rustc || true)" /usr/bin/rustc; do
        [ -n "$rustc" ] && [ -x "$rustc" ] || continue
        sysroot=$("$rustc" --print sysroot 2>/dev/null) || continue
        [ -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ] || continue
        echo "$sysroot"
        return 0
    done
    return 1
}
if ! BELLWIRE_SYSROOT=$(bellwire_find); then
    echo "No Rust toolchain with its own rust-src was found: run ./justw setup." >&2
    return 1 2>/dev/null || exit 1
fi
mkdir -p target/toolchain
for tool in cargo rustc rustdoc rustfmt cargo-fmt cargo-clippy clippy-driver; do
    [ -x "$BELLWIRE_SYSROOT/bin/$tool" ] && ln -sfn "$BELLWIRE_SYSROOT/bin/$tool" "target/toolchain/$tool"
done
PATH="$PWD/target/toolchain:$PATH"
unset RUSTUP_TOOLCHAIN
export PATH RUSTC_BOOTSTRAP=1
BUILD_STD="-Zbuild-std=core,alloc,compiler_builtins -Zbuild-std-features=compiler-builtins-mem"
if cargo -Z help 2>/dev/null | grep -q json-target-spec; then BUILD_STD="$BUILD_STD -Zjson-target-spec"; fi
export BUILD_STD
