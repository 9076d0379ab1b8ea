#!/usr/bin/env bash
# Removes what test runs left behind: containers whose owning process is gone.
#
#   cleanup.sh            containers of dead runs
#   cleanup.sh --engine   and the Docker Engine that prepare.sh started (one it found running is left alone)
#   cleanup.sh --images   and the images it built
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=state.sh
. "$here/state.sh"

remove_containers() {
  local id owner
  while read -r id owner; do
    [ -n "$id" ] || continue
    # Not `kill -0`: that fails for another user's living process too.
    [ -d "/proc/$owner" ] || docker rm --force --volumes "$id" > /dev/null
  done < <(docker ps --all --filter "label=$container_label" --format "{{.ID}} {{.Label \"$container_label\"}}")
}

remove_images() {
  docker images --format '{{.Repository}}:{{.Tag}}' | grep "^$image_repository" | while read -r image; do
    docker rmi "$image" > /dev/null
  done
}

stop_engine() {
  local pid recorded _
  [ -e "$state/dockerd.pid" ] || return 0
  recorded=$(cat "$state/dockerd.pid")
  pid=${recorded%% *}
  if [ "$(process_identity "$pid")" = "$recorded" ]; then
    kill "$pid"
    for _ in $(seq 1 60); do
      kill -0 "$pid" 2> /dev/null || break
      sleep 0.5
    done
  fi
  rm -f "$state/dockerd.pid"
}

if engine_answers; then
  remove_containers
fi
for option in "$@"; do
  case $option in
    --images) ! engine_answers || remove_images ;;
    --engine) stop_engine ;;
    *)
      printf 'cleanup.sh: unknown option %s\n' "$option" >&2
      exit 2
      ;;
  esac
done
