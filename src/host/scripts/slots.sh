# shellcheck shell=sh
# Slots, the switch and the timer that goes back, for activate.sh, finish.sh, revert.sh and status.sh. Sent behind services.sh.
#
# A service behind the site can run twice: its definitions are services/NN-<name>@blue and …@green, each with a port of its
# own. slots/<slot> → releases/<id> is what runs in a slot. The release that is to be served carries the marker
# .slipway-<slot>, by which nginx finds the slot; it is given to it before anything is started, while nobody looks.

# has_slots RELEASE: whether any of its services runs in slots.
has_slots() {
  for folder in "$state/manifests/${1:-none}/services"/*@blue/; do
    [ -d "$folder" ] && return 0
  done
  return 1
}

# marker_of RELEASE: prints the slot whose marker it carries, or nothing.
marker_of() {
  for marker in blue green; do
    if [ -n "$1" ] && [ -e "releases/$1/.slipway-$marker" ]; then printf '%s' "$marker"; fi
  done
}

# The release whose slot start_slot has brought up.
brought=''
# The services that were started or reloaded by this script.
touched=' '

# slot_for RELEASE: the slot in which it runs or may run: not the live release's, unless it is the live release.
slot_for() {
  own=$(marker_of "$1")
  live=$(current_id)
  if ! has_slots "$1"; then
    printf blue
  elif [ "$1" = "$live" ] && [ -n "$own" ]; then
    printf '%s' "$own"
  else
    taken=$(marker_of "$live")
    if [ -n "$own" ] && [ "$own" != "$taken" ]; then
      printf '%s' "$own"
    elif [ "$taken" = blue ]; then
      printf green
    else
      printf blue
    fi
  fi
}

# mark RELEASE SLOT: only ever for a release that is not live.
mark() {
  [ "$(marker_of "$1")" = "$2" ] && return 0
  rm -f "releases/$1/.slipway-blue" "releases/$1/.slipway-green" && : >"releases/$1/.slipway-$2"
}

slot_release() {
  target=$(readlink "$state/slots/$1" 2>/dev/null) || return 0
  printf '%s' "${target##*/}"
}

# open_connections: those that clients hold to the loaded service.
open_connections() { ss -Htn state established "( sport = :$port )" 2>/dev/null | wc -l; }

# halt [now]: stops the loaded service once its connections have ended, or their time is up. Fails when it still runs.
halt() {
  if [ "${1:-}" != now ] && [ -n "$slot" ] && [ -n "$port" ] && command -v ss >/dev/null; then
    since=$(uptime_s)
    at draining
    while [ "$(open_connections)" -gt 0 ]; do
      if [ "$(($(uptime_s) - since))" -ge "$drain" ]; then
        say "warn $key: $(open_connections) connections were still open after $drain s and were cut"
        break
      fi
      sleep 0.2
    done
  fi
  if [ "$manager" = pm2 ]; then used_pm2=yes; fi
  "${manager}_stop"
  if [ -n "$("${manager}_pids")" ]; then
    say "warn $key could not be stopped: it still runs under $manager"
    return 1
  fi
  say "stopped $key"
}

# retire KEY-FOLDER [now]: ends an installed service for good.
retire() {
  load "${1%/}"
  halt "${2:-}" || :
  rm -rf "${1%/}"
}

# retire_slot SLOT: ends all that runs in it.
retire_slot() {
  for old in "$state/services"/*@"$1"/; do
    if [ -f "${old}service" ]; then retire "$old"; fi
  done
  rm -f "$state/slots/$1"
}

# retire_others RELEASE: ends everything but what RELEASE runs, in the slot whose marker it carries.
retire_others() {
  kept=$(marker_of "$1")
  for old in "$state/services"/*/; do
    [ -f "${old}service" ] || continue
    load "${old%/}"
    wanted=no
    if [ -z "$slot" ] || [ "$slot" = "$kept" ]; then
      for new in "$state/manifests/${1:-none}/services"/[0-9][0-9]-"$key"/; do
        if cmp -s "${new}manager" "${old}manager"; then wanted=yes; fi
      done
    fi
    if [ "$wanted" = no ]; then retire "$old"; fi
  done
  for marker in blue green; do
    if [ -z "$1" ] || [ "$marker" != "$kept" ] || ! has_slots "$1"; then rm -f "$state/slots/$marker"; fi
  done
}

# is_warm RELEASE FOLDER: the service of that definition runs already, in that release, and is healthy.
is_warm() {
  load "$2"
  # What this very script has started for another release may look like this one's.
  case $touched in *" $key "*) return 1 ;; esac
  installed=$state/services/$key
  for file in "$definition"/*; do
    cmp -s "$file" "$installed/${file##*/}" || return 1
  done
  pids=$("${manager}_pids" | tr '\n' ' ')
  [ -n "$pids" ] && [ "$(printf '%s' "$pids" | wc -w)" -ge "$expected_processes" ] || return 1
  for pid in $pids; do
    works_in "$1" "$pid" || return 1
  done
  ask_health
}

# start_one RELEASE FOLDER: starts or reloads one service and waits until it is healthy.
start_one() {
  if is_warm "$1" "$2"; then
    if [ "$manager" = pm2 ] && ! pm2_is_saved; then used_pm2=yes; fi
    say "healthy $name 0 1 $(printf '%s' "$pids" | wc -w)"
    return 0
  fi
  load "$2"
  if [ "$manager" = pm2 ]; then used_pm2=yes; fi
  say "starting $name"
  touched="$touched$key "
  "${manager}_mark" || :
  if ! "${manager}_start"; then
    say "unhealthy $name: it could not be started by $manager"
    show_logs
    return 1
  fi
  at service-started
  await_health "$1" && return 0
  show_logs
  return 1
}

# enter_slot RELEASE SLOT: the slot is the release's, and nothing of another one runs in it.
enter_slot() {
  if [ "$(slot_release "$2")" = "$1" ]; then return 0; fi
  retire_slot "$2"
  mkdir -p "$state/slots" && ln -s "../../releases/$1" "$state/slots/$2"
}

# start_slot RELEASE SLOT: starts its services there, beside whatever is live.
start_slot() {
  enter_slot "$1" "$2" || return 1
  for folder in "$state/manifests/$1/services"/*@"$2"/; do
    if [ -f "${folder}service" ]; then start_one "$1" "${folder%/}" || return 1; fi
  done
  brought=$1
}

# stop_replaced RELEASE: stops what stands in place and RELEASE does not have in place, and what has slots and RELEASE has
# in place: there the two would want the same port.
stop_replaced() {
  for old in "$state/services"/*/; do
    [ -f "${old}service" ] || continue
    load "${old%/}"
    if [ -n "$slot" ]; then
      for new in "$state/manifests/${1:-none}/services"/[0-9][0-9]-"$name"/; do
        if [ -d "$new" ]; then retire "$old" now; fi
      done
      continue
    fi
    stays=no
    # It served until this moment, and is the way back: it goes when its successor is confirmed.
    for new in "$state/manifests/${1:-none}/services"/[0-9][0-9]-"$name"@blue/; do
      if [ -d "$new" ]; then stays=yes; fi
    done
    for new in "$state/manifests/${1:-none}/services"/[0-9][0-9]-"$name"/; do
      if cmp -s "${new}manager" "${old}manager"; then stays=yes; fi
    done
    if [ "$stays" = no ]; then retire "$old"; fi
  done
}

# bring RELEASE SLOT: `current` names it already; every service of it runs and is healthy, in order. Those in the slot are
# passed over when start_slot has just seen to them ($brought).
bring() {
  stop_replaced "$1"
  if [ "$brought" != "$1" ] && has_slots "$1"; then enter_slot "$1" "$2" || return 1; fi
  for folder in "$state/manifests/${1:-none}/services"/*/; do
    [ -f "${folder}service" ] || continue
    case $folder in
      *@"$2"/) if [ "$brought" = "$1" ]; then continue; fi ;;
      *@blue/ | *@green/) continue ;;
    esac
    start_one "$1" "${folder%/}" || return 1
  done
}

point_current() {
  if [ -n "$1" ]; then
    rm -f "$state/current.new"
    # The link is made where it is not seen, with a target that is right where `current` will be, and renamed over it: atomic.
    ln -s "releases/$1" "$state/current.new" || return 1
    mv -T "$state/current.new" "$root/current" || return 1
  else
    rm -f "$root/current" || return 1
  fi
  sync "$root" || :
}

# journal_in RELEASE LINE: the line, with the slot in which the release runs if it has slots.
journal_in() {
  if [ -z "$2" ] || ! has_slots "$1"; then journal "$2"; else journal "${2%\}},\"slot\":\"$(marker_of "$1")\"}"; fi
}

saved() {
  if [ "$used_pm2" = yes ]; then pm2_saved; fi
  used_pm2=no
  rm -f "$state/pm2.out"
}

# --- through nginx -----------------------------------------------------------------------------------------------
# What the site answers on this host: "<slot> <folder of the release>"; nothing when nginx does not answer.
ask_site() {
  (
    host=''
    # shellcheck disable=SC1090,SC1091
    . "$state/manifests/$1/site/info"
    # shellcheck disable=SC2016
    if command -v curl >/dev/null; then
      curl -q --silent --noproxy '*' --max-time 5 --header "Host: $host" http://127.0.0.1/.slipway/slot || :
    else
      bash -c 'exec 3<>/dev/tcp/127.0.0.1/80 || exit 0
        printf "GET /.slipway/slot HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n" "$1" >&3
        timeout 5 sed "1,/^.\{0,1\}$/d" <&3' slipway "$host" || :
    fi
  ) 2>/dev/null | head -c 500
}

# read_back RELEASE SLOT: the slot that answers through nginx is the one of this release.
read_back() {
  [ -f "$state/manifests/$1/site/info" ] || return 0
  tries=0
  while :; do
    answer=$(ask_site "$1")
    case $answer in "$2 $real_root/releases/$1") return 0 ;; esac
    tries=$((tries + 1))
    if [ "$tries" -ge 5 ]; then break; fi
    sleep 0.2
  done
  say "unhealthy site: through nginx answers '$(printf '%s' "$answer" | tr '\n' ' ' | head -c 200)', not $2 of release $1$(site_hint)"
  return 1
}
site_hint() {
  if [ -z "$answer" ]; then
    printf ' (nginx does not answer on 127.0.0.1:80: systemctl status nginx)'
  elif [ "${answer#*<}" != "$answer" ]; then
    printf ' (can nginx read %s? It needs x on every folder above it; or another site took the name)' "$root/current"
  fi
}

# --- confirm or revert -------------------------------------------------------------------------------------------
# revert/armed says what goes back to what, and when; revert/script is all it takes. The timer is the user's own systemd
# where it outlives logins, else the system's, else a process of its own.
timer_name() { printf 'slipway-%s-revert' "$(tr ' ' '-' <"$state/app")"; }
armed_field() { sed -n "s/^$1=//p" "$state/revert/armed" 2>/dev/null | head -n 1; }

# timer_scope: user, system or none.
timer_scope() {
  if [ ! -d /run/systemd/system ]; then
    printf none
  elif [ -e "/var/lib/systemd/linger/$(id -un)" ] && [ -S "/run/user/$(id -u)/systemd/private" ]; then
    printf user
  elif [ "$(id -u)" = 0 ] || [ -n "$password" ] || sudo -n true 2>/dev/null; then
    printf system
  else
    printf none
  fi
}

# The units stay; it is `armed` that makes them do something. After a reboot the time begins anew. A daemon that a manager
# starts meanwhile (PM2's) must outlive the unit: KillMode.
install_timer() {
  unit=$1 folder=$2 wants=$3
  {
    printf '[Unit]\nDescription=Slipway: %s goes back unless confirmed\n\n[Service]\nType=oneshot\nKillMode=process\nExecStart=/bin/sh %s/revert/script %s\n' "$(cat "$state/app")" "$state" "$root"
    if [ "$wants" = system ]; then printf 'User=%s\n' "$(id -un)"; fi
  } >"$state/revert/$unit.service"
  printf '[Unit]\nDescription=Slipway: %s goes back unless confirmed\n\n[Timer]\nOnActiveSec=%s\nAccuracySec=500ms\n\n[Install]\nWantedBy=timers.target\n' \
    "$(cat "$state/app")" "$(armed_field within)" >"$state/revert/$unit.timer"
  if cmp -s "$state/revert/$unit.service" "$folder/$unit.service" && cmp -s "$state/revert/$unit.timer" "$folder/$unit.timer"; then return 0; fi
  scope=$wants
  if [ "$wants" = user ]; then
    mkdir -p "$folder" && cp "$state/revert/$unit.service" "$state/revert/$unit.timer" "$folder/" || return 1
  else
    as_root install -m 0644 "$state/revert/$unit.service" "$state/revert/$unit.timer" "$folder/" || return 1
  fi
  systemd_do daemon-reload && systemd_do enable --quiet "$unit.timer"
}

start_timer() {
  unit=$(timer_name)
  scope=$(timer_scope)
  case $scope in
    user) install_timer "$unit" "$HOME/.config/systemd/user" user && systemd_do restart "$unit.timer" && return 0 ;;
    system) install_timer "$unit" /etc/systemd/system system && systemd_do restart "$unit.timer" && return 0 ;;
  esac
  stop_watcher
  # shellcheck disable=SC2016
  setsid sh -c 'sleep "$1"; exec /bin/sh "$2/revert/script" "$3"' slipway-revert "$(armed_field within)" "$state" "$root" </dev/null >/dev/null 2>&1 9>&- &
  printf '%s %s\n' "$!" "$(boot)" >"$state/revert/watcher"
}
stop_watcher() {
  if [ -f "$state/revert/watcher" ]; then
    read -r watcher since <"$state/revert/watcher" || :
    # Only what is surely ours: the same boot, the same words.
    if [ "${since:-}" = "$(boot)" ] && tr '\0' ' ' <"/proc/${watcher:-0}/cmdline" 2>/dev/null | grep -qF "slipway-revert"; then
      kill -s TERM -- "-$watcher" 2>/dev/null || :
    fi
    rm -f "$state/revert/watcher"
  fi
}

# arm RELEASE TARGET SECONDS: without a confirmation in time this host goes back to TARGET by itself.
arm() {
  if [ -z "$2" ] || [ "$3" = 0 ]; then return 0; fi
  mkdir -p "$state/revert"
  if [ -f "$state/revert/armed" ]; then mv "$state/revert/armed" "$state/revert/before"; fi
  cp "$state/manifests/$1/revert.sh" "$state/revert/script.new" && mv "$state/revert/script.new" "$state/revert/script" &&
    printf 'release=%s\ntarget=%s\nwithin=%s\nboot=%s\nuntil=%s\nexpires=%s\npath=%s\n' "$1" "$2" "$3" "$(boot)" \
      "$(($(uptime_s) + $3))" "$(($(now) + $3))" "$PATH" >"$state/revert/armed.new" && mv "$state/revert/armed.new" "$state/revert/armed" || return 1
  start_timer
}

# disarm: nothing is left that could go back.
disarm() {
  rm -f "$state/revert/held"
  if [ ! -f "$state/revert/armed" ] && [ ! -f "$state/revert/before" ]; then return 0; fi
  rm -f "$state/revert/armed" "$state/revert/before"
  stop_watcher
  scope=$(timer_scope)
  case $scope in user | system) systemd_do stop "$(timer_name).timer" 2>/dev/null || : ;; esac
}

# hold_timer: nothing goes back while services are paused, also by a script that knows of no pause: it looks for `armed`.
hold_timer() {
  if [ ! -f "$state/revert/armed" ]; then return 0; fi
  mv "$state/revert/armed" "$state/revert/held"
  stop_watcher
  scope=$(timer_scope)
  case $scope in user | system) systemd_do stop "$(timer_name).timer" 2>/dev/null || : ;; esac
}

# release_timer: the time of the release that waits for its confirmation begins anew, if it is still the live one.
release_timer() {
  if [ ! -f "$state/revert/held" ]; then return 0; fi
  if [ -f "$state/revert/armed" ]; then
    rm -f "$state/revert/held"
    return 0
  fi
  mv "$state/revert/held" "$state/revert/armed"
  set -- "$(armed_field release)" "$(armed_field target)" "$(armed_field within)"
  rm -f "$state/revert/armed"
  if [ "$(current_id)" = "$1" ]; then arm "$1" "$2" "$3"; fi
}

# arm_as_before: this switch did not happen; what waited for its confirmation before it waits again.
arm_as_before() {
  rm -f "$state/revert/armed"
  if [ -f "$state/revert/before" ]; then
    mv "$state/revert/before" "$state/revert/armed"
    start_timer
  else
    disarm
  fi
}
