# Chooses the toolchain and the target flags; source it from the repository's root (bash).
#
# The kernel's targets have no prebuilt standard library, so `core` and `alloc` are built from source: that takes a
# compiler with its own rust-src. The first of these is taken:
#   1. the channel that rust-toolchain.toml pins, where rustup has it installed;
#   2. the first rustc on PATH that isn't rustup's proxy;
#   3. the distribution's /usr/bin/rustc.
# rustup's proxies are never run: with a channel that isn't installed they fail, or download it unasked.
#
# Sets PATH (a folder of links to the chosen tools comes first), RUSTC_BOOTSTRAP and BUILD_STD, the flags which every
# build for one of targets/*.json needs.

# Prints each rustc that may serve, the preferred one first.
bellwire_candidates() {
    local channel rustc rustup
    channel=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)
    for rustc in "${RUSTUP_HOME:-$HOME/.rustup}/toolchains/$channel"{-*,}/bin/rustc; do
        [ -x "$rustc" ] && echo "$rustc"
    done
    rustup=$(command -v rustup || true)
    type -aP rustc | while read -r rustc; do
        # A proxy is a link to rustup, symbolic or hard.
        if [ -z "$rustup" ] || ! [ "$rustc" -ef "$rustup" ]; then echo "$rustc"; fi
    done
    [ -x /usr/bin/rustc ] && echo /usr/bin/rustc
}

# Prints the sysroot of the first candidate that has its own source and is as new as Cargo.toml's rust-version.
bellwire_find_sysroot() {
    local rustc sysroot oldest version
    oldest=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml)
    while read -r rustc; do
        sysroot=$("$rustc" --print sysroot 2>/dev/null) || continue
        [ -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ] || continue
        version=$("$rustc" --version | cut -d' ' -f2)
        printf '%s\n%s\n' "$oldest" "$version" | sort -VC || continue
        echo "$sysroot"
        return 0
    done < <(bellwire_candidates)
    return 1
}

if ! BELLWIRE_SYSROOT=$(bellwire_find_sysroot); then
    echo "No Rust toolchain with its own rust-src was found: run ./justw setup." >&2
    return 1 2>/dev/null || exit 1
fi
mkdir -p target/toolchain
for bellwire_tool in cargo rustc rustdoc rustfmt cargo-fmt cargo-clippy clippy-driver; do
    # Links that are right already stay: another build may be using them at this moment.
    if ! [ "target/toolchain/$bellwire_tool" -ef "$BELLWIRE_SYSROOT/bin/$bellwire_tool" ]; then
        ln -sfn "$BELLWIRE_SYSROOT/bin/$bellwire_tool" "target/toolchain/$bellwire_tool"
    fi
done
unset bellwire_tool
case :$PATH: in
:"$PWD/target/toolchain":*) ;;
*) PATH="$PWD/target/toolchain:$PATH" ;;
esac
unset RUSTUP_TOOLCHAIN RUSTC RUSTDOC
export PATH RUSTC_BOOTSTRAP=1
BUILD_STD="-Zbuild-std=core,alloc,compiler_builtins -Zbuild-std-features=compiler-builtins-mem"
# Since 1.95 or so cargo wants target files to be asked for; before that it didn't know the flag.
if [[ $(cargo -Z help 2>/dev/null) == *json-target-spec* ]]; then BUILD_STD="$BUILD_STD -Zjson-target-spec"; fi
export BUILD_STD
