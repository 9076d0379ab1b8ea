# shellcheck shell=sh
# The rows of the live data by table, `<n><TAB><table>`; changes nothing.
#   $1 root  $2 database  $3 exists: only say `exists` when there is data at all
read_parameters
look_at "$1" "$2"
if [ "${3:-}" = exists ]; then
  if ! command -v engine_exists >/dev/null || engine_exists; then say exists; fi
  exit 0
fi
engine_version >/dev/null || fail 1 "$database does not answer as it should (see above)"
engine_rows || fail 1 "the rows of $database cannot be counted (see above)"
