# shellcheck shell=sh
# Takes back one step of hardening: the host is as it was before the step was applied. Lies on the host, as
# /var/lib/slipway/undo/script, from the first step that was armed; needs nothing else of Slipway's.
#
# $1 step (firewall | sshd | ban), or `all`
# $2 why  timer: nobody proved the step in time   boot: the host went down meanwhile; services are not up yet, files alone matter
#         now: a run asks for it                  hand: a person does; then what was proven long ago is taken back too
# Says what it did; ends with 0 when the host was read back to be as before, 1 when it was not.
undo=/var/lib/slipway/undo
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

has() { command -v "$1" >/dev/null 2>&1; }
was() { cat "$place/was/$1" 2>/dev/null || :; }
wrong() {
  say "not as before: $1"
  verified=no
}

# put_back PATH: what was saved of it is put back, in place; what was not there before is set aside, not deleted.
put_back() {
  saved=$place/before$1
  if [ -d "$saved" ]; then
    mkdir -p "$1"
    (cd "$1" && find . -mindepth 1 ! -type d -print) | while IFS= read -r file; do
      if [ ! -e "$saved/$file" ] && [ ! -L "$saved/$file" ]; then aside "$1/${file#./}"; fi
    done
    (cd "$saved" && find . -mindepth 1 -type d -print) | while IFS= read -r folder; do mkdir -p "$1/$folder" || :; done
    { files_of "$saved"; echo; files_of "$1"; } | awk -F '\t' '
      NF < 2 { there = 1; next }
      there { delete path[$0]; next }
      { path[$0] = $2 }
      END { for (file in path) if (!said[path[file]]++) print path[file] }' | while IFS= read -r file; do put_one "$saved/${file#./}" "$1/${file#./}"; done
  elif [ -e "$saved" ]; then
    cmp -s "$saved" "$1" || put_one "$saved" "$1"
  elif [ -e "$1" ]; then
    aside "$1"
  fi
}
# files_of FOLDER: what lies in it, with mode, owner, target and content: a line each, the path behind a tab.
files_of() { (cd "$1" && find . -mindepth 1 ! -type d -printf '%m %U:%G %l\t%p\n' && find . -type f -exec sha256sum {} + | sed 's/  /\t/'); }
# A full disk must not keep us from going back: what has not changed is left alone, and where a copy finds no room a second name does.
put_one() {
  rm -f "$2.slipway-undo"
  cp -a "$1" "$2.slipway-undo" 2>/dev/null || { rm -f "$2.slipway-undo"; ln -P "$1" "$2.slipway-undo" || :; }
  mv -fT "$2.slipway-undo" "$2" || :
}
aside() {
  if { mkdir -p "$place/aside${1%/*}" && mv -f "$1" "$place/aside${1%/*}/"; } 2>/dev/null; then
    say "set aside: $1, now below $place/aside"
  else
    mv -fT "$1" "$1.slipway-aside" || :
    say "set aside: $1, now $1.slipway-aside"
  fi
}
same() {
  if [ ! -e "$place/before$1" ]; then [ ! -e "$1" ] || wrong "$1"; return 0; fi
  diff -r --no-dereference "$place/before$1" "$1" >/dev/null 2>&1 || wrong "$1"
}

# unit_as_before UNIT: whether it starts at boot.
unit_as_before() {
  case $(was "$1.enabled") in
    enabled) systemctl --quiet enable --no-reload "$1" 2>/dev/null || wrong "$1 is not enabled" ;;
    masked | masked-runtime | static | '') : ;;
    *) systemctl --quiet disable --no-reload "$1" 2>/dev/null || : ;;
  esac
}

# essence: of the rules of the kernel, what matters: no counters, nothing of Docker's or fail2ban's, which change by themselves.
essence() { sed -n -e '/[Dd][Oo][Cc][Kk][Ee][Rr]/d; /f2b-/d; / br-/d' -e 's/ \[[0-9]*:[0-9]*\]$//' -e '/^-A /p; /^:ufw/p; /^:[A-Z]* DROP/p' | sort; }
rules_differ() { [ "$("$1-save" 2>/dev/null | essence)" != "$(essence <"$place/was/$1")" ]; }

# rules_as_before iptables|ip6tables: ufw leaves empty chains and its own policies behind.
rules_as_before() {
  [ -s "$place/was/$1" ] || return 0
  rules_differ "$1" || return 0
  if ! grep -q '^:ufw' "$place/was/$1"; then
    "$1" -w 5 -S 2>/dev/null | sed -n 's/^-A \([A-Z]*\) -j \(ufw[a-z0-9-]*\)$/\1 \2/p' | while read -r chain ours; do "$1" -w 5 -D "$chain" -j "$ours" || :; done
    chains=$("$1" -w 5 -S 2>/dev/null | sed -n 's/^-N \(ufw[a-z0-9-]*\)$/\1/p')
    for chain in $chains; do "$1" -w 5 -F "$chain" || :; done
    for chain in $chains; do "$1" -w 5 -X "$chain" || :; done
  fi
  for chain in INPUT FORWARD OUTPUT; do
    policy=$(sed -n "/^\\*filter/,/^COMMIT/s/^:$chain \\([A-Z]*\\) .*/\\1/p" "$place/was/$1" | head -n 1)
    "$1" -w 5 -P "$chain" "${policy:-ACCEPT}" || :
  done
  # The last resort: all of it as it was, with what others changed since. By hand, long after, that would do more harm than good.
  if rules_differ "$1" && [ "$why" != hand ]; then
    say "$1: the rules of the kernel are put back whole"
    "$1-restore" -w 5 <"$place/was/$1" || :
  fi
  if rules_differ "$1"; then wrong "the rules of $1"; fi
}

undo_firewall() {
  if [ "$why" != boot ] && has ufw; then ufw --force disable >/dev/null 2>&1 || :; fi
  put_back /etc/ufw
  put_back /etc/default/ufw
  unit_as_before ufw.service
  if [ "$why" != boot ]; then
    if [ "$(was active)" = yes ]; then ufw --force enable >/dev/null 2>&1 || wrong 'ufw does not start'; fi
    rules_as_before iptables
    rules_as_before ip6tables
  fi
  same /etc/ufw
  same /etc/default/ufw
}

undo_sshd() {
  put_back /etc/ssh/sshd_config
  put_back /etc/ssh/sshd_config.d
  same /etc/ssh/sshd_config
  same /etc/ssh/sshd_config.d
  [ "$why" != boot ] || return 0
  mkdir -p /run/sshd
  sshd -t || wrong 'sshd does not take its configuration'
  if systemctl is-active --quiet ssh.service; then
    # Where systemd listens for it, a reload may end it: see apply_sshd.
    if systemctl is-active --quiet ssh.socket || ! systemctl reload ssh.service; then systemctl restart ssh.service || wrong 'sshd could not be told'; fi
  elif [ "$(was active)" = yes ]; then
    systemctl restart ssh.service || wrong 'sshd does not run'
  fi
  # Of a login made up: with a `Match LocalPort` in its files sshd says nothing without one. As in save_state_of.
  [ "$(sshd -T -C user=root,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22 2>/dev/null)" = "$(was effective)" ] || wrong 'what sshd makes of its configuration'
}

undo_ban() {
  client=$(field client)
  if [ "$why" != boot ] && [ -n "$client" ]; then fail2ban-client unban "$client" >/dev/null 2>&1 || :; fi
  put_back /etc/fail2ban
  unit_as_before fail2ban.service
  same /etc/fail2ban
  if [ "$(was active)" = yes ]; then
    [ "$why" = boot ] || systemctl restart fail2ban.service || wrong 'fail2ban does not run'
  elif [ "$why" = boot ]; then
    # It may wait for us in the queue already.
    systemctl --no-block stop fail2ban.service || :
  else
    systemctl stop fail2ban.service 2>/dev/null || :
    if systemctl is-active --quiet fail2ban.service; then wrong 'fail2ban still runs'; fi
  fi
}

field() { sed -n "s/^$1=//p" "$place/armed" 2>/dev/null | head -n 1; }

# The unit that takes back at boot goes with the last step that needs it.
no_boot_unit() {
  for left in "$undo"/*/armed; do
    case $left in *.last/armed) continue ;; esac
    if [ -e "$left" ]; then return 0; fi
  done
  systemctl --quiet disable --no-reload slipway-undo.service 2>/dev/null || :
  rm -f /etc/systemd/system/slipway-undo.service
}

take_back() {
  step=$1
  place=$undo/$step
  if [ "$why" = hand ] && [ ! -e "$place/armed" ]; then place=$place.last; fi
  if [ ! -e "$place/armed" ]; then
    if [ ! -e "$undo/$step.result" ]; then say "$step: nothing is armed"; return 0; fi
    say "$step: $(cat "$undo/$step.result")"
    if grep -q '^not as before' "$undo/$step.result"; then return 1; fi
    return 0
  fi
  [ "$why" = timer ] || systemctl stop "slipway-undo-$step.timer" 2>/dev/null || :
  verified=yes
  "undo_$step"
  case $why in
    timer) because="nobody had proven it within $(field seconds) s" ;;
    boot) because='the host went down before it was proven' ;;
    now) because='a run asked for it' ;;
    *) because='by hand' ;;
  esac
  if [ "$verified" = yes ]; then text='as before'; else text='not as before in all'; fi
  printf '%s: taken back at %s, because %s\n' "$text" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$because" >"$undo/$step.result" || :
  if [ "$place" = "$undo/$step" ]; then
    rm -rf "$place.last"
    mv "$place" "$place.last"
  fi
  say "$step: $(cat "$undo/$step.result")"
  [ "$verified" = yes ]
}

why=$2
# Whoever applies the step holds the lock; one that hangs must not keep us from it.
exec 7>"$undo/lock"
flock -w 30 7 || say 'the step is still being applied: taken back none the less'
code=0
case $1 in
  all)
    for armed in "$undo"/*/armed; do
      case $armed in *'*'* | *.last/armed) continue ;; esac
      armed=${armed%/armed}
      take_back "${armed##*/}" || code=1
    done
    ;;
  firewall | sshd | ban) take_back "$1" || code=1 ;;
  *) fail 3 "there is no step '$1' to take back" ;;
esac
no_boot_unit
exit "$code"
