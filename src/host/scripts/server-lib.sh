# shellcheck shell=sh
# What the steps of `server.sh` build on. A step NAME is up to four functions, hyphens written as underscores:
#
#   check_NAME   fails when the host is not as wanted; prints how it differs (a diff, or lines of its own: "- was", "+ wanted").
#                Changes nothing. Sets `observed` (one line). Sets `refused` to a sentence when it can neither be so nor be made so.
#                It runs in a condition, where `set -e` does not hold: each command that may fail says what then.
#   apply_NAME   makes it so. Runs in a subshell of its own with `set -e`; what it prints is shown line by line.
#   arm_NAME, disarm_NAME   of risky steps (harden.sh): the way back is armed before `apply`, and taken away once it is proven.
#
# After `apply` the check is asked again: what is not read back was not done.

# The parameters (src/server/parameters.ts); one that is not told is empty.
: "${p_admins_b64=}" "${p_allow=}" "${p_app=}" "${p_ban_ignore=}" "${p_ca=}" "${p_certificate=}" "${p_connection=}" "${p_dns_authenticate=}" "${p_dns_clean_up=}" "${p_domains=}" "${p_engines=}" \
  "${p_environment=}" "${p_firewall=}" "${p_folders=}" "${p_gate_b64=}" "${p_journal_size=}" "${p_key=}" "${p_keys_b64=}" "${p_log_days=}" \
  "${p_max_auth_tries=}" "${p_node=}" "${p_node_mirror=}" "${p_packages=}" "${p_port=}" "${p_reboot_at=}" "${p_root=}" \
  "${p_service_users=}" "${p_site=}" "${p_swap=}" "${p_timezone=}" "${p_tls_mode=}" "${p_undo_b64=}" "${p_undo_seconds=}" "${p_user=}"

# system: Debian and Ubuntu in the versions whose packages are known; others are refused before anything is done.
system() {
  system_id='' system_version='' system_name=''
  if [ -r /etc/os-release ]; then
    # shellcheck disable=SC1091
    eval "$(. /etc/os-release && printf 'system_id=%s\nsystem_version=%s\nsystem_codename=%s\n' "${ID:-}" "${VERSION_ID:-}" "${VERSION_CODENAME:-}")"
    system_name=$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\).*/\1/p' /etc/os-release)
  fi
  case $system_id:$system_version in
    debian:12 | debian:13 | ubuntu:22.04 | ubuntu:24.04) : ;;
    *) fail 5 "this host runs ${system_name:-an unknown system}: \`server\` knows Debian 12 and 13, Ubuntu 22.04 and 24.04; prepare it by hand, the other commands do not mind" ;;
  esac
  [ -d /run/systemd/system ] || fail 5 'systemd is not process 1 here'
}

# differs FILE MODE [OWNER]: standard input is what FILE is to hold. Succeeds when it does NOT differ; else prints the difference.
differs() {
  cat >"$work/wanted"
  same=0
  if [ ! -f "$1" ]; then
    diff -u --label "$1 (absent)" --label "$1" /dev/null "$work/wanted" || :
    return 1
  fi
  cmp -s "$1" "$work/wanted" || { same=1; diff -u --label "$1 (now)" --label "$1" "$1" "$work/wanted" || :; }
  is_now=$(stat -c '%a %U:%G' "$1")
  if [ "$is_now" != "${2#0} ${3:-root:root}" ]; then
    same=1
    printf -- '- %s %s\n+ %s %s %s\n' "$1" "$is_now" "$1" "${2#0}" "${3:-root:root}"
  fi
  return "$same"
}

# put_file FILE MODE [OWNER]: standard input becomes FILE with one rename.
put_file() {
  mkdir -p "${1%/*}"
  new=$(mktemp "${1%/*}/.slipway.XXXXXX")
  # A full disk leaves no half behind.
  { cat >"$new" && chmod "$2" "$new" && chown "${3:-root:root}" "$new" && mv -f "$new" "$1"; } || { rm -f "$new"; return 1; }
}

has_package() { dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# lacks_packages NAME…: prints those that are not installed; succeeds when there is one.
lacks_packages() {
  lacking=''
  for package in "$@"; do has_package "$package" || lacking="$lacking $package"; done
  [ -n "$lacking" ] || return 1
  for package in $lacking; do printf '+ package %s\n' "$package"; done
}

# apt_get ARGUMENT…: with a lock that another apt holds (a new machine updates itself) it waits, says so, and gives up after ten
# minutes. apt's own waiting is silent, and not for the lock of its lists.
apt_get() {
  waited=0
  while :; do
    { code=0; apt-get -qq -o Acquire::Retries=3 "$@" 2>&1 || code=$?; echo "$code" >"$work/apt-code"; } | tee "$work/apt-said" | sed -u '/Could not get lock/d; /Unable to lock/d; /Unable to acquire/d'
    code=$(cat "$work/apt-code")
    if [ "$code" = 0 ] || ! grep -q 'Could not get lock' "$work/apt-said" || [ "$waited" -ge 600 ]; then break; fi
    if [ "$waited" = 0 ]; then sed -n 's/^E: \(Could not get lock .*\)/waiting, ten minutes at most: \1/p' "$work/apt-said"; fi
    sleep 2
    waited=$((waited + 2))
  done
  [ "$code" != 0 ] || return 0
  # What was fetched of the lists is not trusted: the mirror or the DNS may have been away, which `update` calls a success.
  rm -f /var/lib/slipway/apt-updated
  grep 'Could not get lock' "$work/apt-said" || :
  if grep -q 'remove is disabled' "$work/apt-said"; then
    echo 'a package that is asked for would have others removed, and that is yours to decide: remove them yourself, or leave the step out'
  fi
  return 1
}

# install_packages NAME…: those that are lacking. Lists are fetched once an hour. No question is asked, no configuration file of the
# team's is overwritten, and no package of theirs removed.
install_packages() {
  wanted=''
  for package in "$@"; do has_package "$package" || wanted="$wanted $package"; done
  [ -n "$wanted" ] || return 0
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a
  # A mark of our own: the lists themselves are as old as they are on the mirror.
  if [ -z "$(find /var/lib/slipway/apt-updated -mmin -60 2>/dev/null)" ]; then
    apt_get update
    touch /var/lib/slipway/apt-updated
  fi
  # shellcheck disable=SC2086
  apt_get -y -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --no-install-recommends --no-remove install $wanted
}

# unit_on UNIT: whether it is enabled and runs; prints what is not so.
unit_on() {
  ok=0
  state_now=$(systemctl is-enabled "$1" 2>/dev/null) || :
  case $state_now in enabled | static | alias | generated) : ;; *) ok=1; printf -- '- %s is %s\n+ %s is enabled\n' "$1" "${state_now:-absent}" "$1" ;; esac
  systemctl is-active --quiet "$1" || { ok=1; printf -- '- %s does not run\n+ %s runs\n' "$1" "$1"; }
  return "$ok"
}
