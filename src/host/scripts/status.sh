# shellcheck shell=sh
# What runs here now. Reads only. Says "service NAME MANAGER PIDS RESTARTS FOLDER" for each, after asking its health.
#
# $1 root
enter "$1"
password=''
for folder in "$state/services"/*/; do
  [ -f "${folder}service" ] || continue
  load "${folder%/}"
  pids=$("${manager}_pids" | tr '\n' ',')
  first=${pids%%,*}
  if [ -z "$pids" ]; then health='failing (no process)'
  elif ask_health; then health=ok; else health="failing ($observed)"; fi
  printf 'service\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$manager" "${pids%,}" "$("${manager}_restarts")" "$(readlink "/proc/${first:-none}/cwd" 2>/dev/null || echo '?')" "$health"
done
