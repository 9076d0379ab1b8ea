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
    valid_id "$1"
    [ -d "releases/$1" ] || fail 3 "release $1 is not on this host"
    rm -f "$state/current.new"
    ln -s "releases/$1" "$state/current.new"
    # The link is made where `current` will be, so that its relative target is right, and renamed over it: atomic.
    mv -T "$state/current.new" "$root/current"
  else
    rm -f "$root/current"
  fi
  sync "$root"
}

# bring RELEASE: stops what RELEASE does not have, then starts or reloads each of its services in order.
bring() {
  used_pm2=no
  for folder in "$state/services"/*/; do
    [ -f "${folder}service" ] || continue
    load "${folder%/}"
    found=no
    for wanted in $(services_of "$1" | tr '\n' ' '); do
      case ${wanted##*/} in [0-9][0-9]-"$name") cmp -s "$wanted/manager" "${folder}manager" && found=yes ;; esac
    done
    if [ "$found" = no ]; then
      if [ "$manager" = pm2 ]; then used_pm2=yes; fi
      "${manager}_stop"
      rm -rf "$folder"
      say "stopped $name"
    fi
  done
  services_of "$1" >"$state/bring"
  result=0
  while IFS= read -r folder <&6; do
    load "$folder"
    if [ "$manager" = pm2 ]; then used_pm2=yes; fi
    say "starting $name"
    "${manager}_mark"
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
  done 6<"$state/bring"
  rm -f "$state/bring" "$state/health.out" "$state/pm2.out"
  if [ "$used_pm2" = yes ]; then pm2_saved; fi
  return "$result"
}

# What install commands made (node_modules, .venv …) is not in the manifest: its folders are noted, so that a later
# rollback can prove that they are still there.
if [ -n "$release" ] && [ ! -f "$state/manifests/$release/installed" ] && [ "$(current_id)" != "$release" ]; then
  sed -z -n 's,^d [0-7]* ,,; t path; b; :path; s,//$,,; p' "$state/manifests/$release/tree" | tr '\0' '\n' | sort >"$state/folders.sent"
  (cd "releases/$release" && find . -mindepth 1 -maxdepth 3 -type d -printf '%P\n') | sort | comm -13 "$state/folders.sent" - |
    awk 'last != "" && index($0, last "/") == 1 { next } { print; last = $0 }' >"$state/folders.made"
  rm -f "$state/folders.sent"
  mv "$state/folders.made" "$state/manifests/$release/installed"
fi

journal "$line_switching"
point_current "$release"
say "switched"
if bring "$release"; then
  journal "$line_active"
  say "active $release"
  exit 0
fi

journal "$line_bad"
if [ "$previous" = - ]; then exit 21; fi
if [ -z "$previous" ]; then
  point_current ''
  bring '' || :
  journal "$line_back"
  exit 22
fi
say "going back to $previous"
point_current "$previous"
if bring "$previous"; then
  journal "$line_back"
  say "back $previous"
  exit 20
fi
exit 21
