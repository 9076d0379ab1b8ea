# shellcheck shell=sh
# The switch: `current` is renamed once, then each service is brought to the release it names, in order, and must be
# healthy before the next. When one does not, this host goes back by itself, whether or not anybody still listens.
#
# $1 root  $2 token  $3 release, or '' for none  $4 release to go back to, '' for none (stop), or - to stay where we are
# $5 … $8 journal lines: switching, active, bad, back   (bad and back only when it comes to that)
# stdin: one line, the password for sudo (may be empty)
enter "$1"
token=$2 release=$3 previous=$4 line_switching=$5 line_active=$6 line_bad=$7 line_back=$8
IFS= read -r password || password=''
lock 120
own_lease "$token"
mkdir -p "$state/logs" "$state/services"

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

# stop_others RELEASE: stops what RELEASE does not have, or has under another manager.
stop_others() {
  for old in "$state/services"/*/; do
    [ -f "${old}service" ] || continue
    load "${old%/}"
    found=no
    for new in "$state/manifests/${1:-none}/services"/[0-9][0-9]-"$name"/; do
      if cmp -s "${new}manager" "${old}manager"; then found=yes; fi
    done
    if [ "$found" = yes ]; then continue; fi
    if [ "$manager" = pm2 ]; then used_pm2=yes; fi
    "${manager}_stop"
    if [ -n "$("${manager}_pids")" ]; then
      say "warn $name could not be stopped: it still runs under $manager"
    else
      say "stopped $name"
    fi
    rm -rf "$old"
  done
}

# bring RELEASE: stops what it does not have, then starts or reloads each of its services in order. Needs no room on the
# disk to tell success from failure.
bring() {
  used_pm2=no result=0
  stop_others "$1"
  for folder in "$state/manifests/${1:-none}/services"/*/; do
    [ -f "${folder}service" ] || continue
    load "${folder%/}"
    if [ "$manager" = pm2 ]; then used_pm2=yes; fi
    say "starting $name"
    "${manager}_mark" || :
    if ! "${manager}_start"; then
      say "unhealthy $name: it could not be started by $manager"
      show_logs
      result=1
      break
    fi
    if ! await_health "$1"; then
      show_logs
      result=1
      break
    fi
  done
  rm -f "$state/pm2.out"
  if [ "$used_pm2" = yes ]; then pm2_saved; fi
  return "$result"
}

# Everything that can be known before is known before: what is missing now must not be found out after the switch.
if [ -n "$release" ]; then
  valid_id "$release"
  [ -d "releases/$release" ] || fail 3 "release $release is not on this host"
  [ -d "$state/manifests/$release" ] || fail 3 "release $release has no manifest on this host"
fi
case $previous in '' | -) : ;; *) valid_id "$previous" ;; esac

# What install commands made (node_modules, .venv …) is not in the manifest: its folders are noted, so that a later
# rollback can prove that they are still there.
if [ -n "$release" ] && [ ! -f "$state/manifests/$release/installed" ] && [ "$(current_id)" != "$release" ]; then
  sed -z -n 's,^d [0-7]* ,,; t path; b; :path; s,//$,,; p' "$state/manifests/$release/tree" | tr '\0' '\n' | sort >"$state/folders.sent"
  # A name with a line break could not be told from two.
  (cd "releases/$release" && find . -mindepth 1 -maxdepth 3 -type d ! -path '*
*' -printf '%P\n') | sort | comm -13 "$state/folders.sent" - |
    awk 'last != "" && index($0, last "/") == 1 { next } { print; last = $0 }' >"$state/folders.made"
  rm -f "$state/folders.sent"
  mv "$state/folders.made" "$state/manifests/$release/installed"
fi

journal "$line_switching"
# From here on nothing ends this script but its end. A journal that cannot be written (a full disk) does not stop the way
# back: its last line still says that a switch is under way, and the next run puts right what that means.
if ! point_current "$release"; then
  say "unhealthy switch: 'current' cannot be renamed in $root"
elif say "switched" && bring "$release"; then
  if journal "$line_active"; then
    say "active $release"
    exit 0
  fi
  say 'unhealthy switch: the journal cannot be written (is the disk full?)'
fi

journal "$line_bad" || say "warn the journal cannot be written: the next run will find a switch under way"
if [ "$previous" = - ]; then exit 21; fi
if [ -z "$previous" ]; then
  point_current '' || exit 21
  bring '' || :
  journal "$line_back" || :
  exit 22
fi
say "going back to $previous"
if point_current "$previous" && bring "$previous"; then
  journal "$line_back" || :
  say "back $previous"
  exit 20
fi
exit 21
