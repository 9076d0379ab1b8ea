#!/bin/sh
# Prints what one host is and has, as `key<TAB>value` lines; src/checks/facts.ts reads them.
#
# $1        root folder of the app
# others    questions, one per argument:
#   app=NAME        the app that may own the root folder (the first word of its .slipway/app)
#   probe=no        write nothing, not even for a moment (a plan)
#   path=DIR        a folder put before PATH (~/ is the login's home)
#   tool=NAME       is this command there?
#   feature=yes     do the GNU tools Slipway itself uses behave? (always asked by Slipway)
#   sudo=yes        does `sudo -n` work?
#   env=PATH        where the environment file lies below a release
#   port=N          a port of the app (its holder is named even without ss)
#   reach=HOST:PORT can this be reached over TCP from here (3 s)?
#   monitor=NAME    is this unit or process alive?
#   log=PATH        when did this file (or the newest file in this folder) change?
#   harden=yes      how is the host closed and looked after: firewall, sshd, bans, updates, nginx, logs, PM2 at boot?
#                   What only root may see is asked with `sudo -n`, where the login uses sudo and that asks nothing;
#                   harden=sudo says that it does, as deploys of a site do
#
# Values are one line: a backslash, tab, newline and carriage return in them are written \\ \t \n \r.
# Nothing is changed on the host but one folder made and removed again inside the root.
# The first line is `slipway-preflight<TAB>1`, the last `end<TAB>ok`: without it the facts are not whole.

set -u
umask 077
LC_ALL=C
export LC_ALL
exec </dev/null

root=$1
shift

fact() {
  case $2 in
    *[[:cntrl:]\\]*)
      # One write for the whole line: facts gathered beside each other share the stream.
      printf '%s\t%s\n' "$1" "$(printf '%s' "$2" | awk 'BEGIN { ORS = "" }
        { gsub(/\\/, "&&"); gsub(/\t/, "\\t"); gsub(/\r/, "\\r"); gsub(/[\001-\037]/, "?"); if (NR > 1) print "\\n"; print }')"
      ;;
    *) printf '%s\t%s\n' "$1" "$2" ;;
  esac
}

# have NAME: is NAME a command?
have() { command -v "$1" >/dev/null 2>&1; }

# asked KIND ARGS...: the values of all questions of one kind, one per line.
asked() {
  kind=$1
  shift
  for question; do
    case $question in "$kind="*) printf '%s\n' "${question#*=}" ;; esac
  done
}

# bounded SECONDS COMMAND...: no single question may hold up the others.
bounded() {
  if have timeout; then
    timeout "$@"
  else
    shift
    "$@"
  fi
}

added=
for question; do
  case $question in
    "path=~/"*) added=$added${HOME:-}/${question#*/}: ;;
    path=*) added=$added${question#path=}: ;;
  esac
done
# nginx and others live in sbin, which a plain login's PATH does not hold on Debian.
PATH=$added${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
export PATH

milliseconds() {
  now=$(date +%s%3N)
  case $now in *[!0-9]*) now=$(date +%s)000 ;; esac
  printf '%s' "$now"
}

fact slipway-preflight 1
fact time-begin "$(milliseconds)"

# --- who and where -------------------------------------------------------------------------------------------------
os_value() { sed -n "s/^$1=//p" /etc/os-release 2>/dev/null | tr -d "\"'" | head -n 1; }
fact os-id "$(os_value ID)"
fact os-version "$(os_value VERSION_ID)"
fact os-name "$(os_value PRETTY_NAME)"
fact arch "$(uname -m)"
fact kernel "$(uname -sr)"
fact hostname "$(uname -n)"
fact uid "$(id -u)"
fact user "$(id -un 2>/dev/null || id -u)"
fact groups "$(id -Gn 2>/dev/null)"
fact home "${HOME:-}"
login_shell=$( (getent passwd "$(id -u)" || grep "^[^:]*:[^:]*:$(id -u):" /etc/passwd) 2>/dev/null | head -n 1 | cut -d: -f7)
fact login-shell "$login_shell"
fact timezone "$(date +%Z)"
if [ -d /run/systemd/system ]; then fact init systemd; else fact init other; fi

# --- how the host is closed and looked after: beside the other questions -------------------------------------------
# facts_of KEY: each line of the standard input becomes a fact, up to 400.
facts_of() {
  head -n 400 | while IFS= read -r line; do
    if [ -n "$line" ]; then fact "$1" "$line"; fi
  done
}

# Whether the login may ask as root: root itself, `sudo -n` for everything, for what its rule lists, or not at all.
find_root() {
  root_by=none
  if [ "$(id -u)" = 0 ]; then root_by=root; return; fi
  have sudo || return 0
  # Somebody whom sudo does not know would be reported to root by mail.
  case " $(id -Gn 2>/dev/null) " in
    *' sudo '* | *' wheel '* | *' admin '*) : ;;
    *) if [ -z "$(asked sudo "$@")" ] && [ "$(asked harden "$@")" != sudo ] && [ ! -x /usr/local/lib/slipway/as-root ]; then return 0; fi ;;
  esac
  if bounded 5 sudo -n true >/dev/null 2>&1; then root_by=sudo
  elif bounded 5 sudo -n -l >/dev/null 2>&1; then root_by=listed
  fi
}

# as_root SECONDS COMMAND...: the command only reads. /usr/local/lib/slipway/as-root is what `slipway server` lets the login run.
as_root() {
  seconds=$1
  shift
  case $root_by in
    root) bounded "$seconds" "$@" ;;
    sudo) bounded "$seconds" sudo -n -- "$@" ;;
    listed)
      if bounded 5 sudo -n -l -- "$@" >/dev/null 2>&1; then bounded "$seconds" sudo -n -- "$@"
      elif [ -x /usr/local/lib/slipway/as-root ]; then bounded "$seconds" sudo -n /usr/local/lib/slipway/as-root "$@"
      else return 1
      fi
      ;;
    *) return 1 ;;
  esac
}

unit_facts() {
  if [ -d /run/systemd/system ] && have systemctl; then
    bounded 5 systemctl show -p Id,LoadState,ActiveState,UnitFileState ufw firewalld nftables fail2ban crowdsec sshguard unattended-upgrades \
      apt-daily-upgrade.timer nginx logrotate.timer cron crond "pm2-$(id -un)" 2>/dev/null |
      awk -F= '{ at[$1] = $2 } $0 == "" { out() } END { out() }
        function out() { if (at["Id"] != "" && at["LoadState"] != "not-found") printf "unit\t%s %s %s\n", at["ActiveState"], at["UnitFileState"] == "" ? "-" : at["UnitFileState"], at["Id"]; at["Id"] = "" }'
  else
    cat /proc/[0-9]*/comm 2>/dev/null | sort -u | grep -xE 'nginx|crond?|crowdsec|sshguard|fail2ban-server' |
      sed -e 's/-server$//' -e 's/.*/active - &.service/' | facts_of unit
  fi
}

firewall_facts() {
  for name in ufw firewall-cmd nft iptables; do
    if have "$name"; then fact firewall-tool "$name"; fi
  done
  if have ufw; then
    sed -n 's/^ *\(ENABLED\|DEFAULT_INPUT_POLICY\|IPV6\)="*\([A-Za-z]*\).*/\1 \2/p' /etc/ufw/ufw.conf /etc/default/ufw 2>/dev/null | facts_of ufw-file
    said=$(as_root 10 ufw status verbose 2>/dev/null)
    printf '%s\n' "$said" | facts_of ufw
    # The chains it made say the same at length.
    case $said in 'Status: active'*) return ;; esac
  fi
  if have firewall-cmd; then as_root 10 firewall-cmd --list-all 2>/dev/null | facts_of firewalld; fi
  # Of nftables the chains that incoming packets enter by.
  if have nft; then
    as_root 10 nft -t list ruleset 2>/dev/null |
      awk '/^[ \t]*chain / { text = ""; inside = 1 } inside { text = text $0 "\n" } /^[ \t]*}/ { if (inside && text ~ /hook input/) printf "%s", text; inside = 0 }' | facts_of nft
  elif have iptables; then
    as_root 10 iptables -S INPUT 2>/dev/null | facts_of iptables
  fi
}

# sshd_file FILE: its settings with the files it includes in their places, up to the first Match (as for a login nothing is known of).
sshd_file() (
  if [ ! -r "$1" ]; then fact sshd-unread "$1"; return; fi
  sed -e 's/[[:space:]]*=[[:space:]]*/ /' -e 's/"//g' "$1" | while read -r word rest; do
    case $word in
      [Mm]atch) break ;;
      [Ii]nclude)
        for pattern in $rest; do
          case $pattern in /*) : ;; *) pattern=/etc/ssh/$pattern ;; esac
          for file in $pattern; do
            if [ -e "$file" ]; then sshd_file "$file"; fi
          done
        done
        ;;
      '' | '#'*) : ;;
      *) fact sshd "$word $rest" ;;
    esac
  done
)

sshd_facts() {
  daemon=$(command -v sshd) || return 0
  effective=$(as_root 5 "$daemon" -T 2>/dev/null)
  if [ -n "$effective" ]; then
    fact sshd-by effective
    printf '%s\n' "$effective" | grep -E '^(port|permitrootlogin|passwordauthentication|kbdinteractiveauthentication|challengeresponseauthentication|usepam|maxauthtries|x11forwarding|permitemptypasswords) ' | facts_of sshd
  else
    fact sshd-by files
    sshd_file /etc/ssh/sshd_config
  fi
}

ban_facts() {
  have fail2ban-client || return 0
  # [{'sshd': ['192.0.2.7']}, {'nginx-http-auth': []}]: the jails, and those that ban the address this login comes from.
  banned=$(as_root 10 fail2ban-client banned 2>/dev/null)
  if [ -n "$banned" ]; then
    printf '%s\n' "$banned" | tr '{' '\n' | sed -n "s/^'\([^']*\)': .*/\1/p" | facts_of jail
    from=${SSH_CONNECTION:-}
    printf '%s\n' "$banned" | tr '{' '\n' | grep -F "'${from%% *}'" | sed -n "s/^'\([^']*\)': .*/\1/p" | facts_of jail-bans-us
    fact jails-by effective
  else
    fact jails-by files
    for file in /etc/fail2ban/jail.conf /etc/fail2ban/jail.d/*.conf /etc/fail2ban/jail.local /etc/fail2ban/jail.d/*.local; do
      if [ -r "$file" ]; then cat "$file"; fi
    done | awk -F'[ \t]*=[ \t]*' '/^\[/ { jail = $0; gsub(/[][]/, "", jail) } tolower($1) == "enabled" { on[jail] = tolower($2) }
      END { for (jail in on) if (jail != "DEFAULT" && on[jail] == "true") printf "jail\t%s\n", jail }'
  fi
}

update_facts() {
  have apt-get || return 0
  bounded 5 apt-config dump 2>/dev/null | grep -E '^(APT::Periodic::(Enable|Update-Package-Lists|Unattended-Upgrade)|Unattended-Upgrade::(Allowed-Origins|Origins-Pattern)::) ' | facts_of apt
  fact unattended-upgrade "$(have unattended-upgrade && echo yes || echo no)"
  for file in /var/lib/apt/lists/*_Packages*; do
    if [ ! -e "$file" ]; then fact apt-lists none; return; fi
    break
  done
  fact apt-lists "$(stat -c %Y /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists /var/lib/apt/lists/partial 2>/dev/null | sort -n | tail -n 1)"
  # Nothing is written: no lock, and no cache that root would make anew.
  caches=
  if [ -w /var/cache/apt ] && [ -z "$(find /var/cache/apt/pkgcache.bin -newer /var/lib/dpkg/status -newer /var/lib/apt/lists 2>/dev/null)" ]; then
    caches='-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache='
  fi
  # shellcheck disable=SC2086 # two options of two words
  if simulated=$(bounded 8 apt-get -s -o Debug::NoLocking=true $caches --with-new-pkgs upgrade 2>/dev/null); then
    fact updates "$(printf '%s\n' "$simulated" | awk '/^Inst / { all++; if (tolower($0) ~ /security/) { safe++; if (safe <= 10) names = names " " $2 } } END { printf "%d %d%s", all, safe, names }')"
  fi
}

nginx_facts() {
  have nginx || return 0
  grep -sE '^[[:space:]]*(server_tokens|server_name)[[:space:]]' /dev/null /etc/nginx/nginx.conf /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/* | sed 's/:[[:space:]]*/ /' | facts_of nginx
  # The test of nginx opens, and so may make, its logs.
  if [ -n "$(asked probe "$@")" ]; then
    fact nginx-test 'not tried: this is a plan'
    return
  fi
  tested=$(as_root 10 nginx -t 2>&1)
  code=$?
  if [ "$code" = 0 ]; then fact nginx-test ok
  else
    case $tested in *'[emerg]'*) fact nginx-test "$(printf '%s\n' "$tested" | grep -F '[emerg]' | head -n 1)" ;; esac
  fi
}

log_facts() {
  fact logrotate "$(have logrotate && echo yes || echo no)"
  if [ -x /etc/cron.daily/logrotate ]; then fact logrotate-cron yes; fi
  cat /etc/logrotate.conf /etc/logrotate.d/* 2>/dev/null | sed -e 's/#.*//' -e 's/[{}"]/ /g' | tr -s '[:blank:]' '\n' | grep -E '^(/|~).*/' | grep -vE '^/(usr|bin|etc|run|lib)/' | facts_of logrotate-path
  if [ -d "${PM2_HOME:-$HOME/.pm2}/modules/pm2-logrotate" ]; then fact pm2-logrotate yes; fi
  cat /etc/systemd/journald.conf /usr/lib/systemd/journald.conf.d/*.conf /etc/systemd/journald.conf.d/*.conf 2>/dev/null |
    sed -n 's/^\(Storage\|SystemMaxUse\|RuntimeMaxUse\)=\(..*\)/\1 \2/p' | facts_of journald
  if [ -s "${PM2_HOME:-$HOME/.pm2}/dump.pm2" ]; then fact pm2-saved yes; fi
}

if [ -n "$(asked harden "$@")" ]; then
  {
    find_root "$@"
    fact root-by "$root_by"
    fact ssh-connection "${SSH_CONNECTION:-}"
    if [ -e /run/reboot-required ]; then fact reboot "$(sort -u /run/reboot-required.pkgs 2>/dev/null | head -n 5 | tr '\n' ' ')"; fi
    update_facts &
    firewall_facts &
    ban_facts &
    unit_facts
    sshd_facts
    nginx_facts "$@"
    log_facts
    wait
    fact hardening ok
  } &
fi

# --- resources -----------------------------------------------------------------------------------------------------
fact cpus "$(getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c '^processor' /proc/cpuinfo)"
awk '$1 == "MemTotal:" { total = $2 } $1 == "MemAvailable:" { free = $2 }
  $1 == "SwapTotal:" { swap = $2 } $1 == "SwapFree:" { swapfree = $2 }
  END { printf "memory-total\t%.0f\nmemory-available\t%.0f\nswap-total\t%.0f\nswap-free\t%.0f\n",
        total * 1024, free * 1024, swap * 1024, swapfree * 1024 }' /proc/meminfo 2>/dev/null
fact load "$(cut -d' ' -f1-3 /proc/loadavg 2>/dev/null)"

# --- the root folder -----------------------------------------------------------------------------------------------
parent=$root
while [ ! -d "$parent" ] && [ "$parent" != / ] && [ "$parent" != . ]; do parent=$(dirname -- "$parent"); done
fact root "$root"
fact root-parent "$parent"
real=$(cd -P -- "$parent" 2>/dev/null && pwd -P)
fact root-parent-real "$real"
if [ -w "$parent" ] && [ -x "$parent" ]; then fact root-parent-writable yes; else fact root-parent-writable no; fi

df -Pk -- "$parent" 2>/dev/null | awk 'NR == 2 { printf "disk-total\t%.0f\ndisk-free\t%.0f\n", $2 * 1024, $4 * 1024 }'
df -Pi -- "$parent" 2>/dev/null | awk 'NR == 2 && $2 ~ /^[0-9]+$/ { printf "inodes-total\t%.0f\ninodes-free\t%.0f\n", $2, $4 }'
fact mount-options "$(bounded 5 findmnt -no OPTIONS -T "$parent" 2>/dev/null | head -n 1)"

app=$(asked app "$@" | head -n 1)
probe_folder=
remove_probe() { if [ -n "$probe_folder" ]; then rm -rf -- "$probe_folder"; fi; }
trap remove_probe EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Creates, links, renames and deletes as a deploy will; leaves the first thing that did not work in $probe_result.
probe_in() {
  if ! reason=$(mktemp -d "$1/.slipway-probe.XXXXXX" 2>&1); then
    probe_result="create a folder: $reason"
    return
  fi
  probe_folder=$reason
  if ! reason=$({ printf x >"$probe_folder/file"; } 2>&1); then probe_result="write a file: $reason"
  elif ! reason=$(ln -- "$probe_folder/file" "$probe_folder/hard" 2>&1); then probe_result="make a hard link: $reason"
  elif ! reason=$(ln -s -- file "$probe_folder/new" 2>&1); then probe_result="make a symbolic link: $reason"
  elif ! reason=$(mv -T -- "$probe_folder/new" "$probe_folder/link" 2>&1); then probe_result="rename: $reason"
  elif ! reason=$(rm -rf -- "$probe_folder" 2>&1); then probe_result="delete: $reason"
  else probe_result=ok
  fi
  remove_probe
}

if [ -d "$root" ]; then
  fact root-exists yes
  fact root-owner "$(stat -Lc '%U %u %a' -- "$root" 2>/dev/null)"
  owned=
  if [ -e "$root/.slipway/app" ]; then
    owned=$(head -n 1 "$root/.slipway/app" 2>/dev/null)
    fact root-app "$owned"
  fi
  content=$(find "$root" -mindepth 1 -maxdepth 1 ! -name lost+found 2>/dev/null | sed 's|.*/||' | sort | head -n 5 | tr '\n' ' ')
  fact root-content "${content% }"
  # A folder that holds something else is refused anyway: nothing is written into it, not even for a moment.
  if [ -n "$(asked probe "$@")" ]; then
    fact probe 'not tried: this is a plan'
  elif [ -z "$content" ] || { [ -n "$owned" ] && [ "${owned%% *}" = "$app" ]; }; then
    base=$root
    if [ -d "$root/.slipway" ]; then base=$root/.slipway; fi
    probe_in "$base"
    fact probe "$probe_result"
  else
    fact probe 'not tried: the folder is not this app'\''s'
  fi
  # Files and bytes of the last release that came, as stage.sh has written them down.
  if [ -n "$owned" ] && [ -r "$root/.slipway/journal" ]; then
    last=$(grep '^{"event":"staged",' "$root/.slipway/journal" | tail -n 1)
    if [ -n "$last" ]; then
      fact last-release "$(printf '%s' "$last" | sed 's/.*"files":\([0-9]*\).*/\1/') $(printf '%s' "$last" | sed 's/.*"bytes":\([0-9]*\).*/\1/')"
    fi
  fi
  if [ -d "$root/releases" ]; then
    bounded 5 find "$root/releases" -maxdepth 3 -type d ! -writable -print 2>/dev/null | head -n 3 |
      while IFS= read -r folder; do fact unwritable "$folder"; done
  fi
  env_file=$(asked env "$@" | head -n 1)
  if [ -n "$env_file" ]; then
    for release in "$root"/releases/*/; do
      if [ -f "$release$env_file" ]; then
        fact env-mode "$(stat -Lc '%a %U' -- "$release$env_file") $release$env_file"
      fi
    done
  fi
elif [ -e "$root" ] || [ -h "$root" ]; then
  fact root-exists not-a-folder
else
  fact root-exists no
fi

# --- tools ---------------------------------------------------------------------------------------------------------
# version_of_package COMMAND: from the package.json beside the command. Running it would be slow (npm) or
# start a daemon (pm2).
version_of_package() {
  file=$(readlink -f -- "$(command -v "$1")") || return 0
  package=$(dirname -- "$(dirname -- "$file")")/package.json
  if [ -r "$package" ]; then sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$package" | head -n 1; fi
}

number_in() { sed -n 's/^[^0-9]*\([0-9][0-9A-Za-z.+~-]*\).*/\1/p' | head -n 1; }

version() {
  have "$1" || return 0
  case $1 in
    pm2) found=$(version_of_package pm2) ;;
    npm)
      found=$(version_of_package npm)
      if [ -z "$found" ]; then found=$(bounded 10 npm --version 2>/dev/null | number_in); fi
      ;;
    nginx) found=$(bounded 5 nginx -v 2>&1 | number_in) ;;
    *) found=$(bounded 5 "$1" --version 2>/dev/null | head -n 1 | number_in) ;;
  esac
  fact "version-$1" "${found:-unknown}"
}
for name in node npm pm2 python3 nginx docker git curl bash; do version "$name"; done
if have docker; then
  found=$(bounded 5 docker compose version --short 2>/dev/null | number_in)
  if [ -n "$found" ]; then fact version-compose "$found"; fi
fi

for name in node npm pm2; do
  if ! have "$name"; then
    for folder in "${HOME:-}"/.nvm/versions/node/*/bin "${HOME:-}"/.volta/bin "${HOME:-}"/.local/bin /opt/node*/bin /usr/local/node*/bin; do
      if [ -x "$folder/$name" ]; then fact elsewhere "$name $folder"; fi
    done
  fi
done

asked tool "$@" | while IFS= read -r name; do
  if [ -n "$name" ]; then fact tool "$(command -v "$name" >/dev/null 2>&1 && echo yes || echo no) $name"; fi
done

# feature NAME COMMAND...: does the host's own tool do what the scripts of Slipway need?
feature() {
  name=$1
  shift
  if bounded 5 "$@" >/dev/null 2>&1; then fact feature "yes $name"; else fact feature "no $name"; fi
}
if [ -n "$(asked feature "$@")" ]; then
  feature 'find -printf' find / -maxdepth 0 -printf ''
  feature 'sort -z' sort -z /dev/null
  feature 'comm -z' comm -z /dev/null /dev/null
  feature 'mv -T' sh -c 'mv --help | grep -q -- -T'
  feature 'stat -c' stat -c %Y /
  feature 'date +%N' sh -c "date +%s%3N | grep -qx '[0-9]*'"
  feature 'sha256sum -z' sha256sum -z /dev/null
  feature 'xargs -0' xargs -0 -a /dev/null true
  feature 'GNU tar' sh -c 'tar --version | grep -q GNU'
  feature gzip gzip --version
  feature flock flock /dev/null true
  feature base64 base64 /dev/null
  feature awk awk 'BEGIN { exit 0 }'
  feature timeout timeout 1 true
fi

if [ -n "$(asked sudo "$@")" ]; then
  if ! have sudo; then fact sudo missing
  elif reason=$(bounded 10 sudo -n true 2>&1); then fact sudo yes
  elif [ -x /usr/local/lib/slipway/as-root ] && bounded 10 sudo -n /usr/local/lib/slipway/as-root true 2>/dev/null; then fact sudo gate
  else fact sudo "no: $(printf '%s' "$reason" | head -n 1)"
  fi
fi

# --- clock ---------------------------------------------------------------------------------------------------------
synchronised=$(have timedatectl && bounded 5 timedatectl show -p NTPSynchronized --value 2>/dev/null)
if [ -z "$synchronised" ] && have chronyc; then
  case $(bounded 5 chronyc -n tracking 2>/dev/null) in
    *'Leap status'*'Normal'*) synchronised=yes ;;
    *'Leap status'*) synchronised=no ;;
  esac
fi
fact clock-synchronised "${synchronised:-unknown}"

# --- listening sockets ---------------------------------------------------------------------------------------------
below_root() {
  case $1/ in "$root"/* | "$real_root"/*) return 0 ;; esac
  return 1
}
real_root=$real
if [ "$parent" != "$root" ]; then real_root=$root; fi

# The cluster manager of PM2 holds the port for its workers: a child that runs below the root makes it the app's.
child_below_root() {
  [ "$1" -gt 1 ] || return 1
  for stat in /proc/[0-9]*/stat; do
    child=${stat#/proc/}
    child=${child%/stat}
    line=$(cat "$stat" 2>/dev/null) || continue
    line=${line##*) }
    line=${line#* }
    if [ "${line%% *}" = "$1" ] && below_root "$(readlink "/proc/$child/cwd" 2>/dev/null)"; then return 0; fi
  done
  return 1
}

unit_below_root() {
  [ -n "$1" ] && have systemctl || return 1
  below_root "$(bounded 3 systemctl show -p WorkingDirectory --value "$1" 2>/dev/null)"
}

# Only the app's own ports are worth the search through parents and units.
ports=" $(asked port "$@" | tr '\n' ' ')"
# container_below_root PORT: Docker holds it, for a container made from one of the app's compose files.
container_below_root() {
  have docker || return 1
  below_root "$(bounded 5 docker ps --filter "publish=$1" --format '{{.Label "com.docker.compose.project.working_dir"}}' 2>/dev/null | head -n 1)"
}

# listener ADDRESS PORT UID PID UNIT NAME
listener() {
  own=no
  if [ "$4" != - ] && below_root "$(readlink "/proc/$4/cwd" 2>/dev/null)"; then own=yes; fi
  case $ports in
    *" $2 "*)
      if [ "$own" = no ] && [ "$4" != - ] && child_below_root "$4"; then own=yes; fi
      if [ "$own" = no ] && [ "$5" != - ] && unit_below_root "$5"; then own=yes; fi
      if [ "$own" = no ] && container_below_root "$2"; then own=yes; fi
      ;;
  esac
  if [ "$own" = no ] && [ "$4" = - ] && [ "$5" = - ]; then own=unknown; fi
  fact listen "$2 $1 $3 $4 $own $5 $6"
}

sockets_by_ss() {
  # -e adds the uid and, where kernel and iproute2 know it, the control group: the unit, even of other users' processes.
  bounded 5 ss -ltnpeH 2>/dev/null | awk '
    { address = $4; port = $4; sub(/:[^:]*$/, "", address); sub(/^.*:/, "", port); gsub(/^\[|\]$/, "", address)
      pid = "-"; name = "-"; uid = "0"; unit = "-"
      if (match($0, /pid=[0-9]+/)) pid = substr($0, RSTART + 4, RLENGTH - 4)
      if (match($0, /users:\(\("[^"]*"/)) name = substr($0, RSTART + 9, RLENGTH - 10)
      if (match($0, / uid:[0-9]+/)) uid = substr($0, RSTART + 5, RLENGTH - 5)
      if (match($0, / cgroup:[^ ]*\/[^ \/]*\.service/)) { unit = substr($0, RSTART, RLENGTH); sub(/^.*\//, "", unit) }
      print address, port, uid, pid, unit, name }'
}

sockets_by_proc() {
  # Only the login's own processes show their sockets here.
  find /proc/[0-9]*/fd -lname 'socket:*' -printf '%l %p\n' 2>/dev/null | awk '
    FNR == 1 { file++ }
    file == 1 { inode = $1; gsub(/[^0-9]/, "", inode); split($2, part, "/"); holder[inode] = part[3]; next }
    $4 == "0A" { split($2, at, ":"); pid = ($10 in holder) ? holder[$10] : "-"; print "hex=" at[1], "hex=" at[2], $8, pid, "-", "-" }
  ' - /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# The hexadecimal port of /proc as a number, for comparison with the app's ports.
decimal() {
  case $1 in
    hex=*) printf '%d' "0x${1#hex=}" ;;
    *) printf '%s' "$1" ;;
  esac
}

if have ss && ss -ltnH >/dev/null 2>&1; then
  fact sockets ss
  list=$(sockets_by_ss)
else
  fact sockets proc
  list=$(sockets_by_proc)
fi
printf '%s\n' "$list" | while read -r address port uid pid unit name; do
  if [ -n "$port" ]; then
    if [ "$name" = - ] && [ "$pid" != - ]; then name=$(cat "/proc/$pid/comm" 2>/dev/null || echo -); fi
    listener "$address" "$(decimal "$port")" "$uid" "$pid" "$unit" "$name"
  fi
done

# --- monitors and logs ---------------------------------------------------------------------------------------------
state_of() {
  if have systemctl; then
    state=$(bounded 5 systemctl is-active -- "$1" 2>/dev/null)
    case $state in active | activating | reloading | failed) printf '%s' "$state"; return ;; esac
  fi
  # The kernel keeps 15 characters of a process's name.
  if cat /proc/[0-9]*/comm 2>/dev/null | grep -Fqx -- "$(printf '%.15s' "$1")"; then printf 'running'
  else printf '%s' "${state:-missing}"
  fi
}
asked monitor "$@" | while IFS= read -r name; do
  if [ -n "$name" ]; then
    state=
    fact monitor "$(state_of "$name") $name"
  fi
done

asked log "$@" | while IFS= read -r file; do
  if [ -d "$file" ]; then changed=$(bounded 5 find "$file" -type f -printf '%T@\n' 2>/dev/null | sort -n | tail -n 1 | cut -d. -f1)
  else changed=$(stat -Lc %Y -- "$file" 2>/dev/null)
  fi
  if [ -n "$file" ]; then fact log "${changed:--} $file"; fi
done

# --- reachability: all at once, three seconds each -----------------------------------------------------------------
reach() {
  host=${1%:*}
  port=${1##*:}
  bare=${host#\[}
  bare=${bare%\]}
  if have bash && have timeout; then
    # shellcheck disable=SC2016 # the inner bash expands them
    reason=$(timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2"' slipway "$bare" "$port" 2>&1)
    code=$?
  elif have curl; then
    reason=$(bounded 4 curl -sS --connect-timeout 3 --max-time 3 "telnet://$host:$port" 2>&1 </dev/null)
    code=$?
    # Connected and silent until the limit: the port is open.
    case $code:$reason in 28:*'Connection timed out'* | 28:*'onnection timeout'*) code=124 ;; 28:*) code=0 ;; esac
  else
    fact reach "untried $1"
    return
  fi
  case $code:$reason in
    0:*) fact reach "ok $1" ;;
    124:*) fact reach "timeout $1" ;;
    *refused*) fact reach "refused $1" ;;
    *'not known'* | *'resolve host'* | *'resolution'* | *'No address'*) fact reach "dns $1" ;;
    *unreachable* | *'No route'*) fact reach "unreachable $1" ;;
    *) fact reach "failed $1" ;;
  esac
}
asked reach "$@" | {
  while IFS= read -r target; do
    if [ -n "$target" ]; then reach "$target" & fi
  done
  wait
}

# Of those asked beside the others, the last.
wait
fact time-end "$(milliseconds)"
fact end ok
