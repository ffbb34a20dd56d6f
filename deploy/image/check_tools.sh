#!/bin/sh
# Fails, naming what a capture image lacks of all that our scripts may use. Run where the image is built, and by the
# tests on the playground's image of the same name.
lacking=
for tool in tcpdump sh timeout head tail tee sha256sum nsenter grep sed awk stat df cat cut date dd env id kill ls \
  ln mkdir mkfifo mktemp mv nice readlink rm sleep sort sync tr uname wc; do
  command -v "$tool" > /dev/null || lacking="$lacking $tool"
done
tail --pid="$$" -n 0 /dev/null 2> /dev/null || lacking="$lacking tail --pid"
timeout -k 1 -s INT 5 true || lacking="$lacking timeout -k"
nsenter --help | grep -q -e --net || lacking="$lacking nsenter --net"
[ -z "$lacking" ] || { echo "the capture image lacks:$lacking" >&2; exit 1; }
