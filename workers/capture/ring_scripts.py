"""The constant scripts of a recording: a ring of pcap files in a container of ours, its watcher, and who grabs from it.

As in workers.capture.scripts: POSIX sh, and whatever a person typed reaches them as positional parameters only.

tcpdump rotates by itself (-G, -C), but only when a packet comes: on a quiet network the newest file just stays. So
what is old is told by a file's last change, and the newest file is never removed. A name is
`<epoch second>.pcap<count>`: a shell lists them in order, and the AppArmor profile that some nodes have for tcpdump
lets it write them.
"""

from workers.capture.locate import LOCATE
from workers.capture.scripts import CAPTURE, OPENING

UNCLAIM = r"""
unclaim() {
  read -r reader 2>/dev/null <"$dir/grab/pid" && kill -0 "$reader" 2>/dev/null && return
  since=$(stat -c %Y "$dir/grab" 2>/dev/null) && [ "$(($(date +%s) - since))" -gt 60 ] && rm -rf "$dir/grab"
}
"""
"""What is held for somebody who grabs is given up a minute after they were cut off."""

TIDY = r"""
known=0 turn=0 nap=0.5
tidy() {
  set -- "$ring"/*.pcap*
  turn=$((turn - 1))
  [ "$#" -ne "$known" ] || [ "$turn" -le 0 ] || return 0
  if [ "$#" -ne "$known" ]; then nap=0.1; else nap=0.5; fi
  known=$# turn=10
  [ ! -d "$dir/grab" ] || unclaim
  [ "$#" -gt 1 ] || return 0
  stat -c '%Y %s %n' "$@" >"$dir/list" || return 0
  total=0 old=$(($(date +%s) - keep))
  while read -r at size name; do total=$((total + size)); done <"$dir/list"
  most=$room
  [ "$(spare)" -gt 0 ] || most=0
  while read -r at size name; do
    [ "$#" -gt 1 ] || break
    [ "$at" -lt "$old" ] || [ "$total" -gt "$most" ] || break
    rm -f "$name"
    total=$((total - size))
    shift
  done <"$dir/list"
  known=$#
}
"""
"""Removes the oldest files: those whose last packet is older than $keep seconds, those beyond $room bytes, and all but
the newest once the disk is so full that its node would begin to evict. Forks only when there is a new file, and every
tenth time, as it runs for hours beside somebody's work; looks more often while files come quickly."""

RECORDING = (
    OPENING
    + r"""
keep=$1 slice=$2
shift 2
ring=$dir/ring out=/dev/null digest='wc -c' cut='head -c '
room=$((cap - 2 * slice))
case $(stat -f -c %T "$dir") in
tmpfs | ramfs) stop_here "its file system lies in memory, where a ring must not" ;;
esac
spare() { df -Pk "$dir" | { read -r line; read -r name total used free rest; echo $((free - total / 10)); }; }
[ "$(spare)" -ge $((2 * cap / 1024)) ] || stop_here "the node's disk has no room for a ring"
mkdir "$ring" || stop_here "it can't write to $dir"
"""
    + LOCATE
    + UNCLAIM
    + TIDY
    + r"""
command -v nice >/dev/null 2>&1 && set -- nice -n 5 "$@"
set -- sh -c 'echo "$$" >"$0" && exec "$@"' "$dir/pid" "$@"
echo ring >"$dir/state"
await "$lapse" go stop
if [ "$word" = go ]; then
  while sleep "$nap"; do tidy; done >/dev/null 2>&1 4>&- &
  guard=$!
  { """
    + CAPTURE
    + r"""
  } >/dev/null 2>>"$dir/said" &
  work=$!
  while kill -0 "$work" 2>/dev/null; do wait "$work"; done
  kill "$guard"
  wait "$guard" 2>/dev/null
  guard=''
fi
rm -f "$dir/pid"
echo "##size 0" >>"$dir/said"
: >"$dir/over"
await "$linger" ack
rm -rf "$ring" "$dir/grab"
exit 0
"""
)
"""The first process of a container of ours that records: $1 to $8 as scripts.SUPERVISED, $4 the ring's bytes; $9
seconds it keeps, ${10} bytes of a file, then tcpdump's argv, which writes to `ring`. Of the disk it takes twice its
bytes at most: what is being grabbed is held until it has left. What it kept stays $linger seconds after the end."""

SEEN = r"""
seen() {
  if read -r pid 2>/dev/null <"$dir/pid" && grep -q 'listening on' "$dir/said" &&
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$dir/ring"; then
    kill -USR1 "$pid" 2>/dev/null
    sleep 0.1
  fi
  grep ' captured, ' "$dir/said" | tail -n 1
}
"""
"""tcpdump's counters so far; it tells them on USR1, in one line, once it listens."""

WATCH = (
    r"""
exec 4<&0
export "$1"
dir=$2 ring=$2/ring tries=0
while [ ! -s "$dir/state" ] && [ "$tries" -lt 100 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
read -r state why <"$dir/state" && [ "$state" = ring ] || exit 3
exec 5<>"$dir/words"
echo "##ready" >&2
"""
    + SEEN
    + r"""
count() {
  set -- "$ring"/*.pcap*
  [ -e "$1" ] || return 1
  first=${1##*/}
  stat -c %s "$@" 2>/dev/null | {
    files=0 total=0
    while read -r size; do files=$((files + 1)) total=$((total + size)); done
    echo "ring $files $total ${first%%.*}"
  }
}
turn=0
while [ ! -e "$dir/over" ]; do
  [ "$turn" -gt 0 ] || { count && seen && turn=6; }
  turn=$((turn - 1))
  sleep 0.5
done 4<&- 5<&- 2>/dev/null &
watch=$!
{
  while read -r line <&4; do
    echo "$line" >&5
  done
  kill "$watch"
} >/dev/null 2>&1 &
words=$!
wait "$watch" || exit 0
count
grep -v ' captured, ' "$dir/said" >&2
echo "##done" >&2
exec 1>&-
wait "$words"
exit 0
"""
)
"""What an exec beside a recording runs: $1 marker, $2 folder. Says every three seconds how many files and bytes the
ring has, since which epoch second, and what tcpdump has counted; what the client says goes to the supervisor."""

GRAB = (
    r"""
exec 4<&0
export "$1"
dir=$2 ring=$2/ring grab=$2/grab id=$3 from=$4 last=$5 tries=0
[ -d "$ring" ] || { echo "threadcap: nothing is recorded here any more" >&2; exit 3; }
"""
    + UNCLAIM
    + SEEN
    + r"""
until mkdir "$grab" 2>/dev/null || [ "$(cat "$grab/id" 2>/dev/null)" = "$id" ]; do
  unclaim
  [ "$tries" -lt 600 ] || { echo "threadcap: somebody else is still grabbing from it" >&2; exit 4; }
  tries=$((tries + 1))
  sleep 0.5
done
echo "$$" >"$grab/pid"
echo "$id" >"$grab/id"
if [ ! -f "$grab/list" ]; then
  [ "$from" -eq 0 ] || { rm -rf "$grab"; echo "threadcap: what was grabbed is held no longer" >&2; exit 5; }
  now=$(date +%s)
  for file in "$ring"/*.pcap*; do ln "$file" "$grab/" 2>/dev/null; done
  {
    echo "$now"
    for file in "$grab"/*.pcap*; do
      { [ "$last" -eq 0 ] || [ "$(stat -c %Y "$file")" -ge "$((now - last))" ]; } && echo "$(wc -c <"$file") $file"
    done
  } >"$grab/new"
  mv "$grab/new" "$grab/list"
fi
seen >&2
emit() {
  read -r now
  echo "ring $now"
  while read -r size file; do
    echo "slice $size"
    head -c "$size" "$file" || return 1
  done
  echo end
}
echo "##ready" >&2
{ emit <"$grab/list" | tee /dev/fd/3 | sha256sum >"$grab/sum"; } 3>&1 4<&- | tail -c "+$((from + 1))" 4<&- &
tail=$!
{
  while read -r line <&4; do
    [ "$line" != ack ] || rm -rf "$grab"
  done
  kill "$tail"
  : >"$grab/left"
} >/dev/null 2>&1 &
words=$!
wait "$tail" || exit 0
read -r sum rest <"$grab/sum" && echo "##sha256sum $sum" >&2
grep -v ' captured, ' "$dir/said" >&2
echo "##done" >&2
exec 1>&-
wait "$words"
exit 0
"""
)
"""What an exec runs that takes what a ring holds: $1 marker, $2 folder, $3 whose grab it is, $4 the byte to begin with,
$5 only files with a packet of so many last seconds, 0 for all. The files are held by links, as long as they are at
this moment, so that the ring goes on as it is; the same $3 gets the same bytes again. They come on stdout as
`ring NOW`, then of each file `slice SIZE` and its bytes, the oldest first, then `end`; sha256sum is of all that."""
