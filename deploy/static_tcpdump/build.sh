#!/usr/bin/env bash
# Builds tcpdump as one static program of a few hundred kilobytes that runs in any Linux container, from Debian 12's
# source packages with Debian's patches, linked with musl. It writes packets and shows none (capture_only.c).
#   build.sh [--out DIR] [amd64|arm64 ...]   tcpdump-ARCH and tcpdump-LICENSES in DIR; default .tools/static, this ARCH
#   build.sh --renew                         the same for both, and sources.lock anew from what Debian 12 offers now
# The machine's own apt sources are used, its configuration and lists stay as they are. Needs dpkg-dev, make, flex,
# bison, gcc and linux-libc-dev; for another architecture than this one's gcc-TRIPLET and linux-libc-dev-ARCH-cross.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
lock=$here/sources.lock
out=$here/../../.tools/static
renew=
architectures=()

stop() { printf 'static tcpdump: %s\n' "$*" >&2; exit 1; }

while [ $# -gt 0 ]; do
  case $1 in
    --out) out=${2:?--out needs a folder}; shift ;;
    --renew) renew=yes ;;
    amd64 | arm64) architectures+=("$1") ;;
    *) stop "there is no $1: say amd64 or arm64, --out DIR, or --renew." ;;
  esac
  shift
done
[ ${#architectures[@]} -gt 0 ] || architectures=("$(dpkg --print-architecture)")
[ -z "$renew" ] || architectures=(amd64 arm64)

for tool in dpkg-source make flex bison; do
  command -v $tool >/dev/null || stop "$tool is missing: apt-get install --no-install-recommends dpkg-dev make flex bison"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- fetch: an apt of our own beside the machine's, with deb-src ---
apt=$work/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$work/packages" "$out"
out=$(cd "$out" && pwd)
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ "$release" = bookworm ] || stop "this is built from Debian 12's packages, on Debian 12; here is ${release:-another system}."
key=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f $key ] && signed=" signed-by=$key" || signed=
comma=$(IFS=,; echo "${architectures[*]}")
apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sort -u |
  while read -r uri suite component; do
    case "$suite $component" in
      "$release main" | "$release-updates main" | "$release-security main")
        echo "deb-src [lang=none$signed] $uri $suite main"
        echo "deb [arch=$comma lang=none$signed] $uri $suite main"
        ;;
    esac
  done > "$apt/sources.list"
[ -s "$apt/sources.list" ] || stop "the machine's apt sources name no main section of Debian 12."
options=(-qq -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=)
for architecture in "${architectures[@]}"; do options+=(-o "APT::Architectures::=$architecture"); done
apt-get "${options[@]}" update > "$work/log" 2>&1 || stop "apt-get update failed: $(tail -n 3 "$work/log")"

# the newest version on offer
newest() {
  case $1 in
    source) apt-cache "${options[@]}" showsrc "$2" ;;
    binary) apt-cache "${options[@]}" show "$2" ;;
  esac | sed -n 's/^Version: //p' | {
    best=
    while read -r version; do
      { [ -n "$best" ] && dpkg --compare-versions "$version" lt "$best"; } || best=$version
    done
    echo "$best"
  }
}

fetch() {
  case $1 in
    source) apt-get "${options[@]}" source --download-only "$2=$3" ;;
    binary) apt-get "${options[@]}" download "$2=$3" ;;
  esac > "$work/log" 2>&1
}

cd "$work/packages"
while read -r kind name version; do
  case $kind in source) ;; binary) [[ " ${architectures[*]} " == *" ${name#*:} "* ]] || continue ;; *) continue ;; esac
  offered=$(newest "$kind" "$name")
  [ -z "$renew" ] || version=$offered
  fetch "$kind" "$name" "$version" || {
    [ "$offered" = "$version" ] && stop "$name $version could not be fetched: $(tail -n 3 "$work/log")"
    stop "the lock names $name $version, Debian now offers ${offered:-none}. Read what changed, then write the lock" \
      "anew with deploy/static_tcpdump/build.sh --renew, build, test and commit it."
  }
  [ "$offered" = "$version" ] ||
    echo "static tcpdump: Debian offers $name $offered, newer than $version; consider build.sh --renew." >&2
  echo "$kind $name $version" >> "$work/lock"
done < "$lock"

if [ -n "$renew" ]; then
  { sed -n '/^#/p' "$lock"; cat "$work/lock"; sha256sum -- * | sed 's/^/sha256 /'; } > "$work/renewed"
  cp "$work/renewed" "$lock"
fi

for file in *; do
  want=$(awk -v file="$file" '$1 == "sha256" && $3 == file { print $2 }' "$lock")
  got=$(sha256sum "$file" | cut -d' ' -f1)
  [ "$got" = "$want" ] || stop "$file has the sha256 $got, the lock says ${want:-nothing about it}. Nothing is built." \
    "If Debian did replace it, find out why, then write the lock anew with deploy/static_tcpdump/build.sh --renew."
done

# --- build ---
build() {
  local architecture=$1 machine triplet tree=$work/$1
  case $architecture in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; esac
  triplet=$machine-linux-gnu
  command -v "$triplet-gcc" >/dev/null ||
    stop "$triplet-gcc is missing: apt-get install gcc-${triplet//_/-} linux-libc-dev-$architecture-cross"
  mkdir "$tree" && cd "$tree"
  for source in libpcap tcpdump; do dpkg-source --no-check -x ../packages/${source}_*.dsc $source > log; done
  dpkg-deb -x ../packages/musl-dev_*_"$architecture".deb musl
  sed -E "s#/usr/(include|lib)/$machine-linux-musl#$tree/musl&#g" "musl/usr/lib/$machine-linux-musl/musl-gcc.specs" \
    > musl.specs
  mkdir kernel # the kernel's headers, without the other C library's beside them
  for part in linux asm asm-generic; do
    for folder in "/usr/$triplet/include" "/usr/include/$triplet" /usr/include; do
      [ ! -d "$folder/$part" ] || { ln -s "$folder/$part" kernel/$part; break; }
    done
    [ -e kernel/$part ] || stop "the kernel's headers for $architecture are missing: install linux-libc-dev (-$architecture-cross)."
  done
  export SOURCE_DATE_EPOCH CC="$triplet-gcc -specs=$tree/musl.specs" PKG_CONFIG=false
  SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l tcpdump/debian/changelog -S Timestamp)
  local flags=(-Os -fno-pie -fstack-protector-strong -ffunction-sections -fdata-sections -D_FILE_OFFSET_BITS=64
    "-ffile-prefix-map=$tree=." -idirafter "$tree/kernel")
  export CFLAGS="${flags[*]}" LDFLAGS="-static -no-pie -Wl,--gc-sections,--build-id=none,-z,relro,-z,now"
  local objects=(capture_only.o ascii_strcasecmp.o bpf_dump.o machdep.o netdissect.o netdissect-alloc.o util-print.o)
  local host=("--build=$(dpkg-architecture -qDEB_BUILD_GNU_TYPE)" "--host=$triplet")
  (
    cd libpcap
    ./configure "${host[@]}" --with-pcap=linux --disable-shared --disable-usb --disable-netmap --disable-bluetooth \
      --disable-dbus --disable-rdma --without-libnl --without-dag --without-septel --without-snf \
      --without-turbocap --without-dpdk
    make -j2 libpcap.a
  ) >> log 2>&1 || stop "building libpcap for $architecture failed: $(grep -iE "error|undefined|rule" log | tail -n 3)"
  cp "$here/capture_only.c" tcpdump/
  (
    cd tcpdump
    ./configure "${host[@]}" --without-smi --without-crypto --without-cap-ng
    make -j2 tcpdump LIBNETDISSECT_OBJ="${objects[*]}"
  ) >> log 2>&1 || stop "building tcpdump for $architecture failed: $(grep -iE "error|undefined|rule" log | tail -n 3)"
  "$triplet-strip" tcpdump/tcpdump
  install -m 0755 tcpdump/tcpdump "$out/.tcpdump-$architecture" && mv "$out/.tcpdump-$architecture" "$out/tcpdump-$architecture"
  for part in tcpdump/LICENSE libpcap/LICENSE musl/usr/share/doc/musl-dev/copyright; do
    printf '=== %s ===\n\n' "${part%%/*}"; cat "$part"; echo
  done > "$out/tcpdump-LICENSES"
}

for architecture in "${architectures[@]}"; do
  (build "$architecture")
  echo "static tcpdump: $out/tcpdump-$architecture, $(stat -c %s "$out/tcpdump-$architecture") bytes"
  got=$(sha256sum < "$out/tcpdump-$architecture" | cut -d' ' -f1)
  if [ -n "$renew" ]; then echo "built $got  tcpdump-$architecture" >> "$lock"; fi
  # no error: a later gcc of Debian 12 may put the same sources another way
  grep -qx "built $got  tcpdump-$architecture" "$lock" ||
    echo "static tcpdump: tcpdump-$architecture is not byte for byte what the lock records; is the compiler another?" >&2
done
