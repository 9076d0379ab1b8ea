# shellcheck shell=sh
# Steps of `server` that concern who may log in: sshd and bans. Behind harden.sh, which has the way back.

# --- sshd ---
sshd_file() {
  cat <<CONF
# Written by slipway server: of sshd's settings the first that is read counts. See docs/hardening.md.
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitEmptyPasswords no
CONF
  unless_stricter MaxAuthTries "$p_max_auth_tries"
  echo 'X11Forwarding no'
  unless_stricter LoginGraceTime 30
  unless_stricter ClientAliveInterval 300
  unless_stricter ClientAliveCountMax 3
}
# unless_stricter KEY MOST: a smaller number of the team's stays; ours would be read before it, and win. 0 is no limit.
unless_stricter() {
  sshd_reads | while IFS= read -r file; do
    awk -v key="$1" 'tolower($1) == "match" { exit } { gsub(/=/, " ") } tolower($1) == tolower(key) { print $2; exit }' "$file"
  done | head -n 1 | awk -v most="$2" '/^[0-9]+$/ && $1 > 0 && $1 <= most { stricter = 1 } END { exit !stricter }' || printf '%s %s\n' "$1" "$2"
}
# sshd_makes USER: what sshd makes of its files for this user, coming from where this login comes from.
sshd_makes() {
  set -f
  # shellcheck disable=SC2086
  set -- "$1" ${p_connection:-127.0.0.1 0 127.0.0.1 22}
  set +f
  mkdir -p /run/sshd
  sshd -T -C "user=$1,host=$2,addr=$2,laddr=$4,lport=$5" 2>"$work/sshd-said"
}
# sshd_reads: its files in the order in which it reads them, but for ours.
sshd_reads() {
  for file in /etc/ssh/sshd_config.d/*.conf /etc/ssh/sshd_config; do
    if [ -f "$file" ] && [ "$file" != /etc/ssh/sshd_config.d/10-slipway.conf ]; then printf '%s\n' "$file"; fi
  done
}
# set_before_ours KEY VALUE: where another value stands that sshd reads before our file.
set_before_ours() {
  for file in /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf; do
    # Ours may not be there yet.
    if [ ! -f "$file" ] || expr "$file" '>=' /etc/ssh/sshd_config.d/10-slipway.conf >/dev/null; then continue; fi
    # Of the main file what comes before its Include; a Match block speaks of some logins alone.
    awk -v file="$file" -v key="$1" -v value="$2" '
      tolower($1) == "match" || (file == "/etc/ssh/sshd_config" && tolower($1) == "include") { exit }
      { gsub(/=/, " ") }
      tolower($1) == tolower(key) { if (tolower($2) != tolower(value)) print file " line " NR ": " $0; exit }' "$file"
  done | head -n 1
}
where_set() { sshd_reads | while IFS= read -r file; do grep -inE "^[[:space:]]*$1[[:space:]=]" "$file" | sed "s,^\([0-9]*\):[[:space:]]*,$file line \1: ," | head -n 1; done | head -n 1; }

# matches USER PATTERN…: as sshd matches names; `user@host` counts as naming the user, `!` takes out again.
matches() {
  name=$1
  shift
  found=1
  set -f
  for pattern in "$@"; do
    # shellcheck disable=SC2254
    case $pattern in
      !*) case $name in ${pattern#!}) set +f; return 1 ;; esac ;;
      *) case $name in ${pattern%%@*}) found=0 ;; esac ;;
    esac
  done
  set +f
  return "$found"
}
# shut_out USER: says why sshd's files, as they lie there, would not let the user in.
shut_out() {
  made=$(sshd_makes "$1") || { printf 'sshd does not take its own files: %s' "$(tail -n 1 "$work/sshd-said")"; return 0; }
  groups_of=$(id -Gn "$1" 2>/dev/null || :)
  for rule in allowusers denyusers allowgroups denygroups; do
    patterns=$(printf '%s\n' "$made" | sed -n "s/^$rule //p")
    [ -n "$patterns" ] || continue
    hit=no
    names=$1
    case $rule in *groups) names=$groups_of ;; esac
    # shellcheck disable=SC2086
    for name_of in $names; do
      set -f
      if matches "$name_of" $patterns; then hit=yes; fi
      set +f
    done
    case $rule:$hit in
      allow*:no | deny*:yes) printf '%s' "$(where_set "$rule")"; return 0 ;;
    esac
  done
  printf '%s\n' "$made" | grep -qx 'pubkeyauthentication yes' || { printf '%s' "$(where_set pubkeyauthentication)"; return 0; }
  return 1
}

# way_to_root: who becomes root when root itself may not log in: a key, and sudo for everything.
way_to_root() {
  for person in "$p_user" $(printf '%s' "${p_admins_b64:-}" | base64 -d | cut -d ' ' -f 1 | sort -u); do
    home=$(getent passwd "$person" | cut -d: -f6)
    if [ "$person" = root ] || [ -z "$home" ]; then continue; fi
    grep -qE '^[^#]*(ssh-|ecdsa-|sk-)' "$home/.ssh/authorized_keys" 2>/dev/null || continue
    rights=$(sudo -l -U "$person" 2>/dev/null) || continue
    if printf '%s\n' "$rights" | grep -qE '^ *\((ALL|root)( : ALL|:ALL)?\) NOPASSWD: ALL$'; then printf '%s' "$person"; return 0; fi
    # sudo that asks for a password is a way only for who has one.
    if printf '%s\n' "$rights" | grep -qE '^ *\((ALL|root)( : ALL|:ALL)?\) ALL$' && passwd -S "$person" 2>/dev/null | grep -q "^$person P"; then printf '%s' "$person"; return 0; fi
  done
  return 1
}

# unread: a file of sshd's that was changed after sshd last read them. What is in it was never tried: our reload would bring it
# in force, and no way back could tell what was in force before.
unread() {
  systemctl is-active --quiet ssh.service || return 1
  said=$(TZ=UTC systemctl show --value --property=StateChangeTimestamp ssh.service)
  [ -n "$said" ] && read_at=$(date -d "$said" +%s 2>/dev/null) || return 1
  for file in /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf; do
    if [ -f "$file" ] && [ "$(stat -c %Z "$file")" -gt "$read_at" ]; then printf '%s' "$file"; return 0; fi
  done
  return 1
}

# with_passwords: who may log in with a password all the same, by a Match block of the team's.
with_passwords() {
  some=''
  for person in $(passwd -S -a 2>/dev/null | awk '$2 == "P" { print $1 }' | head -n 20); do
    if sshd_makes "$person" 2>/dev/null | grep -qx 'passwordauthentication yes'; then some="$some $person"; fi
  done
  if [ -n "$some" ]; then printf '; but by a Match block these log in with a password:%s' "$some"; fi
}

check_sshd() {
  sshd_as_wanted=0
  sshd_file >"$work/sshd"
  differs /etc/ssh/sshd_config.d/10-slipway.conf 0644 <"$work/sshd" || sshd_as_wanted=1
  if [ "$p_user" = root ]; then
    refused='the deploy user is root, which could not log in any more: give the hosts a user of its own (address: deploy@…)'
    return 1
  fi
  # A plan on a bare host: the steps before this one make the user and its way to root.
  if ! getent passwd "$p_user" >/dev/null && [ "$mode" = plan ]; then
    observed="keys only, no root, at most $p_max_auth_tries tries"
    return 1
  fi
  made=$(sshd_makes "$p_user") || {
    refused="sshd does not take its own files: $(tail -n 1 "$work/sshd-said")"
    return 1
  }
  printf '%s\n' "$made" >"$work/made"
  sshd_makes root 2>/dev/null | sed -n 's/^permitrootlogin /root_may /p' >>"$work/made"
  while read -r key value; do
    case $key in '#'*) continue ;; esac
    low=$(printf '%s' "$key" | tr '[:upper:]' '[:lower:]')
    if [ "$low" = permitrootlogin ]; then is=$(sed -n 's/^root_may //p' "$work/made"); else is=$(sed -n "s/^$low //p" "$work/made"); fi
    [ "$is" != "$value" ] || continue
    first=$(set_before_ours "$key" "$value")
    if [ -n "$first" ]; then
      refused="sshd reads $first before our file, and the first it reads counts: take it out there"
    elif grep -qx "$key $value" /etc/ssh/sshd_config.d/10-slipway.conf 2>/dev/null; then
      # Ours is there, and still another value counts.
      printf -- '- sshd makes of it: %s %s\n+ %s %s\n' "$key" "$is" "$key" "$value"
      refused="$key is $is whatever our file says: a Match block, or no Include of /etc/ssh/sshd_config.d/*.conf at the top of /etc/ssh/sshd_config"
      observed=$refused
    fi
    sshd_as_wanted=1
  done <"$work/sshd"
  [ -z "$refused" ] || return 1
  if [ "$sshd_as_wanted" = 0 ]; then
    observed="keys only, no root, at most $(sed -n 's/^maxauthtries //p' "$work/made") tries$(with_passwords)"
    return 0
  fi
  if ! by=$(way_to_root); then
    [ "$mode" = plan ] || refused="root could not log in any more, and nobody else becomes root: neither $p_user nor an admin has both a key and sudo for everything (server.admins)"
    observed='keys only, no root'
    return 1
  fi
  if reason=$(shut_out "$p_user"); then
    refused="sshd's files would not let $p_user in: $reason. Mend that first; nothing was changed"
    return 1
  fi
  if file=$(unread); then
    refused="$file was changed after sshd last read it, so what it says was never tried: look at it, \`systemctl reload ssh\`, log in anew, then run this again"
    return 1
  fi
  observed="keys only, no root ($by becomes root by sudo), at most $p_max_auth_tries tries"
  return 1
}
arm_sshd() { hold sshd /etc/ssh/sshd_config /etc/ssh/sshd_config.d; }
apply_sshd() {
  changing
  mkdir -p /run/sshd
  sshd_file | put_file /etc/ssh/sshd_config.d/10-slipway.conf 0644
  sshd -t
  # Where systemd listens for it (ssh.socket), sshd may not run yet: then it reads its files when it is started. One that runs is
  # begun anew there, as it may die of a reload: that of Debian 12 cannot bind the port that systemd holds. Sessions go on.
  if systemctl is-active --quiet ssh.service; then
    if systemctl is-active --quiet ssh.socket; then systemctl restart ssh.service; else systemctl reload ssh.service; fi
  fi
}
disarm_sshd() { let_go sshd; }
undo_sshd() { take_back sshd; }

# --- ban ---
# nothing_ignores ADDRESS NETWORK…: whether none of the networks holds the address.
nothing_ignores() {
  has python3 || return 0
  python3 - "$@" <<'PY' 2>/dev/null
import ipaddress, sys
address = ipaddress.ip_address(sys.argv[1])
for network in sys.argv[2:]:
    try:
        if address in ipaddress.ip_network(network, strict=False): sys.exit(1)
    except ValueError:
        pass
PY
}
# Addresses that the team's own files ignore: ours would hide them.
ignored_elsewhere() { for file in /etc/fail2ban/jail.local /etc/fail2ban/jail.d/*; do case $file in */slipway.local) : ;; *) sed -n 's/^ignoreip *= *//p' "$file" 2>/dev/null ;; esac; done; }
# set_elsewhere JAIL KEY: whether a file of the team's has this for the jail or for all: ours would be read after it, and win.
set_elsewhere() {
  for file in /etc/fail2ban/jail.local /etc/fail2ban/jail.d/*; do
    case $file in */slipway.local) continue ;; esac
    if awk -v jail="[$1]" -v key="$2" '/^\[/ { part = $1 } (part == jail || part == "[DEFAULT]") && $0 ~ "^" key "[ \t]*=" { found = 1 } END { exit !found }' "$file" 2>/dev/null; then return 0; fi
  done
  return 1
}
unless_elsewhere() { set_elsewhere "$1" "$2" || printf '%s = %s\n' "$2" "$3"; }
ban_jails() {
  printf 'sshd\n'
  for log in /var/log/nginx/*error.log; do if [ -e "$log" ]; then printf 'nginx-http-auth\n'; break; fi; done
  for log in /var/log/nginx/*access.log; do if [ -e "$log" ]; then printf 'nginx-botsearch\n'; break; fi; done
}
ban_file() {
  ignore="127.0.0.0/8 ::1 ${p_ban_ignore:-}"
  for address in $(ignored_elsewhere); do case " $ignore " in *" $address "*) : ;; *) ignore="$ignore $address" ;; esac; done
  client=${p_connection%% *}
  # Whoever prepares the host is not banned for what it tries.
  # shellcheck disable=SC2086
  if [ -n "$client" ] && nothing_ignores "$client" $ignore; then ignore="$ignore $client"; fi
  # ufw, a step before this one, brings iptables.
  if has iptables || [ "${p_firewall:-}" = yes ]; then action=iptables-multiport every=iptables-allports; else action=nftables-multiport every=nftables-allports; fi
  printf '# Written by slipway server. See docs/hardening.md.\n[DEFAULT]\nignoreip = %s\n' "$(printf '%s' "$ignore" | tr -s ' ' | sed 's/ $//')"
  for jail in $(ban_jails); do
    printf '\n[%s]\nenabled = true\nbanaction = %s\nbanaction_allports = %s\n' "$jail" "$action" "$every"
    unless_elsewhere "$jail" bantime 1h
    unless_elsewhere "$jail" findtime 10m
    if [ "$jail" = sshd ]; then unless_elsewhere sshd maxretry 5; else unless_elsewhere "$jail" maxretry 10; fi
    case $jail in
      sshd) printf 'backend = systemd\nport = %s\n' "$(ssh_ports | tr '\n' ',' | sed 's/,$//')" ;;
      nginx-http-auth) printf 'backend = auto\nport = http,https\nlogpath = /var/log/nginx/*error.log\n' ;;
      nginx-botsearch) printf 'backend = auto\nport = http,https\nlogpath = /var/log/nginx/*access.log\n' ;;
    esac
  done
}
check_ban() {
  ban_as_wanted=0
  if lacks_packages fail2ban python3-systemd; then ban_as_wanted=1; fi
  ban_file >"$work/ban"
  differs /etc/fail2ban/jail.d/slipway.local 0644 <"$work/ban" || ban_as_wanted=1
  unit_on fail2ban.service || ban_as_wanted=1
  if [ "$ban_as_wanted" = 0 ]; then
    for jail in $(ban_jails); do
      fail2ban-client status "$jail" >/dev/null 2>&1 || { printf -- '- jail %s does not run\n+ jail %s runs\n' "$jail" "$jail"; ban_as_wanted=1; }
    done
  fi
  observed="jails: $(ban_jails | tr '\n' ' ' | sed 's/ $//'); never banned: $(sed -n 's/^ignoreip = //p' "$work/ban")"
  return "$ban_as_wanted"
}
arm_ban() {
  if ! has_package fail2ban; then
    # Its package would start it at once, with rules of its own and no way back yet.
    systemctl --quiet --runtime mask fail2ban.service
    trap 'systemctl --quiet --runtime unmask fail2ban.service' EXIT
    install_packages fail2ban
    systemctl --quiet disable fail2ban.service 2>/dev/null || :
  fi
  install_packages python3-systemd
  hold ban /etc/fail2ban
}
apply_ban() {
  changing
  ban_file | put_file /etc/fail2ban/jail.d/slipway.local 0644
  fail2ban-client -t
  systemctl --quiet enable fail2ban.service
  systemctl restart fail2ban.service
  # It answers a moment after it was started.
  polls=50
  until fail2ban-client ping >/dev/null 2>&1 || [ "$polls" = 0 ]; do
    sleep 0.1
    polls=$((polls - 1))
  done
  for jail in $(ban_jails); do
    until fail2ban-client status "$jail" >/dev/null 2>&1 || [ "$polls" = 0 ]; do
      sleep 0.1
      polls=$((polls - 1))
    done
  done
}
disarm_ban() { let_go ban; }
undo_ban() { take_back ban; }
