# shellcheck shell=sh
# What runs here now. Reads only. Says "service NAME MANAGER PIDS RESTARTS FOLDER HEALTH SLOT live|warm" for each, after asking its health.
#
# $1 root
enter "$1"
password=''
live=$(marker_of "$(current_id)")
for folder in "$state/services"/*/; do
  [ -f "${folder}service" ] || continue
  load "${folder%/}"
  pids=$("${manager}_pids" | tr '\n' ',')
  first=${pids%%,*}
  if [ -z "$slot" ] || [ "$slot" = "$live" ]; then which=live; else which=warm; fi
  seen_in=''
  if [ -n "$first" ]; then works_in none "$first" >/dev/null || :; fi
  if [ -z "$pids" ]; then health='failing (no process)'
  elif ask_health; then health=ok; else health="failing ($observed)"; fi
  printf 'service\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$manager" "${pids%,}" "$("${manager}_restarts")" "${seen_in:-?}" "$health" "$slot" "$which"
done
