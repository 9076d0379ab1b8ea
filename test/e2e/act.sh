#!/bin/sh
# Builds act (a runner of GitHub's workflows) with the Go toolchain, once, below a cache folder; about a minute of one processor.
# Ends with one line: `act <path>` (exit 0) or `unavailable <reason>` (exit 1).
set -eu
version=v0.2.87

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/slipway-test/act-$version
unavailable() { printf 'unavailable %s\n' "$*"; exit 1; }
if [ -x "$cache/act" ]; then printf 'act %s\n' "$cache/act"; exit 0; fi
command -v go >/dev/null 2>&1 || unavailable 'the Go toolchain is not installed here'
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -x "$cache/act" ]; then
  GOBIN=$cache/bin nice go install "github.com/nektos/act@$version" 2>"$cache/log" || unavailable "act cannot be built (see $cache/log)"
  mv "$cache/bin/act" "$cache/act"
fi
printf 'act %s\n' "$cache/act"
