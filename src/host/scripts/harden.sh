# shellcheck shell=sh
# Steps of `server` that close what need not be open: the way back, secrets, kernel, firewall. sshd and bans are in harden-login.sh.
# They cannot lock anybody out: before a risky step its way back is armed (`hold`), and only a new login takes it away (`let_go`).
#
# /var/lib/slipway/undo/                for root alone
#   script, lock                        harden-undo.sh; held while a step is applied, taken back or confirmed
#   <step>/{armed,before/,was/}         while it is armed: its deadline, the files as they were, what was read of the running state
#   <step>.last/  <step>.result         the same after it was proven or taken back; how it was taken back
# A transient timer of systemd's takes back in time; after a reboot slipway-undo.service does, before firewall and sshd start.
undo=/var/lib/slipway/undo

# changing: nobody takes a step back while it is being applied. The lock goes with the subshell of the step.
changing() {
  exec 7>"$undo/lock"
  flock -w 60 7
}

# hold STEP PATH…: what lies at the paths is saved, and the host will put it back unless `let_go` comes first.
hold() (
  umask 077
  held=$1
  shift
  [ ! -e "$undo/$held/armed" ] || fail 1 "another run has changed this and not proven it yet: run again in $p_undo_seconds s"
  [ -n "${p_undo_b64:-}" ] || fail 1 'the script that takes a step back was not sent'
  mkdir -p "$undo"
  printf '%s' "$p_undo_b64" | base64 -d >"$undo/script.new"
  mv -f "$undo/script.new" "$undo/script"
  rm -rf "$undo/$held.new" "$undo/$held.result"
  mkdir -p "$undo/$held.new/before" "$undo/$held.new/was"
  for path in "$@"; do
    [ -e "$path" ] || continue
    mkdir -p "$undo/$held.new/before${path%/*}"
    cp -a "$path" "$undo/$held.new/before$path"
  done
  save_state_of "$held" "$undo/$held.new/was"
  printf 'boot=%s\nuntil=%s\nseconds=%s\nclient=%s\n' "$(boot)" $(($(uptime_s) + p_undo_seconds)) "$p_undo_seconds" "${p_connection%% *}" >"$undo/$held.new/armed"
  sync "$undo/$held.new/armed" "$undo/script"
  rm -rf "${undo:?}/$held"
  put_file /etc/systemd/system/slipway-undo.service 0644 <<'UNIT'
[Unit]
Description=Takes back what slipway server had not proven when this host went down
DefaultDependencies=no
RequiresMountsFor=/var/lib/slipway
After=local-fs.target
Before=ufw.service ssh.socket ssh.service fail2ban.service network-pre.target

[Service]
Type=oneshot
TimeoutStartSec=90
ExecStart=/bin/sh /var/lib/slipway/undo/script all boot

[Install]
WantedBy=multi-user.target
UNIT
  systemctl --quiet enable slipway-undo.service
  systemctl stop "slipway-undo-$held.timer" "slipway-undo-$held.service" 2>/dev/null || :
  systemctl reset-failed "slipway-undo-$held.timer" "slipway-undo-$held.service" 2>/dev/null || :
  mv "$undo/$held.new" "$undo/$held"
  # Without a timer nothing is armed: what was saved must not be put back at the next start, over what others did meanwhile.
  if ! systemd-run --quiet --collect --unit="slipway-undo-$held" --on-active="${p_undo_seconds}s" --timer-property=AccuracySec=100ms \
    /bin/sh "$undo/script" "$held" timer || ! systemctl is-active --quiet "slipway-undo-$held.timer"; then
    rm -rf "${undo:?}/$held"
    no_boot_unit
    fail 1 'systemd did not take the timer that would take this step back'
  fi
  say "goes back by itself in $p_undo_seconds s, unless a new login proves it"
)

# let_go STEP: it was proven. What was before stays where it is, for whoever wants it back by hand.
let_go() {
  changing
  [ -e "$undo/$1/armed" ] || { say "nothing is armed any more: $(cat "$undo/$1.result" 2>/dev/null || echo 'nobody knows why')"; return 1; }
  rm -rf "$undo/$1.last"
  mv "$undo/$1" "$undo/$1.last"
  systemctl stop "slipway-undo-$1.timer" || :
  no_boot_unit
}
# no_boot_unit: what takes back at the next start goes with the last step that needs it.
no_boot_unit() {
  for left in "$undo"/firewall/armed "$undo"/sshd/armed "$undo"/ban/armed; do if [ -e "$left" ]; then return 0; fi; done
  systemctl --quiet disable slipway-undo.service 2>/dev/null || :
  rm -f /etc/systemd/system/slipway-undo.service
}

take_back() { if [ -f "$undo/script" ]; then sh "$undo/script" "$1" now; else say 'nothing was armed'; fi; }

# settle_unproven: what a run armed that is gone, or still at work, is proven or taken back before this run begins. Comes
# before the lock of the whole script: the other run may need that to confirm.
settle_unproven() {
  for armed in "$undo"/firewall/armed "$undo"/sshd/armed "$undo"/ban/armed; do
    [ -e "$armed" ] || continue
    name=${armed%/armed} name=${name##*/}
    left=0
    if [ "$(sed -n 's/^boot=//p' "$armed")" = "$(boot)" ]; then left=$(($(sed -n 's/^until=//p' "$armed") - $(uptime_s))); fi
    say "line${tab}$name: a run before this one has not proven it; it goes back by itself${left:+ within $((left > 0 ? left : 0)) s}: waiting for that"
    polls=$(((left > 0 ? left : 0) * 5 + 25))
    while [ -e "$armed" ] && [ "$polls" -gt 0 ]; do
      sleep 0.2
      polls=$((polls - 1))
    done
    if [ -e "$armed" ]; then sh "$undo/script" "$name" now | sed "s/^/line$tab/" || :; fi
    say "line${tab}$name: $(cat "$undo/$name.result" 2>/dev/null || echo 'proven by the other run')"
  done
}

# --- secret-modes ---
# secrets: files and folders that hold secrets, and who is let at them although only the owner should.
secrets() {
  {
    find /etc/ssh -maxdepth 1 -type f -name 'ssh_host_*_key' || :
    find /etc/letsencrypt/archive /etc/letsencrypt/accounts /etc/letsencrypt/keys -type f \( -name 'privkey*.pem' -o -name '*_key.json' -o -name '*_key-certbot.pem' \) || :
    find /etc/letsencrypt/archive /etc/letsencrypt/live /etc/letsencrypt/accounts -maxdepth 0 || :
    find "$p_root/shared" -xdev -maxdepth 4 -type f -name '.env*' || :
    find "$p_root/releases" -xdev -mindepth 2 -maxdepth 4 -type f -name '.env*' ! -name '*.example' ! -name '*.sample' || :
    find "$p_root/.slipway/backups" -maxdepth 0 || :
    home=$(getent passwd "$p_user" | cut -d: -f6) || :
    if [ -n "$home" ]; then find "$home/.ssh" "$home/.pgpass" "$home/.my.cnf" "$home/.ssh/authorized_keys" "$home/.ssh/id_rsa" "$home/.ssh/id_ed25519" -maxdepth 0 || :; fi
  } 2>/dev/null | while IFS= read -r path; do
    # Only what is ours to change: a link's own mode says nothing, and other people's files are theirs.
    if [ ! -L "$path" ] && [ -n "$(find "$path" -maxdepth 0 -perm /077 \( -user root -o -user "$p_user" \) 2>/dev/null)" ]; then printf '%s\n' "$path"; fi
  done
}
check_secret_modes() {
  open_secrets=$(secrets)
  if [ -z "$open_secrets" ]; then
    observed='all for their owner alone'
    return 0
  fi
  printf '%s\n' "$open_secrets" | while IFS= read -r path; do
    if [ -d "$path" ]; then closed=700; else closed=600; fi
    printf -- '- %s %s\n+ %s %s\n' "$path" "$(stat -c %a "$path")" "$path" "$closed"
  done
  observed="$(printf '%s\n' "$open_secrets" | wc -l) open to others"
  return 1
}
apply_secret_modes() { secrets | while IFS= read -r path; do chmod go-rwx -- "$path"; done; }

# --- kernel ---
# Value, or `least:most`. rp_filter 2 (loose) is safe with several networks, and a team's 1 is stricter still.
kernel_wanted() {
  cat <<'KEYS'
net.ipv4.conf.all.rp_filter 2 1:2
net.ipv4.conf.default.rp_filter 2 1:2
net.ipv4.tcp_syncookies 1 1:2
net.ipv4.conf.all.accept_redirects 0 0:0
net.ipv4.conf.default.accept_redirects 0 0:0
net.ipv4.conf.all.send_redirects 0 0:0
net.ipv4.conf.default.send_redirects 0 0:0
net.ipv4.conf.all.accept_source_route 0 0:0
net.ipv4.conf.default.accept_source_route 0 0:0
net.ipv4.icmp_echo_ignore_broadcasts 1 1:1
net.ipv6.conf.all.accept_redirects 0 0:0
net.ipv6.conf.default.accept_redirects 0 0:0
net.ipv6.conf.all.accept_source_route 0 -1:0
net.ipv6.conf.default.accept_source_route 0 -1:0
kernel.kptr_restrict 1 1:2
kernel.dmesg_restrict 1 1:1
fs.protected_hardlinks 1 1:1
fs.protected_symlinks 1 1:1
fs.protected_fifos 1 1:2
fs.protected_regular 2 1:2
KEYS
}
kernel_path() { printf '/proc/sys/%s' "$(printf '%s' "$1" | tr . /)"; }
# `-`: a key that this kernel does not have is no error at boot (sysctl.d(5)).
kernel_file() {
  echo '# Written by slipway server.'
  kernel_wanted | while read -r key value _; do printf -- '-%s = %s\n' "$key" "$value"; done
}
check_kernel() {
  kernel_as_wanted=0
  kernel_file >"$work/kernel"
  differs /etc/sysctl.d/60-slipway.conf 0644 <"$work/kernel" || kernel_as_wanted=1
  kernel_wanted >"$work/keys"
  absent='' fixed=''
  while read -r key value range; do
    path=$(kernel_path "$key")
    if [ ! -e "$path" ]; then absent="$absent $key"; continue; fi
    is=$(cat "$path" 2>/dev/null) || { absent="$absent $key"; continue; }
    if [ "$is" -ge "${range%:*}" ] && [ "$is" -le "${range#*:}" ]; then continue; fi
    # A container's kernel belongs to the machine around it.
    if [ ! -w "$path" ]; then fixed="$fixed $key"; continue; fi
    printf -- '- %s = %s\n+ %s = %s\n' "$key" "$is" "$key" "$value"
    kernel_as_wanted=1
  done <"$work/keys"
  observed="as in /etc/sysctl.d/60-slipway.conf${absent:+; not known to this kernel:$absent}${fixed:+; cannot be set from in here (a container?):$fixed}"
  return "$kernel_as_wanted"
}
apply_kernel() {
  kernel_file | put_file /etc/sysctl.d/60-slipway.conf 0644
  kernel_wanted | while read -r key value range; do
    path=$(kernel_path "$key")
    if [ ! -w "$path" ]; then continue; fi
    is=$(cat "$path")
    if [ "$is" -ge "${range%:*}" ] && [ "$is" -le "${range#*:}" ]; then continue; fi
    printf '%s\n' "$value" >"$path" || say "$key could not be set"
  done
}

# --- firewall ---
has_ipv6() { [ -s /proc/net/if_inet6 ] && ip6tables -w 5 -S INPUT >/dev/null 2>&1; }
ssh_ports() {
  {
    # The port on which this very login came in: behind a port map or a jump host it is another than the configured one.
    set -f
    # shellcheck disable=SC2086
    set -- ${p_connection:-}
    set +f
    echo "${4:-}"
    echo "$p_port"
    # With `Match LocalPort` in its files sshd says nothing of itself but to a login.
    { sshd_makes "$p_user" || :; } | sed -n 's/^port //p; s/^listenaddress .*:\([0-9]*\)$/\1/p'
    # Ubuntu lets systemd listen for sshd.
    if systemctl is-active --quiet ssh.socket 2>/dev/null; then systemctl show --property=Listen ssh.socket | sed -n 's/.*[:=]\([0-9]*\) (Stream)$/\1/p'; fi
  } | grep -xE '[0-9]{1,5}' | awk '!seen[$0]++'
}
firewall_ports() {
  {
    ssh_ports | sed 's,$,/tcp,'
    if [ "$p_site" = yes ]; then printf '80/tcp\n443/tcp\n'; fi
    printf '%s\n' "${p_allow:-}" | tr ' ' '\n'
  } | awk 'NF && !seen[$0]++'
}
# The rules as ufw keeps them: "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=…".
# ufw_allows PORT/PROTOCOL FILE: whether anybody may come in there; deny rules before it are found by the login that proves the step.
ufw_allows() {
  awk -v port="${1%/*}" -v protocol="${1#*/}" '
    $1 == "###" && $2 == "tuple" && $4 ~ /^(allow|limit)(_log|_log-all)?$/ && ($5 == protocol || $5 == "any") && ($7 == "0.0.0.0/0" || $7 == "::/0") && $8 == "any" && $9 == $7 {
      incoming = 0
      for (i = 10; i <= NF; i++) if ($i == "in") incoming = 1
      if (!incoming) next
      count = split($6, ports, ",")
      for (i = 1; i <= count; i++) {
        split(ports[i], range, ":")
        if (ports[i] == "any" || ports[i] == port || (range[2] != "" && range[1] + 0 <= port + 0 && port + 0 <= range[2] + 0)) found = 1
      }
    }
    END { exit !found }' "$2" 2>/dev/null
}
allowed() { ufw_allows "$1" /etc/ufw/user.rules && { [ "$2" = no ] || ufw_allows "$1" /etc/ufw/user6.rules; }; }
# What ufw calls our rules: their comment, in hexadecimal.
OURS=536c6970776179
ours() { sed -n "s/^### tuple ### allow \([a-z]*\) \([0-9]*\) 0.0.0.0\/0 any 0.0.0.0\/0 in comment=$OURS\$/\2\/\1/p" /etc/ufw/user.rules 2>/dev/null; }
foreign() {
  sed -n "/comment=$OURS\$/d; s/^### tuple ### \([a-z_:-]*\) \([a-z]*\) \([^ ]*\) [^ ]* [^ ]* \([^ ]*\) .*/\1 \3\/\2 from \4/p" /etc/ufw/user.rules /etc/ufw/user6.rules 2>/dev/null |
    sed 's, from 0\.0\.0\.0/0$,,; s, from ::/0$,,' | awk '!seen[$0]++'
}
# ufw turns a rule of the very same words into ours: said beforehand.
shuts() { grep -qE "^### tuple ### (deny|reject)[a-z_-]* ${1#*/} ${1%/*} (0\.0\.0\.0/0|::/0) any (0\.0\.0\.0/0|::/0) in( |\$)" /etc/ufw/user.rules /etc/ufw/user6.rules 2>/dev/null; }

check_firewall() {
  if systemctl is-active --quiet firewalld.service 2>/dev/null; then
    refused='firewalld is at work here, and two firewalls would undo each other: remove it, or set server.harden.firewall to false'
    return 1
  fi
  for unit in nftables.service netfilter-persistent.service; do
    if systemctl is-enabled --quiet "$unit" 2>/dev/null; then
      refused="$unit loads rules of its own at each start, and two firewalls would undo each other: systemctl disable $unit, or set server.harden.firewall to false"
      return 1
    fi
  done
  if [ -z "${p_connection:-}" ]; then
    refused='sshd does not say on which port this login came in (SSH_CONNECTION), so it could not be kept open'
    return 1
  fi
  if has sshd && ! sshd_makes "$p_user" >/dev/null; then
    refused="sshd does not say on which ports it listens, so they could not be kept open: $(tail -n 1 "$work/sshd-said")"
    return 1
  fi
  firewall_ports >"$work/ports"
  closed=0
  if lacks_packages ufw; then closed=1; fi
  six=no
  if has_ipv6; then six=yes; fi
  while read -r port; do
    if allowed "$port" "$six"; then continue; fi
    if shuts "$port"; then printf -- '- deny %s (a rule of your own)\n' "$port"; fi
    printf '+ allow %s\n' "$port"
    closed=1
  done <"$work/ports"
  for port in $(ours); do
    grep -qxF "$port" "$work/ports" || { printf -- '- allow %s (put there by slipway, no longer asked for)\n' "$port"; closed=1; }
  done
  if [ "$six" = yes ] && ! grep -qx 'IPV6=yes' /etc/default/ufw 2>/dev/null; then
    printf '+ IPv6 as well\n'
    closed=1
  fi
  grep -qxE 'DEFAULT_INPUT_POLICY="?(DROP|REJECT)"?' /etc/default/ufw 2>/dev/null || { printf '+ what is not allowed does not come in\n'; closed=1; }
  if ! ufw_runs; then
    printf -- '- ufw does not run\n+ ufw runs, and at each start\n'
    closed=1
  fi
  kept=$(foreign | tr '\n' ',' | sed 's/,$//; s/,/, /g')
  observed="open: $(tr '\n' ' ' <"$work/ports" | sed 's/ $//')${kept:+; rules of your own stay: $kept}"
  grep -qxE 'DEFAULT_OUTPUT_POLICY="?(DROP|REJECT)"?' /etc/default/ufw 2>/dev/null && observed="$observed; what goes out is denied by a setting of your own"
  if systemctl is-active --quiet docker.service 2>/dev/null; then observed="$observed; ports that Docker publishes are open past ufw: publish on 127.0.0.1 what need not be"; fi
  first=$(asked_first iptables; if [ "$six" = yes ]; then asked_first ip6tables; fi)
  decides=$(printf '%s\n' "$first" | grep -E -m 1 -- '^ip6?tables -A INPUT -j (ACCEPT|DROP|REJECT)( --reject-with [a-z0-9-]+)?$') || decides=''
  if [ -n "$decides" ]; then
    refused="a rule that is not ufw's is asked before its rules and decides all: $decides. Take it away (iptables -D …), and out of what puts it there at each start, or set server.harden.firewall to false"
    return 1
  fi
  if [ -n "$first" ]; then observed="$observed; asked before ufw's rules: $(printf '%s\n' "$first" | tr '\n' ',' | sed 's/,$//; s/,/, /g')"; fi
  return "$closed"
}
# asked_first TOOL: rules for what comes in that the kernel asks before ufw's; those of fail2ban belong there.
asked_first() { "$1" -w 5 -S INPUT 2>/dev/null | sed -n "/-j ufw6\\{0,1\\}-before/q; /-j f2b-/d; s/^-A INPUT/$1 &/p"; }
# Read from the kernel: ufw's own status only reads its files.
ufw_runs() {
  grep -qix 'ENABLED=yes' /etc/ufw/ufw.conf 2>/dev/null && systemctl is-enabled --quiet ufw.service 2>/dev/null || return 1
  iptables -w 5 -S INPUT 2>/dev/null | grep -qx -- '-P INPUT DROP' && iptables -w 5 -S INPUT | grep -qx -- '-A INPUT -j ufw-before-input' && iptables -w 5 -S ufw-before-input 2>/dev/null | grep -q -- '-j ufw-user-input' || return 1
  [ "$six" = no ] || { ip6tables -w 5 -S INPUT 2>/dev/null | grep -qx -- '-P INPUT DROP' && ip6tables -w 5 -S INPUT | grep -qx -- '-A INPUT -j ufw6-before-input' && ip6tables -w 5 -S ufw6-before-input 2>/dev/null | grep -q -- '-j ufw6-user-input'; }
}
arm_firewall() {
  install_packages ufw
  hold firewall /etc/ufw /etc/default/ufw
}
apply_firewall() {
  changing
  six=no
  if has_ipv6; then
    six=yes
    grep -qx 'IPV6=yes' /etc/default/ufw || sed -i 's/^IPV6=.*/IPV6=yes/' /etc/default/ufw
  fi
  firewall_ports >"$work/ports"
  # First what stays open, then the door.
  while read -r port; do
    allowed "$port" "$six" || ufw allow "$port" comment Slipway >/dev/null
  done <"$work/ports"
  for port in $(ours); do
    grep -qxF "$port" "$work/ports" || ufw --force delete allow "$port" >/dev/null
  done
  grep -qxE 'DEFAULT_INPUT_POLICY="?(DROP|REJECT)"?' /etc/default/ufw || ufw default deny incoming >/dev/null
  systemctl --quiet enable ufw.service
  if ufw_runs; then return 0; fi
  # A host that passes packets on (a VPN, containers of another kind) goes on doing so.
  if ! grep -qix 'ENABLED=yes' /etc/ufw/ufw.conf && [ "$(cat /proc/sys/net/ipv4/ip_forward 2>/dev/null)" = 1 ] && iptables -w 5 -S FORWARD | grep -qx -- '-P FORWARD ACCEPT'; then
    ufw default allow routed >/dev/null
  fi
  ufw --force enable
  if ! ufw_runs; then
    # Its files say that it runs, the kernel does not.
    ufw --force disable >/dev/null
    ufw --force enable
  fi
}
disarm_firewall() { let_go firewall; }
undo_firewall() { take_back firewall; }

# save_state_of STEP FOLDER: what of the running state is not in the files.
save_state_of() {
  case $1 in
    firewall)
      systemctl is-enabled ufw.service >"$2/ufw.service.enabled" 2>/dev/null || :
      if ufw status | grep -qx 'Status: active'; then echo yes; else echo no; fi >"$2/active"
      ufw status verbose >"$2/status"
      iptables-save >"$2/iptables"
      ip6tables-save >"$2/ip6tables" 2>/dev/null || :
      ;;
    sshd)
      if systemctl is-active --quiet ssh.service; then echo yes; else echo no; fi >"$2/active"
      sshd -T -C user=root,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22 >"$2/effective"
      ;;
    ban)
      systemctl is-enabled fail2ban.service >"$2/fail2ban.service.enabled" 2>/dev/null || :
      if systemctl is-active --quiet fail2ban.service; then echo yes; else echo no; fi >"$2/active"
      ;;
  esac
}
