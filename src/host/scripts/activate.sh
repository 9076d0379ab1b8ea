# shellcheck shell=sh
# The switch. Services behind the site are started in the free slot and must be healthy there; then `current` is renamed
# once, the answer is read back through nginx, and the services that run in place are brought along, in order. When
# something fails, this host goes back by itself, whether or not anybody still listens.
#
# $1 root  $2 token  $3 release, or '' for none  $4 release to go back to, '' for none (stop), or - to stay where we are
# $5 … $8 journal lines: switching, active, bad, back   (bad and back only when it comes to that)
# $9 seconds until this host goes back unless confirmed (0: never)  $10 the release it would go back to
# $11 must|may: whether a site that does not answer stops the switch
# $12 none|back|all: services are paused: going back, or all of it, starts nothing (resume.sh does, once the data is right)
# stdin: one line, the password for sudo (may be empty)
enter "$1"
token=$2 release=$3 previous=$4 line_switching=$5 line_active=$6 line_bad=$7 line_back=$8
within=$9 fallback=${10} site=${11} paused=${12:-none}
IFS= read -r password || password=''
lock 120
own_lease "$token"
mkdir -p "$state/logs" "$state/services"
used_pm2=no

# Everything that can be known before is known before: what is missing now must not be found out after the switch.
if [ -n "$release" ]; then
  valid_id "$release"
  [ -d "releases/$release" ] || fail 3 "release $release is not on this host"
  [ -d "$state/manifests/$release" ] || fail 3 "release $release has no manifest on this host"
fi
case $previous in '' | -) : ;; *) valid_id "$previous" ;; esac
before=$(current_id)
case $previous in
  - | "$before") : ;;
  *) fail 8 "${before:-no release} is live, not ${previous:-none}: this host has gone back by itself meanwhile" ;;
esac

# What install commands made (node_modules, .venv …) is not in the manifest: its folders are noted, so that a later
# rollback can prove that they are still there.
if [ -n "$release" ] && [ ! -f "$state/manifests/$release/installed" ] && [ "$before" != "$release" ]; then
  sed -z -n 's,^d [0-7]* ,,; t path; b; :path; s,//$,,; p' "$state/manifests/$release/tree" | tr '\0' '\n' | sort >"$state/folders.sent"
  # A name with a line break could not be told from two.
  (cd "releases/$release" && find . -mindepth 1 -maxdepth 3 -type d ! -path '*
*' -printf '%P\n') | sort | comm -13 "$state/folders.sent" - |
    awk 'last != "" && index($0, last "/") == 1 { next } { print; last = $0 }' >"$state/folders.made"
  rm -f "$state/folders.sent"
  mv "$state/folders.made" "$state/manifests/$release/installed"
fi

# stay: nothing was switched; what was started for it goes again.
stay() {
  journal "$line_bad" || :
  if [ "$(slot_release "$to_slot")" = "$release" ]; then retire_slot "$to_slot"; fi
  saved
  if [ "$previous" = - ]; then exit 21; fi
  say "stayed $before"
  exit 23
}

to_slot=''
if [ -n "$release" ]; then
  to_slot=$(slot_for "$release")
  if [ "$release" != "$before" ] || [ -z "$(marker_of "$release")" ]; then mark "$release" "$to_slot"; fi
fi
at switch-begun
if [ "$paused" != all ] && has_slots "$release" && [ -n "$before" ] && [ "$release" != "$before" ]; then
  if [ "$site" = must ] && [ -f "$state/manifests/$release/site/info" ] && [ -z "$(ask_site "$release")" ]; then
    say 'unhealthy site: nginx does not answer on 127.0.0.1:80 (systemctl status nginx; nginx -t)'
    stay
  fi
  start_slot "$release" "$to_slot" || stay
  # A host that loses its power right after the switch has to find it again.
  saved
  at slot-healthy
fi

journal "$line_switching"
at switching
# From here on nothing ends this script but its end. A journal that cannot be written (a full disk) does not stop the way
# back: its last line still says that a switch is under way, and the next run puts right what that means.
if [ "$within" = 0 ]; then
  disarm
elif ! arm "$release" "$fallback" "$within"; then
  say 'warn the timer that goes back without a confirmation could not be armed'
fi
at armed
proven() { read_back "$1" "$2" || [ "$site" = may ]; }
if ! point_current "$release"; then
  say "unhealthy switch: 'current' cannot be renamed in $root"
else
  at renamed
  if [ "$paused" = all ] && journal_in "$release" "$line_active"; then
    say "active $release"
    exit 0
  fi
  # A service behind the site must run before it can be read back through nginx; in a slot it does already.
  if [ "$paused" != all ] && say "switched" && bring "$release" "$to_slot" && { ! has_slots "$release" || proven "$release" "$to_slot"; }; then
    saved
    if journal_in "$release" "$line_active"; then
      at active
      rm -f "$state/revert/before"
      say "active $release"
      exit 0
    fi
    say 'unhealthy switch: the journal cannot be written (is the disk full?)'
  fi
fi

journal "$line_bad" || say "warn the journal cannot be written: the next run will find a switch under way"
if [ "$previous" = - ]; then
  saved
  exit 21
fi
if [ -z "$previous" ]; then
  disarm
  point_current '' || exit 21
  retire_others ''
  saved
  journal "$line_back" || :
  exit 22
fi
say "going back to $previous"
at going-back
back=$(slot_for "$previous")
if [ "$(current_id)" != "$previous" ]; then mark "$previous" "$back"; fi
if [ "$paused" = none ] && has_slots "$previous"; then
  start_slot "$previous" "$back" || { saved; exit 21; }
fi
if point_current "$previous" && { [ "$paused" != none ] || bring "$previous" "$back"; }; then
  at gone-back
  journal_in "$previous" "$line_back" || :
  arm_as_before
  if [ "$to_slot" != "$back" ] && [ "$(slot_release "$to_slot")" = "$release" ]; then retire_slot "$to_slot"; fi
  saved
  say "back $previous"
  exit 20
fi
saved
exit 21
