# shellcheck shell=sh
# Nobody confirmed: this host goes back by itself. Started by its own timer, with neither runner nor network, from a copy
# that arm (slots.sh) put beside it; or by a later run that finds the time long over.
#
# $1 root
enter "$1"
password=''
[ -f "$state/revert/armed" ] || exit 0
PATH=$(armed_field path)
export PATH
lock 900
# Confirmed, or switched on, while we waited.
[ -f "$state/revert/armed" ] || exit 0
release=$(armed_field release) target=$(armed_field target) within=$(armed_field within)
valid_id "$release"
valid_id "$target"
if [ "$(current_id)" != "$release" ]; then
  disarm
  exit 0
fi
mkdir -p "$state/logs" "$state/services"
used_pm2=no
event() { printf '{"event":"%s","release":"%s","at":"%s"%s}' "$1" "$2" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$3"; }
reason="nobody confirmed it within $within s"

to_slot=$(slot_for "$target")
failed() {
  journal "$(event unhealthy "$target" ",\"reason\":\"could not be gone back to when $reason\"")" || :
  disarm
  saved
  exit 21
}
at revert-begun
if [ ! -d "releases/$target" ] || [ ! -d "$state/manifests/$target" ]; then failed; fi
mark "$target" "$to_slot"
if has_slots "$target"; then start_slot "$target" "$to_slot" || failed; fi
saved
journal "$(event switching "$target" ",\"previous\":\"$release\",\"why\":\"revert\"")" || :
at revert-switching
if point_current "$target" && bring "$target" "$to_slot"; then
  at reverted
  journal_in "$target" "$(event reverted "$release" ",\"to\":\"$target\",\"reason\":\"$reason\"")" || :
  disarm
  retire_others "$target"
  saved
  say "reverted $release $target"
  exit 0
fi
# The release nobody confirmed is better than none.
if point_current "$release"; then bring "$release" "$(slot_for "$release")" || :; fi
failed
