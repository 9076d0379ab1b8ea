# shellcheck shell=sh
# Runs one command of the team's in a release. Its input stays open while the runner lives:
# end of file means that the runner or the link is gone, and the command is ended with all its children.
#
# $1 root  $2 token  $3 release  $4 folder below the release  $5 command  $6 env file's path  $7 staged: not live yet | live
# $8 the version of the schema that is to be reached, or ''
enter "$1"
own_lease "$2"
release=$3 folder=$4 command=$5 env_path=$6 schema_to=${8:-}
valid_id "$release"
lock 120
if [ "$7" = live ]; then
  [ "$(current_id)" = "$release" ] || fail 3 "release $release is not live any more"
else
  [ "$(current_id)" != "$release" ] || fail 3 "release $release is live: nothing may be written into it"
  # A command may rewrite files in place (compilers do), and a file that is hard-linked is the live release's file too:
  # before the first command the release gets files of its own.
  if [ -n "$(find "releases/$release" -type f -links +1 -print -quit)" ]; then
    rm -rf "$state/staging"
    mkdir -p "$state/staging"
    cp -a --reflink=auto -- "releases/$release" "$state/staging/own"
    rm -rf "releases/$release"
    mv "$state/staging/own" "releases/$release"
    rm -rf "$state/staging"
  fi
fi
cd "releases/$release/$folder" || fail 3 "release $release has no folder '$folder'"
at command-begun

exec 7<&0
# The environment file is read where none of its names can get in the way of ours.
# shellcheck disable=SC1090
(
  as_at_login
  set -- "$root" "$release" "$command" "$root/releases/$release/$env_path" "$schema_to"
  set -a
  if [ -f "$4" ]; then . "$4"; fi
  set +a
  export SLIPWAY_ROOT="$1" SLIPWAY_RELEASE="$2"
  if [ -n "$5" ]; then export SLIPWAY_SCHEMA_TO="$5"; fi
  if command -v bash >/dev/null; then exec setsid bash --norc -euo pipefail -c "$3"; fi
  exec setsid sh -eu -c "$3"
) </dev/null 7<&- 9>&- &
child=$!
# Ends the command with all its children at end of file, or when told to. It stands outside our process group and keeps
# the lock until they are gone, even when this script is killed.
# shellcheck disable=SC2016
setsid sh -c '
  finish() {
    trap "" TERM
    # Nothing but KILL reaches a reader that was just forked.
    kill -s KILL "$reader" 2>/dev/null
    kill -s TERM -- "-$1" 2>/dev/null || kill -s TERM "$1" 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      kill -s 0 -- "-$1" 2>/dev/null || exit 0
      sleep 0.5
    done
    kill -s KILL -- "-$1" 2>/dev/null
    exit 0
  }
  reader=
  trap "finish $1" TERM
  exec 3<&0
  # In the background, since a shell that waits for a command in the foreground does not hear signals.
  cat <&3 3<&- 9<&- >/dev/null &
  reader=$!
  exec 3<&-
  wait "$reader"
  finish "$1"' slipway "$child" <&7 >/dev/null 2>&1 &
watcher=$!
exec 7<&-
finish() { kill -s TERM -- "-$watcher" 2>/dev/null || kill -s TERM "$watcher" 2>/dev/null || :; }
stopped=no again=no
trap 'stopped=yes again=yes; finish' TERM INT
while :; do
  code=0
  wait "$child" || code=$?
  if [ "$again" = no ]; then break; fi
  again=no
done
# What the command left running in the background must not outlive it: it would write into a finished release.
trap '' TERM INT
finish
wait "$watcher" 2>/dev/null || :
kill -s KILL -- "-$child" 2>/dev/null || :
at command-ended
if [ "$stopped" = yes ]; then exit 143; fi
exit "$code"
