#!/usr/bin/env bash
# tools/qemu.sh WIDTH [ARGUMENTS OF QEMU...]: boots a width's ISO with its serial console on this terminal.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
width=$1
shift
case $width in
i686) qemu=qemu-system-i386 ;;
x86_64) qemu=qemu-system-x86_64 ;;
*) echo "usage: tools/qemu.sh i686|x86_64 [arguments of QEMU...]" >&2; exit 2 ;;
esac
# No window unless one is asked for: it works everywhere, and the serial console does everything that the screen does.
display=(-display none)
for argument; do
    case $argument in -display | -nographic | -vnc | -spice) display=() ;; esac
done
echo "==> booting target/bellwire-$width.iso; Ctrl-A x leaves" >&2
# It ends with the process that ran this script, even if that is killed.
exec setpriv --pdeathsig TERM "$qemu" -cpu max -m 128M -cdrom "target/bellwire-$width.iso" -boot d \
    -serial mon:stdio "${display[@]}" "$@"
