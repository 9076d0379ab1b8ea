# shellcheck shell=sh
# Steps of `server` that concern the system itself: packages, time, users, folders, updates, logs.

# --- system: what is wanted of it ---
check_system() {
  observed="$system_name, $(uname -m), $(nproc) processors, $(awk '/^MemTotal/ { printf "%d MB", $2 / 1024 }' /proc/meminfo)"
}

in_container() { systemd-detect-virt --container --quiet 2>/dev/null; }

# one_line: a list on one line.
one_line() { tr '\n' ' ' | sed 's/ *$//'; }

# --- packages: what Slipway's scripts call, and what the team asks for; the names are the same on all four systems ---
wanted_packages() {
  printf '%s\n' bash ca-certificates curl dbus-user-session diffutils age openssl procps iproute2 rsync sudo tzdata util-linux xz-utils zstd
  # shellcheck disable=SC2086
  if [ -n "${p_packages:-}" ]; then printf '%s\n' $p_packages; fi
}
check_packages() {
  # shellcheck disable=SC2046
  if lacks_packages $(wanted_packages); then
    observed="lacking:$lacking"
    return 1
  fi
  observed='all are installed'
}
apply_packages() {
  # shellcheck disable=SC2046
  install_packages $(wanted_packages)
}

# --- time-zone ---
check_time_zone() {
  zone=$(readlink -f /etc/localtime) || zone=''
  zone=${zone#/usr/share/zoneinfo/}
  observed=${zone:-none}
  # Etc/UTC and UTC are links to one file.
  if [ "$zone" = "$p_timezone" ] || cmp -s /etc/localtime "/usr/share/zoneinfo/$p_timezone"; then return 0; fi
  if [ -d /usr/share/zoneinfo ] && [ ! -f "/usr/share/zoneinfo/$p_timezone" ]; then
    refused="this system knows no time zone '$p_timezone' (timedatectl list-timezones)"
  fi
  printf -- '- time zone %s\n+ time zone %s\n' "${zone:-unknown}" "$p_timezone"
  return 1
}
apply_time_zone() {
  ln -sfn "/usr/share/zoneinfo/$p_timezone" /etc/localtime
  printf '%s\n' "$p_timezone" | put_file /etc/timezone 0644
}

# --- time-sync: the daemon that is there, else systemd's own ---
check_time_sync() {
  if in_container; then
    observed='a container: its clock is the machine'"'"'s'
    return 0
  fi
  for unit in chrony chronyd ntpsec ntp openntpd; do
    if systemctl is-active --quiet "$unit.service"; then
      observed="$unit.service"
      return 0
    fi
  done
  observed='systemd-timesyncd'
  if lacks_packages systemd-timesyncd; then return 1; fi
  unit_on systemd-timesyncd.service
}
apply_time_sync() {
  install_packages systemd-timesyncd
  systemctl enable --quiet --now systemd-timesyncd.service
}

# --- people ---
home_of() { getent passwd "$1" | cut -d: -f6; }
group_of() { id -gn "$1"; }
# as_user USER COMMAND…: what lies in somebody's home is read and written as that person: root follows no link laid there.
as_user() {
  person=$1
  shift
  runuser -u "$person" -- "$@"
}
# keys_of PERSON: the keys that are wanted, a line each: type, space, base64.
deploy_keys() { printf '%s' "${p_keys_b64:-}" | base64 -d | awk 'NF >= 2 { key = $1 " " $2; if (!seen[key]++) print key }'; }
admin_keys() { printf '%s' "${p_admins_b64:-}" | base64 -d | awk -v person="$1" '$1 == person { print $2 " " $3 }'; }
admin_names() { printf '%s' "${p_admins_b64:-}" | base64 -d | awk 'NF { print $1 }' | sort -u; }

# lacks_keys PERSON: of the keys on standard input prints those that may not log in yet. A line with options in front counts.
lacks_keys() {
  lines=''
  if id -u "$1" >/dev/null 2>&1; then lines=$(as_user "$1" cat "$(home_of "$1")/.ssh/authorized_keys" 2>/dev/null) || lines=''; fi
  while IFS= read -r key; do
    printf '%s\n' "$lines" | grep -v '^[[:space:]]*#' | grep -qF -e "$key" || printf '%s\n' "$key"
  done
}

# cannot_enter PERSON: what keeps sshd from letting in an account that was there before, whatever its keys; sets `refused`.
cannot_enter() {
  expires=$(getent shadow "$1" | cut -d: -f8) || expires=''
  if [ -n "$expires" ] && [ "$expires" -le $(($(date +%s) / 86400)) ]; then
    refused="the account $1 has expired: chage -E -1 $1, or name another user"
  elif [ ! -d "$home" ]; then
    refused="$1 has no home folder, $home is not there: mkhomedir_helper $1"
  else
    case "$(stat -L -c '%A %G' "$home")" in
      ????????w*) refused="everybody may write to $home, so sshd takes no key of $1: chmod go-w $home" ;;
      ?????w*" $1") return 1 ;; # a group of one's own
      ?????w*) refused="a group may write to $home, so sshd takes no key of $1: chmod g-w $home" ;;
      *) return 1 ;;
    esac
  fi
}

# check_login PERSON KEYS-FILE: the account, its folder for keys, its keys.
check_login() {
  good=0
  if ! id -u "$1" >/dev/null 2>&1; then
    printf '+ user %s, shell /bin/bash, locked password\n' "$1"
    sed "s/^/+ key of $1: /" "$2"
    return 1
  fi
  home=$(home_of "$1")
  if cannot_enter "$1"; then return 1; fi
  shell=$(getent passwd "$1" | cut -d: -f7)
  case $shell in */nologin | */false | '') good=1; printf -- '- shell of %s: %s\n+ shell of %s: /bin/bash\n' "$1" "${shell:-none}" "$1" ;; esac
  if [ "$(passwd -S "$1" 2>/dev/null | cut -d ' ' -f 2)" = NP ]; then
    good=1
    printf -- '- %s has an empty password\n+ %s has a locked password\n' "$1" "$1"
  fi
  if [ "$1" != root ] && [ "$(stat -c '%a %U' "$home/.ssh" 2>/dev/null)" != "700 $1" ]; then
    good=1
    printf -- '- %s %s\n+ %s 700 %s\n' "$home/.ssh" "$(stat -c '%a %U' "$home/.ssh" 2>/dev/null || echo absent)" "$home/.ssh" "$1"
  fi
  if [ "$1" != root ] && [ -e "$home/.ssh/authorized_keys" ] && [ "$(stat -c '%a %U' "$home/.ssh/authorized_keys")" != "600 $1" ]; then
    good=1
    printf -- '- %s %s\n+ %s 600 %s\n' "$home/.ssh/authorized_keys" "$(stat -c '%a %U' "$home/.ssh/authorized_keys")" "$home/.ssh/authorized_keys" "$1"
  fi
  lacks_keys "$1" <"$2" >"$work/lacking-keys"
  if [ -s "$work/lacking-keys" ]; then
    good=1
    sed "s/^/+ key of $1: /" "$work/lacking-keys"
  fi
  return "$good"
}

# make_login PERSON KEYS-FILE
make_login() {
  if ! id -u "$1" >/dev/null 2>&1; then
    # A group of that name may be there already.
    if getent group "$1" >/dev/null; then useradd --create-home --shell /bin/bash --gid "$1" "$1"; else useradd --create-home --shell /bin/bash --user-group "$1"; fi
  fi
  case $(getent passwd "$1" | cut -d: -f7) in */nologin | */false | '') usermod --shell /bin/bash "$1" ;; esac
  if [ "$(passwd -S "$1" | cut -d ' ' -f 2)" = NP ]; then passwd --quiet --lock "$1"; fi
  home=$(home_of "$1")
  lacks_keys "$1" <"$2" >"$work/lacking-keys"
  # shellcheck disable=SC2016
  as_user "$1" sh -c 'umask 077; mkdir -p "$1/.ssh" && chmod 0700 "$1/.ssh" || exit 1
    file=$1/.ssh/authorized_keys
    if [ -s "$file" ] && [ "$(tail -c 1 "$file" | wc -l)" -eq 0 ]; then echo >>"$file"; fi
    touch "$file" && chmod 0600 "$file" && cat >>"$file"' slipway "$home" <"$work/lacking-keys"
}

# --- user ---
check_user() {
  deploy_keys >"$work/keys"
  if ! [ -s "$work/keys" ] && { [ "$p_user" != root ] && ! [ -s "$(home_of "$p_user")/.ssh/authorized_keys" ]; }; then
    refused="no key is known that $p_user could log in with: name one below server.keys (an agent's key is not known to the run)"
    return 1
  fi
  good=0
  check_login "$p_user" "$work/keys" || good=1
  # Without it nobody but root sees what a user's services say.
  if [ "$p_user" != root ] && getent group systemd-journal >/dev/null && ! in_group "$p_user" systemd-journal; then
    good=1
    printf '+ %s in group systemd-journal\n' "$p_user"
  fi
  if [ "$good" = 0 ]; then observed="$p_user, user id $(id -u "$p_user"), with the keys asked for"; else observed="$p_user"; fi
  return "$good"
}
apply_user() {
  deploy_keys >"$work/keys"
  make_login "$p_user" "$work/keys"
  if [ "$p_user" != root ] && getent group systemd-journal >/dev/null; then usermod --append --groups systemd-journal "$p_user"; fi
}
in_group() { id -nG "$1" 2>/dev/null | tr ' ' '\n' | grep -qx "$2"; }

# --- admins: a login of their own, all of sudo; their passwords are locked, so sudo asks for none ---
admin_rules() {
  printf '# Slipway: server.admins in slipway.yml.\n'
  admin_names | sed 's/$/ ALL=(ALL:ALL) NOPASSWD: ALL/'
}
admin_file=/etc/sudoers.d/slipway-admins
check_admins() {
  good=0
  for admin in $(admin_names); do
    admin_keys "$admin" >"$work/keys-$admin"
    check_login "$admin" "$work/keys-$admin" || good=1
  done
  admin_rules | differs "$admin_file" 0440 || good=1
  observed=$(admin_names | one_line)
  return "$good"
}
apply_admins() {
  for admin in $(admin_names); do
    admin_keys "$admin" >"$work/keys-$admin"
    make_login "$admin" "$work/keys-$admin"
  done
  admin_rules | put_rules "$admin_file"
}

# put_rules FILE: rules for sudo, which visudo takes; else nothing is changed.
put_rules() {
  cat >"$work/rules"
  visudo -c -q -f "$work/rules" || fail 1 'visudo does not take the rules; nothing was changed'
  # What was broken before is not ours to judge by.
  whole=no
  if visudo -c -q 2>/dev/null; then whole=yes; fi
  put_file "$1" 0440 <"$work/rules"
  if [ "$whole" = yes ] && ! visudo -c -q; then
    rm -f "$1"
    fail 1 "visudo does not take all rules together, so $1 is gone again"
  fi
}

# --- sudo: all of it, or the gate alone when there are people with a login of their own ---
gate=/usr/local/lib/slipway/as-root
narrow() { [ -n "$(admin_names)" ]; }
sudo_file() { printf '/etc/sudoers.d/slipway-user-%s' "$(printf '%s' "$p_user" | tr '.~' '__')"; }
sudo_rules() {
  if narrow; then
    printf '# Slipway: what as-root lets through, and nothing else; server.admins have all of sudo.\n%s ALL=(root) NOPASSWD: %s\n' "$p_user" "$gate"
  else
    printf '# Slipway: no server.admins in slipway.yml, so the deploy user has all of sudo.\n%s ALL=(ALL:ALL) NOPASSWD: ALL\n' "$p_user"
  fi
}
gate_text() { printf '%s' "$p_gate_b64" | base64 -d; }
gate_facts() { printf '/etc/slipway/as-root.d/%s-%s' "$p_app" "$p_environment"; }
gate_words() {
  printf 'user=%s\napp=%s\nenvironment=%s\nroot=%s\nservice_users=%s\ncertificate=%s\nkey=%s\nca=%s\ndns_authenticate=%s\ndns_clean_up=%s\ndomains=%s\n' \
    "$p_user" "$p_app" "$p_environment" "$p_root" "${p_service_users:-}" "${p_certificate:-}" "${p_key:-}" "${p_ca:-}" "${p_dns_authenticate:-}" "${p_dns_clean_up:-}" "${p_domains:-}"
}
check_sudo() {
  if [ "$p_user" = root ]; then
    observed='the login is root'
    return 0
  fi
  good=0
  sudo_rules | differs "$(sudo_file)" 0440 || good=1
  if narrow; then
    gate_text | differs "$gate" 0755 || good=1
    gate_words | differs "$(gate_facts)" 0644 || good=1
    observed="only $gate"
    if [ "$good" = 0 ]; then
      more=$(sudo -n -l -U "$p_user" 2>/dev/null | sed -n '/may run the following/,$p' | sed 1d | grep -vF "NOPASSWD: $gate" | sed 's/^ *//' | head -n 3 | one_line)
      if [ -n "$more" ]; then observed="$observed; but other rules of this host allow more: $more"; fi
    fi
  else
    observed='all, without a password (there are no server.admins)'
    if [ -e "$admin_file" ]; then
      good=1
      printf -- '- %s (no server.admins any more)\n' "$admin_file"
    fi
    if [ -e "$(gate_facts)" ]; then
      good=1
      printf -- '- %s\n' "$(gate_facts)"
    fi
  fi
  return "$good"
}
apply_sudo() {
  if narrow; then
    gate_words | put_file "$(gate_facts)" 0644
    gate_text | put_file "$gate" 0755
  fi
  sudo_rules | put_rules "$(sudo_file)"
  if ! narrow; then rm -f "$admin_file" "$(gate_facts)"; fi
}

# --- folders ---
# check_folder PATH: belongs to the deploy user; one that does not and holds something is not ours to take.
check_folder() {
  if ! (guard_root "$1") 2>"$work/guard"; then
    refused=$(sed 's/^slipway: //' "$work/guard")
    return 1
  fi
  owner=$(stat -c %U "$1" 2>/dev/null) || owner=''
  if [ -z "$owner" ]; then
    printf '+ folder %s, of %s\n' "$1" "$p_user"
    return 1
  fi
  if [ ! -d "$1" ]; then
    refused="$1 is no folder"
    return 1
  fi
  [ "$owner" != "$p_user" ] || return 0
  if [ -n "$(ls -A "$1")" ]; then
    refused="$1 belongs to $owner and is not empty: give it to $p_user yourself if that is right (chown -R $p_user: $1)"
    return 1
  fi
  printf -- '- folder %s, of %s\n+ folder %s, of %s\n' "$1" "$owner" "$1" "$p_user"
  return 1
}
check_folders() {
  good=0
  # shellcheck disable=SC2086
  for folder in "$p_root" ${p_folders:-}; do check_folder "$folder" || good=1; done
  observed="$p_root${p_folders:+ $p_folders}"
  return "$good"
}
apply_folders() {
  # shellcheck disable=SC2086
  for folder in "$p_root" ${p_folders:-}; do
    if check_folder "$folder" >/dev/null; then continue; fi
    mkdir -p "${folder%/*}"
    install -d -m 0755 -o "$p_user" -g "$(group_of "$p_user")" "$folder"
  done
}

# --- swap: only where there is none ---
check_swap() {
  if [ "$(wc -l </proc/swaps)" -gt 1 ]; then
    observed="has $(awk 'NR > 1 { all += $3 } END { printf "%d MB", all / 1024 }' /proc/swaps) of swap"
    return 0
  fi
  if in_container; then
    observed='a container: its swap is the machine'"'"'s, and nothing was done'
    return 0
  fi
  if [ -e /swapfile ]; then
    refused='there is a /swapfile that is not in use: swapon /swapfile, or remove it'
    return 1
  fi
  room=$(df --output=avail -B1 / | tail -n 1)
  if [ "$room" -lt $((p_swap + 1073741824)) ]; then
    refused="the disk has $((room / 1048576)) MB left: too little for $((p_swap / 1048576)) MB of swap and a GB to spare"
    return 1
  fi
  printf '+ /swapfile, %d MB\n+ /etc/fstab: /swapfile none swap sw 0 0\n' $((p_swap / 1048576))
  return 1
}
apply_swap() {
  # No holes: dd where the file system knows no fallocate.
  (umask 077; fallocate -l "$p_swap" /swapfile 2>/dev/null || dd if=/dev/zero of=/swapfile bs=1M count=$((p_swap / 1048576)) status=none)
  if ! { mkswap /swapfile >/dev/null && swapon /swapfile; }; then
    rm -f /swapfile
    fail 1 'this file system or kernel takes no swap file'
  fi
  grep -qE '^/swapfile[[:space:]]' /etc/fstab || { cat /etc/fstab; printf '/swapfile none swap sw 0 0\n'; } >"$work/fstab"
  if [ -s "$work/fstab" ]; then put_file /etc/fstab 0644 <"$work/fstab"; fi
}

# --- updates: the system's own tool; a file of ours behind its own says what is wanted ---
updates_file=/etc/apt/apt.conf.d/90slipway-updates
updates_text() {
  printf '// Slipway: server.updates in slipway.yml.\nAPT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n'
  # shellcheck disable=SC2016
  case $system_id in
    debian) printf 'Unattended-Upgrade::Origins-Pattern:: "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";\n' ;;
    ubuntu) printf 'Unattended-Upgrade::Allowed-Origins:: "${distro_id}:${distro_codename}-security";\n' ;;
  esac
  if [ -n "${p_reboot_at:-}" ]; then
    printf 'Unattended-Upgrade::Automatic-Reboot "true";\nUnattended-Upgrade::Automatic-Reboot-Time "%s";\n' "$p_reboot_at"
  else
    printf 'Unattended-Upgrade::Automatic-Reboot "false";\n'
  fi
}
check_updates() {
  good=0
  if lacks_packages unattended-upgrades; then good=1; fi
  updates_text | differs "$updates_file" 0644 || good=1
  for unit in apt-daily.timer apt-daily-upgrade.timer; do
    if [ "$(systemctl is-enabled "$unit" 2>/dev/null)" = masked ]; then
      refused="$unit is masked: somebody has switched updates off; systemctl unmask $unit, or server.updates: false"
      return 1
    fi
    unit_on "$unit" || good=1
  done
  if [ "$good" = 0 ] && [ "$(apt-config dump APT::Periodic::Unattended-Upgrade --format '%v')" != 1 ]; then
    good=1
    printf 'another file in /etc/apt/apt.conf.d switches them off\n'
  fi
  observed="daily${p_reboot_at:+, restart at $p_reboot_at when one is needed}"
  return "$good"
}
apply_updates() {
  install_packages unattended-upgrades
  updates_text | put_file "$updates_file" 0644
  systemctl enable --quiet --now apt-daily.timer apt-daily-upgrade.timer
}

# --- journal-limit ---
journal_file=/etc/systemd/journald.conf.d/90-slipway.conf
journal_text() { printf '# Slipway: server.journal-size in slipway.yml.\n[Journal]\nSystemMaxUse=%s\n' "$p_journal_size"; }
check_journal_limit() {
  observed="at most $((p_journal_size / 1000000)) MB"
  journal_text | differs "$journal_file" 0644
}
apply_journal_limit() {
  journal_text | put_file "$journal_file" 0644
  systemctl restart systemd-journald.service
}

# --- linger: the user's own systemd runs without a login: user units, timers that take a release back, backups ---
check_linger() {
  if [ "$p_user" = root ]; then observed='the login is root'; return 0; fi
  if [ -e "/var/lib/systemd/linger/$p_user" ] && systemctl is-active --quiet "user@$(id -u "$p_user").service"; then
    observed="user@$(id -u "$p_user").service runs"
    return 0
  fi
  printf '+ loginctl enable-linger %s\n' "$p_user"
  return 1
}
apply_linger() {
  loginctl enable-linger "$p_user"
  tries=0
  until systemctl is-active --quiet "user@$(id -u "$p_user").service" || [ "$tries" -ge 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
}

# --- log-rotation ---
# nginx's own rule covers all files in its folder, and a file may stand in one rule only: there the number of days is set in the
# system's rule, unless the team has changed that. The app's logs have a rule of ours: copied and cut, as their writers keep them open.
app_rule() { printf '/etc/logrotate.d/slipway-%s-%s' "$p_app" "$p_environment"; }
nginx_rule=/etc/logrotate.d/nginx
rule_text() {
  printf '# Slipway: server.log-days in slipway.yml.\n"%s/.slipway/logs/*.log" {\n    su %s %s\n' "$p_root" "$p_user" "$(group_of "$p_user" 2>/dev/null || printf '%s' "$p_user")"
  printf '    daily\n    maxsize 100M\n    rotate %s\n    maxage %s\n    dateext\n    dateformat -%%Y%%m%%d-%%s\n    missingok\n    notifempty\n    compress\n    delaycompress\n    copytruncate\n}\n' "$p_log_days" "$p_log_days"
}
# untouched FILE: as its package brought it.
untouched() { [ -n "$(dpkg-query --show --showformat='${Conffiles}\n' 2>/dev/null | awk -v file="$1" -v sum="$(md5sum <"$1" | cut -c 1-32)" '$1 == file && $2 == sum')" ]; }
nginx_rule_text() {
  printf '# Slipway: server.log-days in slipway.yml; the rest is the package'"'"'s.\n'
  grep -v '^# Slipway: ' "$nginx_rule" | sed "s/^\([[:space:]]*rotate[[:space:]]\{1,\}\)[0-9]\{1,\}/\1$p_log_days/"
}
check_log_rotation() {
  good=0
  if lacks_packages logrotate; then good=1; fi
  rule_text | differs "$(app_rule)" 0644 || good=1
  observed="$p_log_days days"
  if [ "$p_site" = yes ] && [ -f "$nginx_rule" ]; then
    if grep -q '^# Slipway: ' "$nginx_rule" || untouched "$nginx_rule"; then
      nginx_rule_text | differs "$nginx_rule" 0644 || good=1
    else
      observed="$observed; $nginx_rule was changed by hand and is left as it is"
    fi
  fi
  unit_on logrotate.timer || good=1
  if [ "$good" = 0 ]; then
    logrotate -d "$(app_rule)" >"$work/rotate" 2>&1 || { grep error "$work/rotate"; return 1; }
  fi
  return "$good"
}
apply_log_rotation() {
  install_packages logrotate
  rule_text | put_file "$(app_rule)" 0644
  if [ "$p_site" = yes ] && [ -f "$nginx_rule" ] && { grep -q '^# Slipway: ' "$nginx_rule" || untouched "$nginx_rule"; }; then
    nginx_rule_text >"$work/nginx-rule"
    put_file "$nginx_rule" 0644 <"$work/nginx-rule"
  fi
  systemctl enable --quiet --now logrotate.timer
}
