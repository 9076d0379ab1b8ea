# shellcheck shell=sh
# Runs one command of the team's in a release that is not live yet. Its input stays open while the runner lives:
# end of file means that the runner or the link is gone, and the command is ended with all its children.
#
# $1 root  $2 token  $3 release  $4 folder below the release  $5 command  $6 env file's path
enter "$1"
own_lease "$2"
release=$3 folder=$4 command=$5 env_path=$6
valid_id "$release"
lock 120
[ "$(current_id)" != "$release" ] || fail 3 "release $release is live: nothing may be written into it"
cd "releases/$release/$folder" || fail 3 "release $release has no folder '$folder'"
if [ -f "$root/releases/$release/$env_path" ]; then
  set -a
  # shellcheck disable=SC1090
  . "$root/releases/$release/$env_path"
  set +a
fi
SLIPWAY_RELEASE=$release SLIPWAY_ROOT=$root
export SLIPWAY_RELEASE SLIPWAY_ROOT

exec 7<&0
if command -v bash >/dev/null; then
  setsid bash -euo pipefail -c "$command" </dev/null 7<&- 9>&- &
else
  setsid sh -eu -c "$command" </dev/null 7<&- 9>&- &
fi
child=$!
end_child() {
  kill -s TERM -- "-$child" 2>/dev/null || return 0
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -s 0 -- "-$child" 2>/dev/null || return 0
    sleep 0.5
  done
  kill -s KILL -- "-$child" 2>/dev/null || :
}
trap 'end_child; exit 143' TERM INT
(
  cat <&7
  kill -s TERM $$
) >/dev/null 2>&1 9>&- &
watcher=$!
code=0
wait "$child" || code=$?
kill -s KILL "$watcher" 2>/dev/null || :
# What the command left running in the background must not outlive it: it would write into a finished release.
end_child
exit "$code"
