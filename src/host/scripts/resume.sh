# shellcheck shell=sh
# Starts what pause.sh stopped, in the release that is live now, and opens the site once that is healthy. What does not become
# healthy leaves the page up, and .slipway/paused, so that the next run tries again.
#
# $1 root  $2 token
# stdin: one line, the password for sudo (may be empty)
# Says: "open" (nothing was paused) or "resumed RELEASE"; "unhealthy …", "log …"
enter "$1"
token=$2
IFS= read -r password || password=''
lock 120
own_lease "$token"
used_pm2=no
if [ ! -f "$state/paused" ]; then
  say open
  exit 0
fi
page=$(sed -n 's/^page=//p' "$state/paused" | head -n 1)
live=$(current_id)
if [ -n "$live" ]; then
  if ! bring "$live" "$(slot_for "$live")"; then
    saved
    exit 21
  fi
  retire_others "$live"
fi
saved
if [ "$page" = page ]; then rm -f "$state/maintenance"; fi
# Last: whoever dies before it lets the next run do all of this again.
rm -f "$state/paused"
release_timer || say 'warn the timer that goes back without a confirmation could not be armed again'
say "resumed $live"
