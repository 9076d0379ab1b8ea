# shellcheck shell=sh
# Stops everything that runs here for a while, so that nobody writes while the data is changed; with a site the page comes
# first. What was stopped is started again by resume.sh: by the same run, or, when that has died, by the next one.
#
# $1 root  $2 token  $3 page | no-page: whether nginx shows the page meanwhile  $4 why (one line)
# stdin: one line, the password for sudo (may be empty)
#
# .slipway/paused: release=, page= (page | no-page | kept: somebody had closed the site by hand before), at=, why=
# .slipway/maintenance: while it is here nginx answers 503 on every route
enter "$1"
token=$2 page=$3 why=$4
IFS= read -r password || password=''
lock 120
own_lease "$token"
used_pm2=no
if [ ! -f "$state/paused" ]; then
  if [ "$page" = page ] && [ -e "$state/maintenance" ]; then page=kept; fi
  if ! printf 'release=%s\npage=%s\nat=%s\nwhy=%s\n' "$(current_id)" "$page" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$why" 2>/dev/null >"$state/paused.new" ||
    ! mv "$state/paused.new" "$state/paused"; then
    rm -f "$state/paused.new"
    fail 1 'what is to be paused cannot be written down: is the disk full?'
  fi
fi
case $page in page | kept) : >"$state/maintenance" ;; esac
sync "$state" || :
hold_timer
stopped=yes
for folder in "$state/services"/*/; do
  [ -f "${folder}service" ] || continue
  load "${folder%/}"
  halt || stopped=no
done
saved
[ "$stopped" = yes ] || fail 1 'a service could not be stopped: it may still write'
say paused
