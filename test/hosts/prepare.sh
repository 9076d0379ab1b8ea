#!/usr/bin/env bash
# Makes the test hosts available: a Docker Engine that answers, and the host image. Safe to run again and again; `npm test` does.
#
#   prepare.sh           prepares, says what it does on stderr, and ends with one line on stdout:
#                        `image <name>` (exit 0) or `unavailable <reason>` (exit 1)
#   prepare.sh --image   only prints the name of the image these files describe
#   prepare.sh --bare    the same for the bare host (image-bare/), which `prepare.sh` makes too: on a new machine some 3 min more
#
# SLIPWAY_TEST_DEBIAN=trixie makes both of Debian 13 instead of 12; the bare host can then fetch Docker as well.
#
# As root it installs what is missing and starts an engine where none answers (a machine without systemd).
# What it started is recorded in the state folder and ended, by id, by cleanup.sh --engine.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
examples=$here/../../examples
# shellcheck source=state.sh
. "$here/state.sh"

debian=${SLIPWAY_TEST_DEBIAN:-bookworm}
# What stands in a tag for the release; images of the default one have nothing there.
case $debian in
  bookworm) mark='' python=3.11 ;;
  trixie) mark=trixie- python=3.13 ;;
  *)
    printf 'unavailable SLIPWAY_TEST_DEBIAN is bookworm or trixie, not %s\n' "$debian"
    exit 1
    ;;
esac

say() { printf 'hosts: %s\n' "$*" >&2; }

unavailable() {
  printf 'unavailable %s\n' "$*"
  exit 1
}

# The parts an image is made of decide its name, so that it is built anew only when they change.
digest() {
  local file
  for file in "$@"; do
    printf '%s ' "${file#"$here"}"
    sha256sum < "$file"
  done | sha256sum | cut -c 1-12
}

# The packages of the host, a line each: Debian 13 has the command `docker` in a package of its own.
packages() {
  cat "$here/image/packages.txt"
  [ "$debian" = bookworm ] || echo docker-cli
}

# The same of what a bare host can fetch.
repository() {
  cat "$here"/image-bare/{packages,repository}.txt
  [ "$debian" = bookworm ] || printf '%s\n' docker.io docker-cli docker-compose
}

base_name() { printf '%s-base:%s\n' "$image_repository" "$mark$(uname -m)-$(digest "$here/image/packages.txt")"; }

image_name() {
  local files
  mapfile -t files < <(
    find "$here/image" -type f -not -path '*/node_modules/*' | LC_ALL=C sort
    find "$examples" \( -name package.json -o -name package-lock.json -o -name requirements.txt \) \
      -not -path '*/node_modules/*' -not -path '*/.venv/*' | LC_ALL=C sort
  )
  printf '%s:%s\n' "$image_repository" "$mark$(uname -m)-$(digest "${files[@]}")"
}

bare_name() {
  local files
  mapfile -t files < <(find "$here/image-bare" -type f | LC_ALL=C sort)
  printf '%s-bare:%s\n' "$image_repository" "$mark$(uname -m)-$(digest "${files[@]}" "$here"/image/tools/package*.json "$examples/express-sqlite/package-lock.json")"
}

install_missing() {
  local command missing=()
  for command in dockerd:docker.io debootstrap:debootstrap ssh:openssh-client iptables:iptables; do
    type "${command%%:*}" > /dev/null 2>&1 || missing+=("${command#*:}")
  done
  # Elsewhere than on Debian, debootstrap needs Debian's keys to prove what it fetches.
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
  if [ ${#missing[@]} -gt 0 ]; then
    type apt-get > /dev/null 2>&1 || unavailable "missing here, with no apt to install it: ${missing[*]}"
    say "installing ${missing[*]}"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"; } \
      > "$state/apt.log" 2>&1 || unavailable "apt could not install ${missing[*]} (see $state/apt.log)"
  fi
}

# The engine with its own defaults first; then without firewall rules (the ports still reach loopback through the
# userland proxy), then with the storage driver that works on any file system.
start_engine() {
  local options pid _
  for options in '' '--iptables=false --ip6tables=false' '--iptables=false --ip6tables=false --storage-driver=vfs'; do
    say "starting dockerd $options"
    # shellcheck disable=SC2086  # a list of words
    setsid dockerd $options > "$state/dockerd.log" 2>&1 < /dev/null 9>&- &
    pid=$!
    for _ in $(seq 1 60); do
      if engine_answers; then
        process_identity "$pid" > "$state/dockerd.pid"
        return
      fi
      kill -0 "$pid" 2> /dev/null || break
      sleep 0.5
    done
    kill "$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
  done
  unavailable "dockerd does not start (see $state/dockerd.log)"
}

# The machine's own mirror, as apt is set up to use it. Nothing where apt has no Debian: debootstrap knows a default.
mirror() {
  # shellcheck disable=SC2016  # apt's placeholders, not the shell's
  apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 2> /dev/null | sed -n 's/^bookworm //p' | head -n 1
}

apt_proxy() {
  local value=
  eval "$(apt-config shell value "Acquire::$1::Proxy")"
  [ "$value" = DIRECT ] || printf '%s' "$value"
}

use_apt_proxy() {
  local protocol proxy
  for protocol in http https; do
    proxy=$(apt_proxy "$protocol")
    [ -z "$proxy" ] || export "${protocol}_proxy=$proxy"
  done
}

debootstrap_base() {
  local root=$work/root from
  use_apt_proxy
  from=$(mirror)
  debootstrap --variant=minbase --include="$(packages | paste -sd,)" "$debian" "$root" ${from:+"$from"} \
    > "$state/${mark}debootstrap.log" 2>&1 || unavailable "debootstrap failed (see $state/${mark}debootstrap.log)"
  # Without the databases that the packages made: a test makes the server it needs.
  tar --create --directory "$root" --exclude './var/cache/apt/archives/*.deb' --exclude './var/lib/apt/lists/*' \
    --exclude './var/lib/mysql/*' --exclude './var/lib/postgresql/*' --exclude './etc/postgresql/*' . \
    | docker import - "$base" > /dev/null
}

# Sets `base` to the image to build on: a pulled one where a registry can be reached, a debootstrapped one elsewhere.
find_base() {
  base=$(base_name)
  docker image inspect "$base" > /dev/null 2>&1 && return
  if timeout 60 docker pull --quiet "debian:$debian-slim" > /dev/null 2>&1; then
    base=debian:$debian-slim
  elif [ "$(id -u)" = 0 ]; then
    say 'no image can be pulled: debootstrap makes one'
    debootstrap_base
  else
    unavailable 'no base image can be pulled, and only root can debootstrap one'
  fi
}

# Docker Compose 2: Debian 12 has none, but the one of Debian 13 asks for no more than its libc. By apt, which proves it.
fetch_compose() {
  local folder=$work/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg from options
  # On Ubuntu without root, as on GitHub's runner, where sudo asks for nothing.
  if [ ! -e "$keyring" ]; then
    { sudo -n apt-get update && sudo -n apt-get install --yes --no-install-recommends debian-archive-keyring; } >&2
  fi
  from=$(mirror)
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
  printf 'deb [signed-by=%s] %s trixie main\n' "$keyring" "${from:-http://deb.debian.org/debian}" > "$folder/sources.list"
  options=(-o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$folder/lists"
    -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >&2
  (cd "$folder" && apt-get "${options[@]}" download docker-compose) >&2
  dpkg-deb --fsys-tarfile "$folder"/docker-compose_*.deb \
    | tar --extract --to-stdout ./usr/libexec/docker/cli-plugins/docker-compose > "$1/docker-compose"
  chmod 0755 "$1/docker-compose"
}

# Everything that comes from npm, PyPI and Debian, fetched here with this machine's own configuration.
fetch_parts() {
  local context=$1 folder lock
  cp "$here"/image/{Dockerfile,setup.sh} "$context/"
  packages > "$context/packages.txt"
  mkdir -p "$context/tools" "$context/wheels" "$context/npm-cache"
  cp "$here"/image/tools/package*.json "$context/tools/"
  (cd "$context/tools" && npm ci --ignore-scripts --no-audit --no-fund) >&2
  rm -rf "$context"/tools/node_modules/node-linux-*/{include,share}

  # With the very npm of the image: its cache is read back by the same version.
  for lock in "$examples"/*/package-lock.json; do
    folder=$work/npm/$(basename "$(dirname "$lock")")
    mkdir -p "$folder"
    cp "$lock" "$(dirname "$lock")/package.json" "$folder/"
    (cd "$folder" && node "$context/tools/node_modules/npm/bin/npm-cli.js" ci --cache "$context/npm-cache" \
      --ignore-scripts --no-audit --no-fund) >&2
  done
  rm -rf "$context"/npm-cache/_logs "$context"/npm-cache/_update-notifier-last-checked

  for lock in "$examples"/*/requirements.txt; do
    python3 -m pip download --quiet --disable-pip-version-check --dest "$context/wheels" --requirement "$lock" \
      --only-binary=:all: --python-version "$python" --implementation cp --platform "manylinux2014_$(uname -m)" >&2
  done

  fetch_compose "$context"
}

build() {
  local context=$work/context base fetching
  mkdir -p "$context"
  fetch_parts "$context" > "$state/${mark}fetch.log" 2>&1 &
  fetching=$!
  find_base
  wait "$fetching" || unavailable "fetching Node, PM2 and the examples' packages failed (see $state/${mark}fetch.log)"
  # buildx is a plugin of its own, absent beside Debian's docker.io.
  docker buildx version > /dev/null 2>&1 || export DOCKER_BUILDKIT=0
  docker build --tag "$(image_name)" --build-arg "BASE=$base" --build-arg "NPM_REGISTRY=$(npm config get registry 2> /dev/null)" \
    "$context" > "$state/${mark}build.log" 2>&1 || unavailable "docker build failed (see $state/${mark}build.log)"
}

# --- the bare host ---

# fetch_debs FOLDER PACKAGE…: the packages with everything they need, and an index: what apt takes for a repository. By an apt
# that believes nothing to be installed.
fetch_debs() {
  local into=$1 folder=$work/debs from options deb
  shift
  from=$(mirror)
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$into"
  : > "$folder/status"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "${from:-http://deb.debian.org/debian}" "$debian" > "$folder/sources.list"
  options=(-o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$folder/lists"
    -o "Dir::State::status=$folder/status" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root -o Debug::NoLocking=true)
  apt-get "${options[@]}" update
  apt-get "${options[@]}" --yes --no-install-recommends --download-only install "$@"
  mv "$folder"/cache/archives/*.deb "$into/"
  for deb in "$into"/*.deb; do
    dpkg-deb --field "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${deb##*/}" "$(stat -c %s "$deb")" "$(sha256sum < "$deb" | cut -c 1-64)"
  done > "$into/Packages"
}

# fetch_node FOLDER: Node.js as nodejs.org/dist has it, made of the packages of npm; its npm asks nobody, and takes what lies in
# its cache, which is filled here by the very same npm.
fetch_node() {
  local mirror=$1 tools=$work/bare-tools tree version name lock
  mkdir -p "$tools" "$work/bare-app"
  cp "$here"/image/tools/package*.json "$tools/"
  (cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund)
  version=$(node -p 'require(process.argv[1]).version' "$(echo "$tools"/node_modules/node-linux-*/package.json)")
  name=node-v$version-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
  node "$tools/node_modules/npm/bin/npm-cli.js" install --global --prefix "$work/bare-pm2" --cache "$mirror/npm" --ignore-scripts \
    --no-audit --no-fund "pm2@$(node -p 'require(process.argv[1]).version' "$tools/node_modules/pm2/package.json" | cut -d. -f1)"
  for lock in package.json package-lock.json .npmrc; do cp "$examples/express-sqlite/$lock" "$work/bare-app/"; done
  (cd "$work/bare-app" && node "$tools/node_modules/npm/bin/npm-cli.js" ci --cache "$mirror/npm" --ignore-scripts --no-audit --no-fund)
  rm -rf "$mirror"/npm/_logs "$mirror"/npm/_update-notifier-last-checked

  tree=$work/$name
  mkdir -p "$tree/bin" "$tree/lib/node_modules" "$mirror/node/latest-v${version%%.*}.x"
  cp "$tools"/node_modules/node-linux-*/bin/node "$tree/bin/"
  cp -r "$tools/node_modules/npm" "$tree/lib/node_modules/"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$tree/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$tree/bin/npx"
  printf '%s\n' offline=true audit=false fund=false update-notifier=false "registry=$(npm config get registry)" > "$tree/lib/node_modules/npm/npmrc"
  tar --create --xz --owner 0 --group 0 --directory "$work" --file "$mirror/node/latest-v${version%%.*}.x/$name.tar.xz" "$name"
  (cd "$mirror/node/latest-v${version%%.*}.x" && sha256sum ./*.tar.xz | sed 's,\./,,' > SHASUMS256.txt)
}

build_bare() {
  local context=$work/bare base=debian:$debian-slim root=$work/bare-root fetching from
  mkdir -p "$context/mirror"
  cp "$here"/image-bare/{Dockerfile,packages.txt,setup.sh} "$context/"
  # shellcheck disable=SC2046  # a list of words
  { fetch_debs "$context/mirror/debian" $(repository) && fetch_node "$context/mirror"; } > "$state/${mark}bare-fetch.log" 2>&1 &
  fetching=$!
  if ! timeout 60 docker pull --quiet "$base" > /dev/null 2>&1; then
    base=$image_repository-minbase:$debian-$(uname -m)
    if ! docker image inspect "$base" > /dev/null 2>&1; then
      use_apt_proxy
      from=$(mirror)
      debootstrap --variant=minbase "$debian" "$root" ${from:+"$from"} > "$state/${mark}bare-debootstrap.log" 2>&1 || return 1
      tar --create --directory "$root" --exclude './var/cache/apt/archives/*.deb' --exclude './var/lib/apt/lists/*' . | docker import - "$base" > /dev/null
    fi
  fi
  wait "$fetching" || return 1
  docker buildx version > /dev/null 2>&1 || export DOCKER_BUILDKIT=0
  docker build --tag "$(bare_name)" --build-arg "BASE=$base" "$context" > "$state/${mark}bare-build.log" 2>&1
}

case ${1:-} in
  --image) image_name; exit ;;
  --bare) bare_name; exit ;;
esac

[ "$(uname -s)" = Linux ] || unavailable 'the test hosts need Linux'
mkdir -p "$state"
# Two runs at once: the second waits for the first, then finds everything made.
exec 9> "$state/lock"
flock 9

if [ "$(id -u)" = 0 ]; then
  install_missing
  engine_answers || start_engine
fi
engine_answers || unavailable 'no Docker Engine answers, and only root can start one'
# From here on only runs for the same release wait for each other.
exec 9> "$state/lock$mark"
flock 9

if ! docker image inspect "$(image_name)" > /dev/null 2>&1; then
  started=$SECONDS
  say "building $(image_name), once"
  work=$(mktemp -d "$state/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  build
  say "built in $((SECONDS - started)) s"
fi
# Without it the other hosts are there all the same; its tests say that it is missing.
if ! docker image inspect "$(bare_name)" > /dev/null 2>&1; then
  started=$SECONDS
  say "building $(bare_name), once"
  [ -n "${work:-}" ] || work=$(mktemp -d "$state/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  if build_bare; then say "built in $((SECONDS - started)) s"; else say "the bare host could not be built (see $state/${mark}bare-*.log)"; fi
fi
printf 'image %s\n' "$(image_name)"
