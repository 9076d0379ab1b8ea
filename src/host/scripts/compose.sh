# shellcheck shell=sh
# Containers: the functions of the manager compose. Sent behind services.sh.
#
# Each instance of a service is a project of its own, $full: its containers and networks carry that name, and the release's
# real folder in a label. The images a release runs with get a tag of ours beside their names, for as long as the release is
# here: going back then needs neither a build nor a registry, also when their names mean newer images by then.

# docker_do SECONDS COMMAND…: by sudo only where the socket is not ours. Keeps the lock of a script that dies meanwhile: what
# is still being made must not meet the next run. None of these outlives its time limit.
docker_do() (
  own_locale
  set -- timeout --kill-after=10 "$@"
  if [ -w /var/run/docker.sock ] || [ -n "${DOCKER_HOST:-}" ] || grep -qs '"currentContext"' "${HOME:-}/.docker/config.json"; then
    exec "$@" </dev/null
  fi
  as_root "$@" </dev/null
)

# What to run, from the definition: $compose_file $compose_source $compose_archive, in $compose_dir of $compose_release.
compose_read() {
  compose_file='' compose_source=build compose_archive=''
  # shellcheck disable=SC1091
  . "$definition/compose"
  compose_dir=$(cd -P "$base" && pwd -P) || return 1
  compose_release=${compose_dir##*/}
  if [ "$directory" != . ]; then compose_dir=$compose_dir/$directory; fi
  for candidate in compose.yaml compose.yml docker-compose.yaml docker-compose.yml; do
    if [ -z "$compose_file" ] && [ -f "$compose_dir/$candidate" ]; then compose_file=$candidate; fi
  done
  if [ -n "$compose_file" ] && [ -f "$compose_dir/$compose_file" ]; then return 0; fi
  printf 'there is no %s in %s\n' "${compose_file:-compose.yaml}" "$compose_dir" >&2
  return 1
}

# compose_do SECONDS ARGUMENTS…: with the release's environment and the service's own values, as a process would get them.
# Compose puts them where the file says ${NAME}; it shall not read a .env by itself, whose dialect is another one.
compose_do() {
  seconds=$1
  shift
  # shellcheck disable=SC2016
  docker_do "$seconds" sh -c '
    # No name of ours may meet one of the environment files.
    set -- "$PATH" "${HOME:-/}" "${DOCKER_HOST:-}" "$@"
    set -a
    if [ -f "$4/$5" ]; then . "$4/$5"; fi
    if [ -f "$6" ]; then . "$6"; fi
    PATH=$1 HOME=$2 DOCKER_HOST=$3 SLIPWAY_RELEASE=${4##*/}
    set +a
    if [ -z "$3" ]; then unset DOCKER_HOST; fi
    shift 6
    exec docker compose --env-file /dev/null "$@"' \
    slipway "$real_root/releases/$compose_release" "$env_path" "$state/services/$key/env" \
    --project-name "$full" --project-directory "$compose_dir" --file "$compose_dir/$compose_file" "$@"
}

compose_start() {
  compose_read && install_definition || return 1
  # Only its owner: what a build prints may hold more than it should.
  output=$state/logs/$key.compose.log
  (umask 077 && : >"$output") || return 1
  {
    # Everything that takes long comes before the containers are replaced.
    compose_kept || { compose_fetch 9>&- && { compose_keep || :; }; } || return 1
    compose_do "$((health_within + stop_limit + 900))" up --detach --no-build --force-recreate --remove-orphans \
      --timeout "$stop_limit" --wait --wait-timeout "$health_within" || return 1
  } >"$output" 2>&1
  rm -f "$output"
  compose_show '{{or .HostConfig.RestartPolicy.Name "no"}} {{index .Config.Labels "com.docker.compose.service"}}' | sort -u | while IFS=' ' read -r policy which; do
    case $policy in no) say "warn $name: the container $which has no restart policy: after a reboot it does not come back (restart: unless-stopped)" ;; esac
  done
}

compose_fetch() {
  case $compose_source in
    pull) compose_do 1500 pull --quiet ;;
    load) docker_do 1500 docker load --quiet --input "$compose_dir/$compose_archive" ;;
    *) compose_do 1500 build ;;
  esac
}

# The tags of ours: slipway/<app>-<environment>:<service>.<number>.<release>.
compose_repository() { printf 'slipway/%s' "$(tr 'A-Z ' 'a-z-' <"$state/app")"; }

# compose_keep: the images of this release keep a tag until the release goes. What `up` has still to fetch is not among them.
compose_keep() {
  images=$state/manifests/$compose_release/images
  mkdir -p "$images" && : >"$state/images" || return 1
  compose_do 60 config --images >"$images/.new" || return 1
  sort -u "$images/.new" | {
    number=0
    while IFS= read -r image; do
      number=$((number + 1))
      tag=$(compose_repository):$name.$number.$compose_release
      docker_do 30 docker image tag "$image" "$tag" 2>/dev/null || continue
      # Without a name in the file an image is called after the project, and that after the slot.
      case $image in "$full"-*) image=@-${image#"$full"-} ;; esac
      printf '%s %s\n' "$image" "$tag"
    done
  } >"$images/$name"
  rm -f "$images/.new"
}

# compose_kept: the images with which the release ran before get their names again; fails when one is not here any more.
compose_kept() {
  images=$state/manifests/$compose_release/images/$name
  [ -s "$images" ] || return 1
  while IFS=' ' read -r image tag; do
    case $image in @-*) image=$full-${image#@-} ;; esac
    docker_do 30 docker image tag "$tag" "$image" 2>/dev/null || return 1
  done <"$images"
}

# compose_forget: images of releases that are gone lose our tags, and the names that end in the release.
compose_forget() {
  if [ ! -f "$state/images" ]; then return 0; fi
  ours=$(compose_repository)
  docker_do 30 docker image ls --format '{{.Repository}}:{{.Tag}}' --filter "reference=$ours" 2>/dev/null | while IFS= read -r image; do
    gone=${image#"$ours":*.*.}
    if [ -n "$gone" ] && [ ! -d "$state/manifests/$gone" ]; then
      { printf '%s\n' "$image"; docker_do 30 docker image ls --format '{{.Repository}}:{{.Tag}}' --filter "reference=*:$gone" --filter "reference=*/*:$gone"; } |
        while IFS= read -r which; do docker_do 60 docker image rm "$which" >/dev/null 2>&1 || :; done
    fi
  done || :
}

# Without a file: what carries the project's name goes, whatever has become of the release. Volumes stay.
compose_stop() (
  cd / || exit 1
  docker_do "$((5 * stop_limit + 120))" docker compose --project-name "$full" down --remove-orphans --timeout "$stop_limit" >/dev/null 2>&1 || :
)

# compose_show FORMAT: a line for each running container of the project.
compose_show() {
  containers=$(docker_do 30 docker ps --quiet --filter "label=com.docker.compose.project=$full" --filter label=com.docker.compose.oneoff=False 2>/dev/null) || return 0
  [ -n "$containers" ] || return 0
  # shellcheck disable=SC2086
  docker_do 30 docker inspect --format "$1" $containers 2>/dev/null || :
}

# Of a container that waits to be started again it is 0.
compose_pids() { compose_show '{{.State.Pid}}' | grep -E '^[1-9][0-9]*$' | sort -n || :; }
compose_restarts() { compose_show '{{.RestartCount}}' | awk '{ sum += $1 } END { print sum + 0 }'; }
# compose_folder PID: the folder whose compose file the container was made from.
compose_folder() { compose_show '{{.State.Pid}} {{index .Config.Labels "com.docker.compose.project.working_dir"}}' | sed -n "s/^$1 //p"; }
compose_mark() { date +%s >"$state/logs/$key.since"; }
# What the last command said when it failed, without its progress, then what the containers wrote since the mark.
compose_logs() (
  cd / || exit 1
  since=$(cat "$state/logs/$key.since" 2>/dev/null || echo 0)
  if [ -s "$state/logs/$key.compose.log" ]; then
    grep -vE '^ *(Container|Network|Volume) .* (Creating|Created|Recreate|Recreated|Starting|Started|Waiting|Healthy|Stopping|Stopped|Removing|Removed|Running)$|^[[:space:]]*$' "$state/logs/$key.compose.log" | tail -n 15
  fi
  docker_do 30 docker compose --project-name "$full" logs --no-color --tail 25 --since "$since" 2>&1
)
