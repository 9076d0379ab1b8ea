# shellcheck shell=sh
# Writes journal lines and deletes releases that nobody needs any more. A release that cannot be deleted is a warning; it
# stays in the journal, so that the next run tries again.
#
# $1 root  $2 token  $3 number of journal lines, the lines …, then for each release to delete its id and the line that says so
enter "$1"
token=$2 lines=$3
shift 3
lock 120
own_lease "$token"
while [ "$lines" -gt 0 ]; do
  journal "$1"
  shift
  lines=$((lines - 1))
done
while [ "$#" -ge 2 ]; do
  id=$1 line=$2
  shift 2
  valid_id "$id"
  if [ "$id" = "$(current_id)" ]; then
    say "kept $id"
    continue
  fi
  # The manifest goes first: without it a half-deleted release does not count as whole.
  if rm -rf "$state/staging/$id" "$state/manifests/$id" && rm -rf "releases/$id"; then
    journal "$line"
    say "removed $id"
  else
    say "stuck $id"
  fi
done
