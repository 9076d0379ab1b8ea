# shellcheck shell=sh
# Reads a backup back whole.
#   $1 root  $2 database  $3 id ('' for the newest that is not bad)
# Parameters: the engine's; folder, passphrase, identity_b64. Says what describe says. Exit code 31: not whole, or not opened.
read_parameters
enter_backups "$1" "$2" 'a verification'
if [ -n "${3:-}" ]; then
  choose "$3"
else
  newest=
  for one in $(ids); do [ "$(state_of "$one")" = bad ] || newest=$one; done
  [ -n "$newest" ] || fail 32 "there is no backup of $database to verify"
  choose "$newest"
fi
since=$(ms)
if ! verify_backup "$backup"; then
  if [ "$blame" != archive ]; then fail 31 "the backup $id of $database was not read back: $damage"; fi
  rm -f "$backup/verified"
  printf '%s\n' "$damage" | mark_backup "$id" bad
  fail 31 "the backup $id of $database is not good: $damage"
fi
# What was suspicious stays so: that it can be read does not make it more.
printf 'at\t%s\nduration\t%s\nlevel\t%s\n' "$(now_iso)" "$(($(ms) - since))" "$level" | mark_backup "$id" verified || fail 36 "that $id was read back could not be written down"
describe "$id"
