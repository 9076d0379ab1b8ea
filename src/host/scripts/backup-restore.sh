# shellcheck shell=sh
# Makes a backup the live data. Whoever calls it has stopped what writes, and has made a safety backup.
#   $1 root  $2 database  $3 token  $4 id  $5 the safety backup's id (may be empty)
# Parameters: the engine's; folder, passphrase, identity_b64.
# Exit code 37: it would not fit. Says `restored<TAB>MS`. Where the engine is not all or nothing, .restoring is there from before its first change to its end.
read_parameters
enter "$1"
own_lease "$3"
enter_backups "$1" "$2" 'a restore'
choose "$4"
whole_archive "$backup" || fail 31 "the backup $id of $database is not good, and nothing was restored: $damage"
may_open "$backup" || fail 31 "the backup $id of $database is encrypted, and no key was given; nothing was restored (backup-key, --key)"
# All of it is read before anything is changed: a wrong key must not be found out half-way.
verify_backup "$backup" || fail 31 "the backup $id of $database cannot be restored, and nothing was changed: $damage"
# Of a file or a folder there may be nothing left to ask.
ready() { if command -v engine_ready >/dev/null; then engine_ready; else server=$(engine_version) && server=$(printf '%s' "$server" | cut -f 1); fi; }
server=
ready || fail 1 "$database does not answer as it should (see above); nothing was restored"
fits "$backup" "$server" || unfit

since=$(ms)
half=no
if [ -e "$folder/restoring" ]; then half=yes; fi
if ! engine_atomic; then
  if ! printf 'id\t%s\nsafety\t%s\nat\t%s\n' "$id" "${5:-}" "$(now_iso)" >"$work/restoring" || ! sync "$work/restoring" || ! mv "$work/restoring" "$folder/restoring"; then
    fail 36 'the beginning of the restore could not be written down; nothing was restored'
  fi
  sync "$folder" 2>/dev/null || :
fi
bring_back() {
  pipe_begin
  unseal "$backup" | part load engine_restore 2>"$work/loaded"
}
: >"$work/loaded"
if ! bring_back || ! pipe_ok; then
  own_words "$work/loaded"
  if [ "$half" = no ] && [ -e "$work/untouched" ]; then rm -f "$folder/restoring"; fi
  if [ ! -e "$folder/restoring" ]; then fail 1 "the restore of $id into $database failed; the data is as it was"; fi
  fail 34 "the restore of $id into $database failed half-way: the data is neither the old nor the new"
fi
own_words "$work/loaded"
rm -f "$folder/restoring"
printf 'restored\t%s\n' "$(($(ms) - since))"
