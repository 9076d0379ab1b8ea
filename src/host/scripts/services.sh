# shellcheck shell=sh
# Services on the host, for activate.sh and status.sh. Sent between lib.sh and the script.
#
# A release's services are described by files the client rendered: manifests/<id>/services/NN-<name>/ holds
#   service   shell assignments (key, name, full, manager, base, directory, health_…), made with the quoting function
#   launch    a script that starts the service in whatever release its base (`current`, or its slot's link) names
#   and what the manager needs: pm2.json, or unit
# NN-<name>@blue and NN-<name>@green are the two instances of a service behind the site: see slots.sh.
# A manager is four functions: <manager>_start, <manager>_stop, <manager>_pids, <manager>_logs.

# Root's steps: the password, when sudo wants one, came as the first line of the script's input. Where `slipway server` left the
# login nothing but its gate (as-root.sh), it is asked: it does what is asked here and nothing else.
gate=/usr/local/lib/slipway/as-root
by_gate() { [ -x "$gate" ] && [ -z "$1" ] && ! sudo -n -l true >/dev/null 2>&1 && sudo -n -l "$gate" >/dev/null 2>&1; }
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@" 9>&-
  elif by_gate "$password"; then
    sudo -n -- "$gate" "$@" 9>&-
  elif [ -z "$password" ] || sudo -n true 2>/dev/null; then
    sudo -n -- "$@" 9>&-
  else
    printf '%s\n' "$password" | sudo -k -S -p '' -- "$@" 9>&-
  fi
}

# load FOLDER: the service's description becomes variables; what the last one set is forgotten.
# shellcheck disable=SC2034
load() {
  key='' name='' slot='' full='' manager='' base='' directory='' scope='system' port='' drain=0 stop_limit=10
  health_kind='' health_path='' health_port='' health_host='' health_status='' health_headers='' health_command=''
  # Without a question to ask, staying alive for some seconds is the proof.
  health_within=60 health_successes=5 health_interval=1 expected_processes=1 env_path=''
  definition=$1
  # shellcheck disable=SC1091
  . "$1/service"
}

# --- pm2 ---------------------------------------------------------------------------------------------------------
# Scripts and folders are given to PM2 by way of `current`, so that each new process starts in the live release
# (PM2 keeps the path it was given; it is the process that resolves the link).
# It hands the environment it is called with on to what it starts.
pm2_do() (
  own_locale
  # A PM2 that hangs must not hold the host for ever; many instances are reloaded one after the other, so the limit is wide.
  exec timeout --kill-after=10 600 pm2 --no-color "$@" </dev/null 9>&-
)

# The processes that live: of one that waits to be started again PM2 still names the last pid.
pm2_pids() {
  pm2_do pid "$full" 2>/dev/null | grep -E '^[1-9][0-9]*$' | while IFS= read -r pid; do
    if [ -d "/proc/$pid" ]; then printf '%s\n' "$pid"; fi
  done || :
}

pm2_start() {
  # In a slot nothing is served yet, and what ran there belongs to another release.
  if [ -z "$slot" ] && [ -n "$(pm2_pids)" ] && cmp -s "$definition/pm2.json" "$state/services/$key/pm2.json"; then
    install_definition || return 1
    if pm2_do reload "$full" >"$state/pm2.out" 2>&1; then return 0; fi
    # PM2 refuses to reload what just crashes and is started again: "Process with pid … already exists".
  fi
  pm2_do delete "$full" >/dev/null 2>&1 || :
  install_definition || return 1
  pm2_do start "$state/services/$key/pm2.json" >"$state/pm2.out" 2>&1 || { tail -n 20 "$state/pm2.out" >&2; return 1; }
}

pm2_stop() { pm2_do delete "$full" >/dev/null 2>&1 || :; }
# Whether what PM2 starts after a reboot has the service in it.
pm2_is_saved() { grep -qsF "\"$full\"" "${PM2_HOME:-$HOME/.pm2}/dump.pm2"; }
pm2_saved() { pm2_do save --force >/dev/null 2>&1 || say "warn pm2 save failed: after a reboot the services may not come back"; }
pm2_restarts() { pm2_do describe "$full" 2>/dev/null | sed -n 's/.*restarts[^0-9]*\([0-9][0-9]*\).*/\1/p' | head -n 1; }
pm2_mark() {
  for log in "$state/logs/$key.out.log" "$state/logs/$key.err.log"; do
    rm -f "$log.mark"
    if [ -f "$log" ]; then wc -c <"$log" >"$log.mark"; fi
  done
}
# What the service wrote since the mark; its errors last, where the eye falls.
pm2_logs() {
  for log in out err; do
    lines=$state/logs/$key.$log.log
    [ -f "$lines" ] || continue
    from=$(cat "$lines.mark" 2>/dev/null) || from=0
    # A log that was cut or rotated meanwhile is new from its beginning.
    if [ "$(wc -c <"$lines")" -lt "${from:-0}" ]; then from=0; fi
    tail -c "+$((${from:-0} + 1))" "$lines" | tail -n 20
  done
}

# --- systemd -----------------------------------------------------------------------------------------------------
systemd_do() {
  if [ "$scope" = user ]; then
    XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)} systemctl --user "$@" 9>&-
  else
    as_root systemctl "$@"
  fi
}
systemd_show() {
  if [ "$scope" = user ]; then
    XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)} systemctl --user show --value -p "$1" "$full.service" 2>/dev/null
  else
    systemctl show --value -p "$1" "$full.service" 2>/dev/null
  fi
}

systemd_start() {
  if [ "$scope" = user ]; then unit=$HOME/.config/systemd/user/$full.service; else unit=/etc/systemd/system/$full.service; fi
  install_definition || return 1
  if ! cmp -s "$definition/unit" "$unit"; then
    if [ "$scope" = user ]; then
      mkdir -p "${unit%/*}"
      cp "$definition/unit" "$unit"
    else
      as_root install -m 0644 "$definition/unit" "$unit" || return 1
    fi
    systemd_do daemon-reload || return 1
  fi
  # A unit that failed too often is refused a start until its counter is cleared.
  systemd_do reset-failed "$full.service" >/dev/null 2>&1 || :
  systemd_do restart "$full.service" || return 1
  systemd_do enable --quiet "$full.service" || return 1
}
systemd_stop() {
  systemd_do disable --quiet --now "$full.service" 2>/dev/null || :
  if [ "$scope" = user ]; then rm -f "$HOME/.config/systemd/user/$full.service"; else as_root rm -f "/etc/systemd/system/$full.service"; fi
  systemd_do daemon-reload || :
}
systemd_pids() { systemd_show MainPID | grep -E '^[1-9][0-9]*$' || :; }
systemd_restarts() { systemd_show NRestarts; }
systemd_mark() { date +%s >"$state/logs/$key.since"; }
systemd_logs() {
  since=$(cat "$state/logs/$key.since" 2>/dev/null || echo 0)
  if [ "$scope" = user ]; then
    # Not `--user -u`: a journal that is kept in memory has no part that belongs to the user.
    journalctl -q --user-unit "$full.service" --since "@$since" -n 60 --no-pager -o cat 2>&1 |
      sed "s/^No journal files were opened due to insufficient permissions.*/(its log cannot be read by $(id -un): sudo usermod -aG systemd-journal $(id -un))/"
  else
    as_root journalctl -u "$full.service" --since "@$since" -n 60 --no-pager -o cat 2>&1
  fi
}

# --- all ---------------------------------------------------------------------------------------------------------
# What starts the service has a stable place, outside the releases; each file is replaced in one rename, so that a
# service that restarts at this very moment finds the old one or the new one.
install_definition() {
  installed=$state/services/$key
  mkdir -p "$installed" || return 1
  for file in "$definition"/*; do
    cp "$file" "$installed/.new" || return 1
    mv -T "$installed/.new" "$installed/${file##*/}" || return 1
  done
}

# cwd_of PID: the folder a process really works in, or nothing when it may not be seen.
cwd_of() { readlink "/proc/$1/cwd" 2>/dev/null || as_root readlink "/proc/$1/cwd" 2>/dev/null || :; }

# works_in RELEASE PID: sets $seen_in; what cannot be seen is no proof against it.
works_in() {
  if [ "$manager" = compose ]; then seen_in=$(compose_folder "$2"); else seen_in=$(cwd_of "$2"); fi
  case $seen_in in
    "$real_root/releases/$1" | "$real_root/releases/$1"/*) return 0 ;;
    "$real_root/releases"/*) return 1 ;;
    *) say "note $name: process $2 works in '${seen_in:-unknown}', so its release cannot be read back" ;;
  esac
}

# Prints the answer's status code, or 000. Asked on the host itself, with the public name and scheme in the headers,
# by curl when it is there, else by bash.
http_status() {
  if command -v curl >/dev/null; then
    {
      printf 'http://localhost:%s%s\n' "$health_port" "$health_path" | sed 's/[\\"]/\\&/g; s/.*/url = "&"/'
      printf 'Host: %s\nX-Forwarded-Host: %s\nX-Forwarded-Proto: https\n%s' "$health_host" "$health_host" "$health_headers" |
        sed 's/[\\"]/\\&/g; s/.*/header = "&"/'
    } | curl -q --silent --globoff --output /dev/null --noproxy '*' --max-time 5 --write-out '%{http_code}' --config - 2>/dev/null || :
  else
    # shellcheck disable=SC2016
    bash -c 'exec 3<>"/dev/tcp/localhost/$1" || exit 0
      printf "GET %s HTTP/1.0\r\nHost: %s\r\nX-Forwarded-Host: %s\r\nX-Forwarded-Proto: https\r\n" "$2" "$3" "$3" >&3
      printf "%s" "$4" | while IFS= read -r header; do printf "%s\r\n" "$header" >&3; done
      printf "Connection: close\r\n\r\n" >&3
      IFS=" " read -r -t 5 _ status _ <&3 && printf "%s" "$status"' slipway "$health_port" "$health_path" "$health_host" "$health_headers" 2>/dev/null || :
  fi
}

# The team's own question, in the folder and with the environment of the service.
ask_command() (
  cd "$base/$directory" || exit 1
  as_at_login
  set -- "$base/$env_path" "$definition/env" "$health_command" "$(basename "$(readlink "$base")")"
  set -a
  # shellcheck disable=SC1090
  if [ -n "$env_path" ] && [ -r "$1" ]; then . "$1"; fi
  # shellcheck disable=SC1090
  if [ -r "$2" ]; then . "$2"; fi
  set +a
  export SLIPWAY_RELEASE="$4"
  if command -v bash >/dev/null; then exec timeout 30 bash --norc -euo pipefail -c "$3"; fi
  exec timeout 30 sh -euc "$3"
)

# One question; sets $observed; succeeds when the answer is the expected one.
ask_health() {
  case $health_kind in
    http)
      observed=$(http_status)
      case " $health_status " in *" ${observed:-000} "*) return 0 ;; esac
      if [ "${observed:-000}" = 000 ]; then observed='no answer'; else observed="HTTP $observed"; fi
      return 1 ;;
    tcp)
      # shellcheck disable=SC2016
      if bash -c 'exec 3<>"/dev/tcp/localhost/$1"' slipway "$health_port" 2>/dev/null; then return 0; fi
      observed='no connection'
      return 1 ;;
    command)
      said=$state/health.$$
      code=0
      ask_command >"$said" 2>&1 </dev/null 9>&- || code=$?
      observed="exit $code: $(tail -n 1 "$said" | head -c 200)"
      rm -f "$said"
      return "$code" ;;
    *) return 0 ;;
  esac
}

# Healthy: N good answers in a row within the limit, by processes that stay the same and work in the release.
await_health() {
  wanted=$1
  started=$(uptime_s)
  row=0 tries=0 observed='' before=''
  while :; do
    tries=$((tries + 1))
    pids=$("${manager}_pids" | tr '\n' ' ')
    if [ -z "$pids" ]; then
      observed='no process' row=0
    elif [ "$(printf '%s' "$pids" | wc -w)" -lt "$expected_processes" ]; then
      observed="$(printf '%s' "$pids" | wc -w) of $expected_processes processes" row=0
    elif [ -n "$before" ] && [ "$pids" != "$before" ]; then
      observed='the process was restarted' row=0
    elif ask_health; then
      row=$((row + 1))
      if [ "$row" -ge "$health_successes" ]; then break; fi
    else
      row=0
    fi
    before=$pids
    if [ "$(($(uptime_s) - started))" -ge "$health_within" ]; then
      say "unhealthy $name after $(($(uptime_s) - started)) s and $tries tries: $observed"
      return 1
    fi
    sleep "$health_interval"
  done
  for pid in $pids; do
    if ! works_in "$wanted" "$pid"; then
      say "unhealthy $name: process $pid still works in $seen_in, not in release $wanted"
      return 1
    fi
  done
  say "healthy $name $(($(uptime_s) - started)) $tries $(printf '%s' "$pids" | wc -w)"
}

# What a person needs to see of a service that failed: its last lines, who holds its port, who holds locks on its files.
show_logs() {
  {
    "${manager}_logs" 2>/dev/null | tail -n 40
    if [ -n "$health_port" ] && command -v ss >/dev/null; then
      ss -ltnpH "sport = :$health_port" 2>/dev/null | sed 's/^/port: /'
    fi
    if command -v lslocks >/dev/null; then
      lslocks --noheadings --output COMMAND,PID,TYPE,PATH 2>/dev/null | grep -F " $root/" | grep -vF "$state/" | head -n 5 | sed 's/^/lock: /'
    fi
  } 2>/dev/null | sed "s/^/log $name /" || :
}
