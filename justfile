# `just --list` shows the recipes. On a fresh machine use ./justw RECIPE, which first installs what is missing.

set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments

export JUST := just_executable()

xtask := ". tools/env.sh; cargo run --quiet -p xtask --"

_default:
    @just --list --unsorted

# Make sure that everything needed is installed
setup:
    @./justw --version >/dev/null
    @echo "Everything is installed; \`just --list\` shows what there is to run."

# Build the kernel and the shipped programs for both widths
build:
    @{{ xtask }} build

# Write target/bellwire-i686.iso and target/bellwire-x86_64.iso
iso:
    @{{ xtask }} iso

# Boot the i686 image with its serial console on this terminal (Ctrl-A x leaves)
qemu-i686 *arguments: iso-i686
    @tools/qemu.sh i686 "$@"

# Boot the x86_64 image with its serial console on this terminal (Ctrl-A x leaves)
qemu-x86_64 *arguments: iso-x86_64
    @tools/qemu.sh x86_64 "$@"

# Write target/bellwire-i686.iso
iso-i686:
    @{{ xtask }} iso i686

# Write target/bellwire-x86_64.iso
iso-x86_64:
    @{{ xtask }} iso x86_64

# Run all tests: on the host, and booted on both widths
test:
    @{{ xtask }} test

# Run all tests and the ones that take long
test-long:
    @{{ xtask }} test all --include-ignored

# Run the tests that need no emulator: of all packages, or of one (just test-host driver-serial)
test-host *arguments:
    @{{ xtask }} test host "$@"

# Run the booted tests for i686; arguments choose among them
test-i686 *arguments:
    @{{ xtask }} test i686 "$@"

# Run the booted tests for x86_64; arguments choose among them
test-x86_64 *arguments:
    @{{ xtask }} test x86_64 "$@"

# Run the tests booted in Bochs; arguments choose a width, then tests
test-bochs *arguments:
    @{{ xtask }} test bochs "$@"

# Run every row of the interrupt entry's table in every variant, and write docs/conformance.md
abi *arguments:
    @{{ xtask }} abi "$@"

# Measure what operations cost on both widths, beside seL4's figures (target/bench.json); --check, --write
bench *arguments:
    @{{ xtask }} bench "$@"

# Measure Debian's Linux in the same way, beside Bellwire's figures: [i686|x86_64|all] [cpu=MODEL]
bench-linux *arguments:
    @{{ xtask }} bench-linux "$@"

# Measure whether operations cost the same on a large system (target/bench-scale.json, .svg); --write
bench-scale *arguments:
    @{{ xtask }} bench-scale "$@"

# Fuzz the kernel's entries from user mode: [i686|x86_64|all] [seed=N] [first=STEP] [steps=COUNT] [cpu=MODEL]
fuzz-entry *arguments:
    @{{ xtask }} fuzz "$@"

# Fuzz the core on the host with hostile programs: [seed=N] [first=ROUND] [rounds=COUNT] [steps=COUNT] [lives=COUNT]
fuzz-calls *arguments:
    @{{ xtask }} fuzz-calls "$@"

# Put faults back into a copy of the tree, one by one, and check that a test finds each: [PART OF A NAME]
faults *part:
    @{{ xtask }} faults "$@"

# Check the format, the lints on host and targets, and the docs
check:
    @{{ xtask }} check

# Check format, line lengths and arrows before each commit of this clone: installs a hook of git, which takes seconds
hook:
    @{{ xtask }} hook

# Print how many calls lead from each room of the kernel and of arch to which, and the arrows that run up
layers:
    @{{ xtask }} layers

# Say which function and line an address of the log is: just where x86_64 serial 0x401000 (or kernel)
where width program address:
    @{{ xtask }} where "$@"

# Boot, type some commands and write a picture of the screen (target/picture.png, or FILE)
picture *file:
    @{{ xtask }} picture "$@"

# Format all sources
fmt:
    @. tools/env.sh; cargo fmt --all

# Build the reference of all packages, and say where its index is
doc:
    @{{ xtask }} doc

# Write docs/system-calls.md from the table of calls, and the tables of docs/measuring.md from docs/bench.json
reference:
    @{{ xtask }} reference

# Remove everything that was built
clean:
    rm -rf target
