"""The part of the supervisor's script that finds a target's packets from our own container, as $where says.

In: $where, tcpdump's argv as "$@", `stop_here WORDS`. Out: "$@" captures there.
"""

LOCATE = r"""
of_pod() {
  for file in $(grep -lE "[/-]pod($1|$2)(\.slice)?[/:]" /proc/[0-9]*/cgroup 2>/dev/null); do
    pid=${file#/proc/}
    pid=${pid%/cgroup}
    # neither CRI-O's monitor, which is in the node's namespace, nor a container within the container
    grep -qE "crio-conmon|pod($1|$2).*[0-9a-f]{64}.*[0-9a-f]{64}" "$file" 2>/dev/null && continue
    { [ -z "$found" ] || [ "$pid" -lt "$found" ]; } && found=$pid
  done
}
patience=50
await_pod() {
  found='' tries=0
  while of_pod "$1" "$(echo "$1" | tr - _)" && [ -z "$found" ] && [ "$tries" -lt "$((patience * 5))" ]; do
    sleep 0.2
    tries=$((tries + 1))
  done
}
port_of() {
  # a neighbour is known once it was spoken to
  { busybox ping -c 1 -W 1 "$2" || ping -c 1 -W 1 "$2"; } >/dev/null 2>&1
  mac=''
  while read -r address kind flags hardware rest; do
    [ "$address" = "$2" ] && mac=$(echo "$hardware" | tr -d :)
  done </proc/net/arp
  [ "$mac" ] || return
  number=$(od -An -v -tx1 -w16 "/sys/class/net/$1/brforward" | tr -d ' ' | while read -r entry; do
    case $entry in
    "$mac"??00*)
      rest=${entry#"$mac"}
      low=${rest%"${rest#??}"}
      rest=${rest#????????????}
      echo "$((0x${rest%"${rest#??}"}$low))"
      ;;
    esac
  done)
  for file in "/sys/class/net/$1/brif/"*/port_no; do
    [ "$number" ] && [ "$(($(cat "$file")))" -eq "$number" ] && found=${file%/port_no} && found=${found##*/}
  done
}
case $where in
here) ;;
pod:*)
  await_pod "${where#pod:}"
  [ "$found" ] || stop_here "no process of the pod was on this node for $patience seconds"
  set -- nsenter -t "$found" -n -- "$@"
  ;;
pid:*)
  id=${where#pid:}
  uid=${id#*:} id=${id%%:*}
  found=''
  for file in $(grep -lE "[/:]((cri-containerd|crio|docker)[-:])?$id(\.scope)?\$" /proc/[0-9]*/cgroup 2>/dev/null) \
    $(grep -lE "[/:]((cri-containerd|crio|docker)[-:])?$id(\.scope)?/" /proc/[0-9]*/cgroup 2>/dev/null); do
    pid=${file#/proc/}
    pid=${pid%/cgroup}
    # a container within the container is not it
    grep -qE "$id.*[0-9a-f]{64}" "$file" 2>/dev/null && continue
    { [ -z "$found" ] || [ "$pid" -lt "$found" ]; } && found=$pid
  done
  [ "$found" ] || [ "$uid" = "$id" ] || await_pod "$uid"
  [ "$found" ] || stop_here "no process of container $id is on this node"
  set -- nsenter -t "$found" -n -- "$@"
  ;;
link:*)
  found=''
  for file in /sys/class/net/*/ifindex; do
    [ "$(cat "$file")" = "${where#link:}" ] && found=${file%/ifindex}
  done
  [ "$found" ] || stop_here "the node has no interface with index ${where#link:}"
  program=$1
  shift
  set -- "$program" -i "${found##*/}" "$@"
  ;;
route:*)
  address=${where##*:}
  where=${where%:*}
  wanted=$((0x${where#route:}))
  device='' widest=-1
  while read -r name target gateway flags used users metric mask rest; do
    case $target in *[!0-9A-F]*) continue ;; esac
    [ $((wanted & 0x$mask)) -eq $((0x$target)) ] && [ $((0x$mask)) -gt "$widest" ] || continue
    device=$name widest=$((0x$mask))
    [ "$gateway" = 00000000 ] || device=''
  done </proc/net/route
  [ "$device" ] || stop_here "the node has no route to the pod's address by an interface of its own"
  found=$device
  [ -d "/sys/class/net/$device/bridge" ] && found='' && port_of "$device" "$address"
  [ "$found" ] || stop_here "the node does not know which interface of bridge $device the pod's address is behind"
  program=$1
  shift
  set -- "$program" -i "$found" "$@"
  ;;
esac
"""
"""Where the packets are: `here`, in the network namespace of a container's process (its id in /proc/*/cgroup: cgroupfs
`…/<id>`, systemd `…/cri-containerd-<id>.scope`, `crio-`, `docker-`; not CRI-O's monitor `crio-conmon-<id>`) or, where
that has none, of any process of the pod by its uid (waits for one: its containers may be between two starts), behind
the interface with an index of the node's, or behind the one a pod's address is routed to
(`route:<as /proc/net/route has it>:<address>`). A route to a bridge (the CNI plugin of that name)
is followed to the port on which the bridge learned the address's MAC: brforward holds `struct __fdb_entry`
(linux/if_bridge.h: MAC, port, is_local, age, port's high byte), readable without any capability."""
