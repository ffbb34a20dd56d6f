"""Short constant scripts that run in containers beside a capture: to ask, to sweep, to bring and take away a program.

POSIX sh for dash and busybox; whatever a person typed reaches them as positional parameters only.
"""

PROBE = r"""
for tool in tcpdump timeout head tee sha256sum sleep nice cat chmod; do
  command -v "$tool" >/dev/null 2>&1 && echo "has $tool"
done
[ -d /dev/fd ] && echo "has /dev/fd"
echo "uid $(id -u 2>/dev/null)"
while read -r key value; do [ "$key" = CapEff: ] && echo "caps $value"; done < /proc/self/status
echo "time $(date +%s 2>/dev/null)"
echo "machine $(uname -m 2>/dev/null)"
for file in /sys/class/net/*/iflink; do
  read -r link 2>/dev/null <"$file" && name=${file%/iflink} && echo "link ${name##*/}=$link"
done
for place in /tmp /var/tmp /run /dev/shm /; do
  [ -d "$place" ] && [ -w "$place" ] && echo "writes $place"
done
exit 0
"""

SWEEP = r"""
left() {
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    [ "$pid" = "$$" ] && continue
    if { tr '\0' '\n' < "$dir/cmdline"; tr '\0' '\n' < "$dir/environ"; } 2>/dev/null | grep -qF -- "$1=$2"; then
      case $(cat "$dir/stat" 2>/dev/null) in *") Z "*) ;; *) echo "$pid" ;; esac
    fi
  done
}
for signal in TERM TERM KILL KILL; do
  pids=$(left "$1" "$2")
  [ -z "$pids" ] && break
  for pid in $pids; do kill "-$signal" "$pid" 2>/dev/null && echo "ended $pid"; done
  sleep 1
done
echo "left $(left "$1" "$2" | wc -l)"
"""
"""$1=$2 is the marker; apart, so that the sweeper never finds itself. tr, as busybox's grep ends a line at a NUL."""

UPLOAD = r"""
export "$1"
file=$2/tcpdump
trap 'rm -rf "$2"' EXIT
umask 077
mkdir "$2" && head -c "$3" >"$file" || exit 1
[ "$(wc -c <"$file")" -eq "$3" ] || exit 1
chmod 700 "$file" && "$file" --version >/dev/null || exit 1
trap - EXIT
echo "##uploaded" >&2
"""
"""$1 marker, $2 the folder to make, $3 the size of what comes on stdin. It is tried at once: a folder may be mounted
noexec. What does not arrive whole is removed again."""

REMOVE = r"""
export "$1"
for place in /tmp /var/tmp /run /dev/shm ''; do rm -rf "$place/$2"; done
"""
"""$1 marker, $2 the name of the uploaded folder; whichever place it is in."""
