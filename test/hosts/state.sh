# shellcheck shell=bash disable=SC2034  # read by prepare.sh and cleanup.sh
# What prepare.sh and cleanup.sh agree on: where the state lies and how things are named.
state=${TMPDIR:-/tmp}/slipway-test-hosts-$(id -u)
image_repository=slipway-test-host
container_label=slipway-test

engine_answers() { timeout 10 docker version --format '{{.Server.Version}}' > /dev/null 2>&1; }

# `<pid> <start time>`: a process id alone may belong to somebody else by the time it is read.
process_identity() { printf '%s %s\n' "$1" "$(sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | cut -d ' ' -f 20)"; }
