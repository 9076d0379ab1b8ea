# shellcheck shell=sh
# Gives this host a timer of its own for the backups of one database: they are made also when nobody deploys.
#   $1 root  $2 database  $3 apply | plan | look | remove | list (of every database that has a timer; $2 is not read)
# Standard input: parameters; for apply and plan a tar follows with what the timer runs (backup-scheduled.sh and its steps).
# Says of a timer `timer<TAB>MANAGER<TAB>STATE<TAB>NEXT`, how it last ran (`ran<TAB>KEY<TAB>VALUE`), and with job_b64 what of it is
# not as it is to be (`stale<TAB>NAME`: a file of the job, path, or units; at the end none). STATE is active, or why it does not fire: missing,
# disabled (not after the next start), asleep (only while the user is logged in), stopped (cron), or systemd's word.
#   calendar  when, as systemd says it; more than one between `;`      cron  the same in five fields, UTC
#   delay     at most so many seconds later, by chance                 sudo_password
#   job_b64   for look: the sums of what the timer is to run, as sha256sum prints them
# Kept in .slipway/backups/<database>/.schedule/:
#   job/       what the timer runs, with the parameters it needs: secrets too, so all of it is for the owner alone
#   path       the PATH of a login, for the tools it needs             installed  who keeps the timer: user, system or cron
#   ran, log   how the last run ended, and what it said (backup-scheduled.sh)
enter "$1"
database=$2
mode=$3
umask 077
read_parameters
calendar=${p_calendar:-} fields=${p_cron:-}
schedule=$state/backups/$database/.schedule
new=$state/backups/$database/.schedule-new
unit=slipway-backup-$(tr ' ' '-' <"$state/app")-$database

# As in services.sh.
gate=/usr/local/lib/slipway/as-root
by_gate() { [ -x "$gate" ] && [ -z "$1" ] && ! sudo -n -l true >/dev/null 2>&1 && sudo -n -l "$gate" >/dev/null 2>&1; }
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif by_gate "${p_sudo_password:-}"; then
    sudo -n -- "$gate" "$@"
  elif [ -z "${p_sudo_password:-}" ] || sudo -n true 2>/dev/null; then
    sudo -n -- "$@"
  else
    printf '%s\n' "$p_sudo_password" | sudo -k -S -p '' -- "$@"
  fi
}
may_become_root() { [ "$(id -u)" = 0 ] || by_gate "${p_sudo_password:-}" || [ -n "${p_sudo_password:-}" ] || sudo -n true 2>/dev/null; }

# choose_manager: the user's own systemd where it outlives logins, else the system's, else cron.
choose_manager() {
  if [ -d /run/systemd/system ] && [ -e "/var/lib/systemd/linger/$(id -un)" ] && [ -S "/run/user/$(id -u)/systemd/private" ]; then
    printf user
  elif [ -d /run/systemd/system ] && may_become_root; then
    printf system
  elif command -v crontab >/dev/null 2>&1; then
    printf cron
  else
    printf none
  fi
}
systemd_do() {
  if [ "$manager" = user ]; then
    XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)} systemctl --user "$@"
  else
    as_root systemctl "$@"
  fi
}
systemd_tells() {
  if [ "$manager" = user ]; then
    XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)} systemctl --user "$@" 2>/dev/null
  else
    systemctl "$@" 2>/dev/null
  fi
}
unit_folder() { if [ "$manager" = user ]; then printf '%s' "$HOME/.config/systemd/user"; else printf /etc/systemd/system; fi; }

# A word of a unit's command line, and one of a crontab's: there a percent sign ends the command.
unit_word() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g; s/%/%%/g; s/\$/$$/g')"; }
cron_word() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g; s/%/\\\\%/g")"; }

render_units() {
  {
    printf '[Unit]\nDescription=Slipway: backup of %s (%s)\n\n[Service]\nType=oneshot\nNice=10\nUMask=0077\nExecStart=/bin/sh %s %s %s\n' \
      "$database" "$(cat "$state/app")" "$(unit_word "$schedule/job/run")" "$(unit_word "$root")" "$(unit_word "$database")"
    if [ "$manager" = system ]; then printf 'User=%s\n' "$(id -un)"; fi
  } >"$new/$unit.service"
  {
    printf '[Unit]\nDescription=Slipway: backup of %s (%s)\n\n[Timer]\n' "$database" "$(cat "$state/app")"
    printf '%s\n' "$calendar" | tr ';' '\n' | sed 's/^ */OnCalendar=/'
    printf 'Persistent=true\nRandomizedDelaySec=%s\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n' "${p_delay:-120}"
  } >"$new/$unit.timer"
}

# cron keeps the host's time, not UTC: plain hours are moved, anything else is said.
cron_line() {
  plain=$fields
  offset=$(date +%z)
  if [ "$offset" != +0000 ]; then
    fields=$(printf '%s\n' "$plain" | awk -v zone="$offset" '
      $1 ~ /^[0-9]+$/ && $2 ~ /^[0-9]+$/ && $3 == "*" && $4 == "*" && $5 == "*" {
        sign = substr(zone, 1, 1) == "-" ? -1 : 1
        at = ($2 * 60 + $1 + sign * (substr(zone, 2, 2) * 60 + substr(zone, 4, 2)) + 2880) % 1440
        printf "%d %d * * *", at % 60, int(at / 60)
      }')
    if [ -z "$fields" ]; then
      fields=$plain
      printf 'warn\tcron on this host keeps local time (%s): %s is read as such there\n' "$offset" "$plain"
    fi
  fi
  printf '%s /bin/sh %s %s %s >/dev/null # %s\n' "$fields" "$(cron_word "$schedule/job/run")" "$(cron_word "$root")" "$(cron_word "$database")" "$unit" >"$new/cron"
}
crontab_without() { crontab -l 2>/dev/null | grep -v "# $unit\$" || :; }
crontab_line() { crontab -l 2>/dev/null | grep "# $unit\$" || :; }

# receive: what the timer is to run, and all that tells when, in $new; the manager in $manager.
receive() {
  rm -rf "$new"
  trap 'rm -rf "$new"' EXIT
  mkdir -p "$new/job"
  tar -x --no-same-owner --no-same-permissions -C "$new/job" -f - || fail 1 'what the timer is to run did not arrive whole'
  printf '%s\n' "$PATH" >"$new/path"
  manager=$(choose_manager)
  case $manager in
    none) fail 5 "this host has no timer that $(id -un) may use: sudo loginctl enable-linger $(id -un), or install cron" ;;
    cron) cron_line ;;
    *) render_units ;;
  esac
}

# differing: the names of what is not as it is to be. The job's files hold secrets: they are named, never shown.
differing() {
  (cd "$new" && find job path -type f) | while IFS= read -r file; do
    cmp -s "$new/$file" "$schedule/$file" || printf '%s\n' "$file"
  done
  if [ -d "$schedule/job" ]; then
    (cd "$schedule" && find job -type f) | while IFS= read -r file; do [ -e "$new/$file" ] || printf '%s\n' "$file"; done
  fi
}
units_stale() {
  if [ "$manager" = cron ]; then
    [ "$(crontab_line)" != "$(cat "$new/cron")" ]
  else
    ! cmp -s "$new/$unit.service" "$(unit_folder)/$unit.service" || ! cmp -s "$new/$unit.timer" "$(unit_folder)/$unit.timer"
  fi
}
units_differ() { units_stale || [ "$(timer_state)" != active ]; }

timer_state() {
  if [ "$manager" = cron ]; then
    if [ -z "$(crontab_line)" ]; then echo missing; elif cron_runs; then echo active; else echo stopped; fi
    return 0
  fi
  timer_is=$(systemd_tells is-active "$unit.timer") || :
  if [ "$timer_is" != active ]; then
    printf '%s\n' "${timer_is:-missing}"
  elif ! systemd_tells is-enabled --quiet "$unit.timer"; then
    echo disabled
  elif [ "$manager" = user ] && [ ! -e "/var/lib/systemd/linger/$(id -un)" ]; then
    echo asleep
  else
    echo active
  fi
}
cron_runs() {
  grep -qsx -e cron -e crond /proc/[0-9]*/comm && return 0
  for one in cron crond cronie cron.target; do
    if systemctl is-active --quiet "$one" 2>/dev/null; then return 0; fi
  done
  return 1
}

# stale: the names of what the timer runs otherwise than it is to. By sums, so that no secret need be sent for it.
stale() {
  [ -n "${p_job_b64:-}" ] && [ "$manager" != none ] || return 0
  new=$(mktemp -d "${TMPDIR:-/tmp}/slipway-look-XXXXXX") || return 0
  trap 'rm -rf "$new"' EXIT
  printf '%s' "$p_job_b64" | base64 -d | sort >"$new/wanted"
  (cd "$schedule/job" && sha256sum -- *) 2>/dev/null | sort | comm -3 "$new/wanted" - | awk '{ print $2 }' | sort -u
  if [ "$(cat "$schedule/path" 2>/dev/null)" != "$PATH" ]; then echo path; fi
  if [ "$manager" = cron ]; then cron_line >/dev/null; else render_units; fi
  if units_stale; then echo units; fi
  echo none
}

install_units() {
  if [ "$manager" = cron ]; then
    # Read to its end before it is written.
    rest=$(crontab_without)
    { [ -z "$rest" ] || printf '%s\n' "$rest"; cat "$new/cron"; } | crontab - || fail 1 "the crontab of $(id -un) could not be written"
    return 0
  fi
  if [ "$manager" = user ]; then
    mkdir -p "$(unit_folder)" && cp "$new/$unit.service" "$new/$unit.timer" "$(unit_folder)/" || return 1
  else
    as_root install -m 0644 "$new/$unit.service" "$new/$unit.timer" "$(unit_folder)/" || return 1
  fi
  systemd_do daemon-reload && systemd_do enable --quiet "$unit.timer" && systemd_do restart "$unit.timer"
}
remove_units() {
  if [ "$manager" = cron ]; then
    if [ -n "$(crontab_line)" ]; then
      rest=$(crontab_without)
      { [ -z "$rest" ] || printf '%s\n' "$rest"; } | crontab -
    fi
    return 0
  fi
  systemd_do disable --quiet --now "$unit.timer" 2>/dev/null || :
  if [ "$manager" = user ]; then
    rm -f "$(unit_folder)/$unit.service" "$(unit_folder)/$unit.timer"
  else
    as_root rm -f "$(unit_folder)/$unit.service" "$(unit_folder)/$unit.timer" || return 1
  fi
  systemd_do daemon-reload
}

# swap: a run that begins now takes the old job or the new one, never half of each.
swap() {
  mkdir -p "$schedule"
  exec 6>"$schedule/swap"
  flock -w 30 6 || fail 6 "the timer's job is being read for more than 30 s"
  rm -rf "$schedule/job"
  mv "$new/job" "$schedule/job"
  mv "$new/path" "$schedule/path"
  exec 6>&-
}

look() {
  manager=$(cat "$schedule/installed" 2>/dev/null) || manager=none
  case $manager in
    none) printf 'timer\tnone\n' ;;
    cron) printf 'timer\tcron\t%s\t%s\n' "$(timer_state)" "$(crontab_line | cut -d/ -f1)" ;;
    *) printf 'timer\t%s\t%s\t%s\n' "$manager" "$(timer_state)" "$(systemd_tells show --value -p NextElapseUSecRealtime "$unit.timer" || :)" ;;
  esac
  if [ -d "$schedule/.running" ] && flock -n "$schedule/lock" true && [ -d "$schedule/.running" ]; then
    # It has left its folder behind: killed, or the host lost its power.
    printf 'ran\tat\t%s\nran\tresult\tfailed\nran\tstep\t%s\nran\ttext\tit was ended before it was done\n' \
      "$(date -u -d "@$(stat -c %Y "$schedule/.running")" +%Y-%m-%dT%H:%M:%SZ)" "$(sed -n 's/^[-0-9]*T[0-9:]*Z \([a-z0-9-]*\)$/\1/p' "$schedule/log" 2>/dev/null | tail -n 1)"
  elif [ -f "$schedule/ran" ]; then
    sed 's/^/ran\t/' "$schedule/ran"
  fi
}

case $mode in
  apply)
    receive
    before=$(cat "$schedule/installed" 2>/dev/null) || before=
    changed=unchanged
    if [ -n "$(differing)" ]; then
      swap
      changed=changed
    fi
    if units_differ; then
      install_units || fail 1 "the timer $unit could not be installed"
      changed=changed
    fi
    if [ "$before" != "$manager" ]; then
      printf '%s\n' "$manager" >"$schedule/installed"
      if [ -n "$before" ]; then
        now=$manager
        manager=$before
        remove_units || printf 'warn\tthe timer of before could not be removed (%s)\n' "$before"
        manager=$now
      fi
    fi
    printf 'schedule\t%s\n' "$changed"
    look
    ;;
  plan)
    receive
    differing | sed 's/^/renew\t/'
    if units_differ; then
      if [ "$manager" = cron ]; then
        crontab_line >"$new/cron.now"
        diff -u --label crontab --label crontab "$new/cron.now" "$new/cron" | sed 's/^/diff\t/'
      else
        for suffix in service timer; do
          installed=$(unit_folder)/$unit.$suffix
          there=$installed
          [ -f "$there" ] || there=/dev/null
          diff -u --label "$installed" --label "$installed" "$there" "$new/$unit.$suffix" | sed 's/^/diff\t/'
        done
      fi
    fi
    look
    ;;
  look)
    look
    stale | sed 's/^/stale\t/'
    ;;
  list)
    for schedule in "$state"/backups/*/.schedule; do
      [ -d "$schedule" ] || continue
      database=${schedule%/.schedule}
      printf 'scheduled\t%s\n' "${database##*/}"
    done
    ;;
  remove)
    if [ -d "$schedule" ]; then
      manager=$(cat "$schedule/installed" 2>/dev/null) || manager=$(choose_manager)
      [ "$manager" = none ] || remove_units || fail 1 "the timer $unit could not be removed"
      rm -rf "$schedule"
      printf 'schedule\tremoved\n'
    else
      printf 'schedule\tnone\n'
    fi
    ;;
esac
