# shellcheck shell=sh
# A team's own commands. They run in the live release with its environment (in_release).
engine_tools() { :; }
engine_kind() { echo dump; }
# What a command does to the data when it is killed, nobody knows.
engine_atomic() { return 1; }
engine_open() { :; }
engine_version() { printf 'own\town\n'; }
# Nobody can tell before: the last dump's size is the best guess.
engine_size() {
  last_size=$(manifest_field "$folder/$(newest_good)/manifest" size)
  printf '%s\n' "${last_size:-0}"
}

own_command() { printf '%s' "$1" | base64 -d; }

engine_dump() {
  in_release "$(own_command "${p_dump_b64:-}")" || return 1
  printf 'consistent\tno the command decides\n' >"$work/notes"
  engine_rows >"$work/rows"
}
engine_rows() {
  wanted=$(own_command "${p_rows_b64:-}")
  [ -n "$wanted" ] || return 0
  in_release "$wanted" </dev/null | awk 'NF >= 2 { n = $1; sub(/^[ \t]*[^ \t]+[ \t]+/, ""); printf "%s\t%s\n", n, $0 }'
}
engine_scan() {
  check=$(own_command "${p_check_b64:-}")
  checked=0
  if [ -n "$check" ]; then in_release "$check" || checked=$?; fi
  # Who has seen enough need not read to the end.
  cat >/dev/null
  return "$checked"
}
engine_scratch() {
  echo 'slipway: the engine command knows no scratch database, so it has no drill; its check and a restore on staging are the proof' >&2
  return 5
}
engine_drop() { :; }
engine_scratches() { :; }
engine_integrity() { :; }
engine_probe() { return 1; }
engine_restore() { in_release "$(own_command "${p_restore_b64:-}")"; }
engine_facts() { printf 'encrypted\tlocal\nintegrity\tnot asked\n'; }
