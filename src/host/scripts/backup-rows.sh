# shellcheck shell=sh
# The rows of the live data by table, `<n><TAB><table>`; changes nothing.
#   $1 root  $2 database  $3 exists: only say `exists` when there is data at all; fits: only whether the backup $4 fits into this
#   server. Exit code 37: it is not known to
read_parameters
look_at "$1" "$2"
if [ "${3:-}" = exists ]; then
  if ! command -v engine_exists >/dev/null || engine_exists; then say exists; fi
  exit 0
fi
if [ "${3:-}" = fits ] && ! command -v engine_takes >/dev/null; then exit 0; fi
server=$(engine_version) || fail 1 "$database does not answer as it should (see above)"
if [ "${3:-}" = fits ]; then
  choose "$4"
  fits "$backup" "$(printf '%s' "$server" | cut -f 1)" || unfit
  exit 0
fi
engine_rows || fail 1 "the rows of $database cannot be counted (see above)"
