# shellcheck shell=sh
# Writes journal lines, ends what is no longer needed, and deletes releases that nobody needs any more. A release that
# cannot be deleted is a warning; it stays in the journal, so that the next run tries again.
#
# $1 root  $2 token  $3 release that must be live, or ''  $4 retire: end all but the live release's services | keep
# $5 number of journal lines, the lines …, then for each release to delete its id and the line that says so
# stdin: one line, the password for sudo (may be empty)
enter "$1"
token=$2 confirmed=$3 retire=$4 lines=$5
shift 5
IFS= read -r password || password=''
lock 120
own_lease "$token"
used_pm2=no
if [ -n "$confirmed" ] && [ "$(current_id)" != "$confirmed" ]; then
  fail 8 "$(current_id) is live, not $confirmed: this host has gone back by itself meanwhile"
fi
while [ "$lines" -gt 0 ]; do
  journal "$1"
  shift
  lines=$((lines - 1))
done
at confirmed
if [ "$retire" = retire ]; then
  disarm
  retire_others "$(current_id)"
fi
at retired
while [ "$#" -ge 2 ]; do
  id=$1 line=$2
  shift 2
  valid_id "$id"
  if [ "$id" = "$(current_id)" ]; then
    say "kept $id"
    continue
  fi
  for marker in blue green; do
    if [ "$(slot_release "$marker")" = "$id" ]; then retire_slot "$marker"; fi
  done
  begun=$(clock "$state/clock" 2>/dev/null) || begun=
  if list_stats "releases/$id" 2>/dev/null | judge forged "$state/manifests/$id/index" | grep . >/dev/null; then begun=; fi
  # The manifest goes first: without it a half-deleted release does not count as whole.
  if rm -rf "$state/staging/$id" "$state/manifests/$id" && rm -rf "releases/$id"; then
    # That moved the ctimes of what other releases have in common with it. If somebody else had moved one before, that must
    # still show there: then nothing is noted.
    if [ -n "$begun" ]; then linked "$begun" "$(clock "$state/clock")" 2>/dev/null || :; fi
    rm -f "$state/clock"
    at deleted
    journal "$line"
    say "removed $id"
  else
    say "stuck $id"
  fi
done
compose_forget
saved
