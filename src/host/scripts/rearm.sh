# shellcheck shell=sh
# Begins the time of the timer anew: other hosts of the fleet have just been switched.
#
# $1 root  $2 token  $3 release that waits for its confirmation; stdin: one line, the password for sudo (may be empty)
enter "$1"
IFS= read -r password || password=''
lock 120
own_lease "$2"
[ "$(current_id)" = "$3" ] || fail 8 "$(current_id) is live, not $3: this host has gone back by itself meanwhile"
if [ "$(armed_field release)" = "$3" ]; then arm "$3" "$(armed_field target)" "$(armed_field within)"; fi
rm -f "$state/revert/before"
