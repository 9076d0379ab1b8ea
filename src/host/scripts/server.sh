# shellcheck shell=sh
# Prepares a host: runs steps, each of them check → apply → check again. Runs as root. What is as wanted is not touched.
#
# $1 plan|apply|confirm|undo   $2… the steps, in order
# stdin: parameters (`read_parameters`)
# Says:  "step <name> <state> <ms> <observed>", tabs between; <state> is
#          ok (nothing to do), differs (plan: would be changed), changed, armed (changed, and goes back by itself unless confirmed),
#          refused, failed, confirmed, undone
#        "diff <line>" before a step that differs or was changed;  "line <text>" what a step says while it works
# Ends with 0 when every step is ok, changed, armed, confirmed or undone; stops at the first that is not. A plan never fails for a difference.
mode=$1
shift
read_parameters
[ "$(id -u)" = 0 ] || fail 1 'preparing a host needs root: log in as root, or as a user with sudo'
system
tab=$(printf '\t')
umask 022
export HOME="${HOME:-/root}" PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
if [ "$mode" = apply ]; then settle_unproven; fi
if [ "$mode" != plan ]; then
  install -d -m 0700 /var/lib/slipway
  exec 8>/var/lib/slipway/lock
  flock -w 120 8 || fail 6 'another run of slipway server has been at work on this host for more than 120 s'
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }
has() { command -v "$1" >/dev/null 2>&1; }
told() { say "step$tab$1$tab$2$tab$(($(ms) - begun))$tab$3"; }

# ask FUNCTION: the check, with its differences in $work/diff.
ask() {
  observed='' refused=''
  : >"$work/diff"
  "check_$1" >"$work/diff" 2>"$work/complaint"
}
# perform FUNCTION: shows what it says; $performed is its exit code. Never called in a condition: no shell minds `set -e` below one.
perform() {
  echo 1 >"$work/code"
  {
    set +e
    (
      set -e
      "$1" 8>&-
    ) 2>&1 </dev/null
    echo $? >"$work/code"
  } | while IFS= read -r text || [ -n "$text" ]; do say "line$tab$text"; done
  performed=$(cat "$work/code")
}
show_diff() { head -n 200 "$work/diff" | sed "s/^/diff$tab/" 2>/dev/null || :; }

for step in "$@"; do
  case $step in '' | *[!a-z0-9-]*) fail 3 "'$step' is no step" ;; esac
  function=$(printf '%s' "$step" | tr - _)
  has "check_$function" || fail 3 "there is no step '$step'"
  begun=$(ms)
  case $mode in
    confirm | undo)
      if [ "$mode" = confirm ]; then perform "disarm_$function"; else perform "undo_$function"; fi
      case $mode:$performed in
        confirm:0) told "$step" confirmed 'kept' ;;
        confirm:*) told "$step" failed 'the way back could not be taken away'; exit 1 ;;
        undo:0) told "$step" undone "$(cat "$undo/$step.result" 2>/dev/null || echo 'as before')" ;;
        *) told "$step" failed 'could not be undone in all'; exit 1 ;;
      esac
      continue
      ;;
  esac
  if ask "$function"; then
    told "$step" ok "${observed:-as wanted}"
    continue
  fi
  show_diff
  if [ -n "$refused" ]; then
    told "$step" refused "$refused"
    [ "$mode" = plan ] || exit 1
    continue
  fi
  if [ "$mode" = plan ]; then
    told "$step" differs "$observed"
    continue
  fi
  risky=no
  if has "arm_$function"; then
    perform "arm_$function"
    [ "$performed" = 0 ] || { told "$step" failed 'the way back could not be armed, so nothing was changed'; exit 1; }
    risky=yes
  fi
  perform "apply_$function"
  if [ "$performed" != 0 ]; then
    if [ "$risky" = yes ]; then perform "undo_$function"; fi
    told "$step" failed 'what it said stands above'
    exit 1
  fi
  if ! ask "$function"; then
    show_diff
    cat "$work/complaint" >&2
    if [ "$risky" = yes ]; then perform "undo_$function"; fi
    told "$step" failed "was applied, but reads back otherwise: ${refused:-${observed:-see above}}"
    exit 1
  fi
  if [ "$risky" = yes ]; then told "$step" armed "${observed:-as wanted}"; else told "$step" changed "${observed:-as wanted}"; fi
done
