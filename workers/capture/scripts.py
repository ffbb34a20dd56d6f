"""The constant scripts that run in containers. POSIX sh for dash and busybox; whatever a person typed reaches them as
positional parameters only. Their argv is made in workers.capture.tcpdump and workers.capture.supervised.

`after` is the one timer: `timeout` is not used around tcpdump, since busybox's leaves a child for up to a second that
holds the output open, and one that ends while it starts takes the container's first process for its own (12 of 3,000
tries). Signals go to tcpdump's own pid, which comes by a pipe. TERM, not INT: sh ignores INT in background jobs.
"""

from workers.capture.locate import LOCATE

AFTER = r"""
after() {
  over='' nap=''
  trap 'over=1; [ "$nap" ] && kill -KILL "$nap"' TERM
  sleep "$1" &
  nap=$!
  [ "$over" ] && kill -KILL "$nap"
  shift
  wait "$nap" && "$@"
}
"""
"""`after SECONDS COMMAND…` in the background; told to end, it leaves no sleep behind. KILL: between its fork
and sleep itself the child has the trap of its parent, and TERM is lost there (1 of 60 starts on a busy machine)."""

CUT = r"""
cut='head -c '
if stdbuf -o0 true 2>/dev/null; then
  cut='stdbuf -o0 head -c '
elif dd --help 2>&1 | grep -q BusyBox && dd if=/dev/null of=/dev/null iflag=count_bytes count=1 2>/dev/null; then
  cut='dd bs=64k iflag=count_bytes count='
fi
"""
"""What lets $cap bytes pass. By itself head holds packets back until it has 4,096 bytes, GNU's and busybox's alike;
busybox's dd hands on what it reads, GNU's counts a short read as the last."""

CAPTURE = r"""
tell() { printf '\n##%s\n' "$1" >&2; }
{ { {
      { while read -r line <&4; do echo "$line"; done; echo gone; } 3>&- 5>&- 2>/dev/null &
      reader=$!
      sh -c 'echo "pid $$" >&6; exec "$@" 6>&-' threadcap "$@" 6>&1 >&5 3>&- 4<&- 5>&-
      code=$?
      kill "$reader" 2>/dev/null
      wait "$reader" 2>/dev/null
      echo "rc $code"
    } | {
      pid='' ended='' clock='' pulse=''
      while read -r key value; do
        case $key in
        pid)
          pid=$value
          after "$secs" kill -TERM "$pid" >/dev/null 2>&1 3>&- 4<&- 5>&- &
          clock=$!
          [ "$lapse" ] && { after "$lapse" lapsed "$pid" >/dev/null 2>&1 3>&- 4<&- 5>&- & pulse=$!; }
          [ "$ended" ] && kill -TERM "$pid" 2>/dev/null
          ;;
        for)
          secs=$value
          [ "$clock" ] && kill "$clock" 2>/dev/null
          [ "$pid" ] && { after "$secs" kill -TERM "$pid" >/dev/null 2>&1 3>&- 4<&- 5>&- & clock=$!; }
          ;;
        beat)
          [ "$pulse" ] && kill "$pulse" 2>/dev/null
          [ "$pulse" ] && { after "$lapse" lapsed "$pid" >/dev/null 2>&1 3>&- 4<&- 5>&- & pulse=$!; }
          ;;
        stop | gone)
          [ "$value" ] && continue # of a patience that was over before it could be told
          ended=1
          [ "$pid" ] && kill -TERM "$pid" 2>/dev/null
          ;;
        rc)
          code=$value
          break
          ;;
        esac
      done
      for timer in $clock $pulse; do kill "$timer" 2>/dev/null; done
      wait
      echo "##rc $code" >&2
    } 5>&-
  } 5>&1 | $cut"$cap" 2>/dev/null | $tee "$out" | { $digest 3>&-; } | { read -r sum rest; tell "$digest $sum"; }
} 3>&1
"""
"""tcpdump ("$@") from its start to its end. In: $secs, $lapse, $cap, $out, $tee, $cut, $digest, and words on fd 4:
`stop`, `for SECONDS` (from now on), `beat`. One loop hears them, tcpdump's pid and its end: nothing is missed between.

What is told while tcpdump may still speak begins a line of its own: tcpdump ends its lines in a second write. The
reader of fd 4 is gone before the end is told: otherwise it would take the acknowledgement that follows.
"""

ATTACHED = (
    r"""
exec 4<&0
mark=$1 secs=$2 cap=$3 digest=$4 lapse='' out=/dev/fd/3 tee=tee
shift 4
export "$mark"
command -v nice >/dev/null 2>&1 && set -- nice -n 5 "$@"
"""
    + CUT
    + r"""
echo "##ready" >&2
while read -r word <&4; do
  case $word in
  go) break ;;
  stop) exit 0 ;;
  esac
done
[ "$word" = go ] || exit 0
"""
    + AFTER
    + CAPTURE
    + r"""
echo "##done" >&2
exec 1>&-
while read -r word <&4; do [ "$word" = ack ] && break; done
exit 0
"""
)
"""$1 marker, $2 seconds, $3 bytes, $4 digest program, then tcpdump's argv. The pcap leaves on stdout through tee, whose
copy is hashed here, in the pod. It begins when the client says `go` and ends when the client says `stop` or goes away;
it stays until the client has acknowledged, so that the last bytes can't be lost with the stream."""

OPENING = (
    r"""
export "$1"
dir=$2 secs=$3 cap=$4 lapse=$5 linger=$6 until=$7 where=$8
shift 8
digest=sha256sum out=$dir/spool tee=tee
stop_here() {
  echo "$1" >/dev/termination-log 2>/dev/null
  echo "threadcap: $1" >&2
  exit 3
}
left=$((until - $(date +%s)))
[ "$left" -gt 0 ] || stop_here "it started too late"
mkdir -p "$dir" && mkfifo "$dir/words" && exec 4<>"$dir/words" && : >"$dir/said" || stop_here "it can't write to $dir"
trap 'echo "##told" >>"$dir/said"; echo stop >&4' TERM
trap 'exit 0' USR1
"""
    + AFTER
    + r"""
after "$left" kill -USR1 "$$" >/dev/null 2>&1 4>&- &
limit=$! patience='' guard=''
trap 'for child in $limit $patience $guard; do kill "$child" 2>/dev/null; done' EXIT
say() { echo "$1" >&4; }
lapsed() { printf '\n##lapsed\n' >>"$dir/said"; kill -TERM "$1"; }
turn=0
await() {
  turn=$((turn + 1))
  after "$1" say "gone $turn" >/dev/null 2>&1 &
  patience=$!
  shift
  word=''
  while read -r word value <&4; do
    [ "$word" = gone ] && [ "$value" = "$turn" ] && break
    for known in "$@"; do [ "$word" = "$known" ] && break 2; done
  done
  kill "$patience" 2>/dev/null
}
"""
)
"""How the first process of a container of ours begins: its bounds, its ways out, the fifo `words`, who waits there."""

SUPERVISED = (
    OPENING
    + r"""
state=spool why=''
case $where in
stream:*) state=stream why=${where#stream:} ;;
esac
case $(stat -f -c %T "$dir") in
tmpfs | ramfs) state=stream why="its file system lies in memory" ;;
esac
room=$(df -Pk "$dir" | { read -r line; read -r name total used free rest; echo $((free - total / 10)); })
[ "$room" -ge $((cap / 1024)) ] || { state=stream why="the node's disk has no room for a spool"; }
if [ "$state" = stream ]; then
  echo "stream $why" >"$dir/state"
  await "$left" stop ack
  exit 0
fi
: >"$out"
"""
    + LOCATE
    + r"""
"""
    + CUT
    + r"""
command -v nice >/dev/null 2>&1 && set -- nice -n 5 "$@"
tee --output-error=exit /dev/null </dev/null >/dev/null 2>&1 && tee='tee --output-error=exit'
sleep 2147483647 &
guard=$!
echo "$guard" >"$dir/guard"
echo spool >"$dir/state"
await "$lapse" go stop
if [ "$word" = go ]; then
  { """
    + CAPTURE
    + r"""
  } >/dev/null 2>>"$dir/said" &
  work=$!
  while kill -0 "$work" 2>/dev/null; do wait "$work"; done
  echo "##size $(wc -c <"$out")" >>"$dir/said"
  why=$(grep '^tee:' "$dir/said" | head -n 1)
  [ "$why" ] && echo "##sha256sum $(sha256sum <"$out")
##full ${why##*: }" >>"$dir/said"
fi
kill -KILL "$guard" # TERM would be lost between its fork and sleep itself
wait "$guard" 2>/dev/null
guard=''
[ "$word" = gone ] && exit 0 # nobody came, so nobody comes to read
await "$linger" ack
exit 0
"""
)
"""The first process of a container of ours: $1 marker, $2 folder, $3 seconds, $4 bytes, $5 seconds without a heartbeat
after which it ends, $6 seconds the spool is kept for whoever asks, $7 epoch second nothing outlives, $8 where, then
tcpdump's argv. Words come through the fifo `words`, what is said is kept in `said`, `spool` is the pcap. A spool in
memory, or on a disk without room for it, is none: it then waits for an attached capture. `guard` is a process that
lives until the spool is whole: readers follow it."""

FOLLOW = r"""
exec 4<&0
export "$1"
dir=$2 from=$3
tries=0
while [ ! -s "$dir/state" ] && [ "$tries" -lt 100 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
[ -s "$dir/state" ] && read -r state why <"$dir/state" || exit 3
[ "$state" = spool ] || {
  echo "##stream $why" >&2
  exit 0
}
read -r guard <"$dir/guard"
exec 5<>"$dir/words"
echo "##ready" >&2
tail -c "+$((from + 1))" -f -s 0.05 --pid="$guard" "$dir/spool" 4<&- 5<&- &
tail=$!
{
  while read -r line <&4; do
    echo "$line" >&5
  done
  kill "$tail"
} >/dev/null 2>&1 &
words=$!
wait "$tail" || exit 0
cat "$dir/said" >&2
echo "##done" >&2
exec 1>&-
wait "$words"
exit 0
"""
"""What an exec in such a container runs: $1 marker, $2 folder, $3 the byte to begin with. The spool comes on stdout as
it grows; what the client says goes to the supervisor. A client that leaves ends this and nothing else. GNU tail: with
--pid it reads once more after the guard's end, so nothing is missed. The fifo is opened for both ways: to open it for
writing alone would wait for ever where the supervisor is gone."""

LEAVE = r"""
export "$1"
dir=$2 tries=0
while [ ! -p "$dir/words" ] && [ "$tries" -lt 50 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
[ -p "$dir/words" ] || exit 0
exec 5<>"$dir/words"
echo stop >&5
while [ "$tries" -lt 100 ] && [ ! -e "$dir/over" ] && ! grep -q '^stream' "$dir/state"; do
  guard=$(cat "$dir/guard") && ! kill -0 "$guard" && break
  sleep 0.1
  tries=$((tries + 1))
done 2>/dev/null
echo ack >&5
exit 0
"""
"""What ends such a container once nobody needs it any more, even while it starts: $1 marker, $2 folder."""
