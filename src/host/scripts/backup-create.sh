# shellcheck shell=sh
# Makes a backup and reads it back.
#   $1 root  $2 database
# Parameters: the engine's; folder, compress, recipients, passphrase, identity_b64, limit, why, release, schema,
# min_size, shrink (percent), min_rows_b64 (lines `<rows> <table>`).
# Says what describe says of the new backup. Exit codes: 30 made but suspicious, 31 not read back, 36 no room.
read_parameters
enter_backups "$1" "$2" 'a backup'
refuse_half
began=$(now_iso)
epoch=$(date +%s)
since=$(ms)

versions=$(engine_version) || fail 1 "$database cannot be backed up: it does not answer as it should (see above)"
live=$(engine_size) || fail 1 "$database cannot be backed up (see above)"
last=$(newest_good)
case $(manifest_field "$folder/$last/manifest" size) in *[!0-9]*) last= ;; esac

# Room is asked for first: a disk that is full takes the app down with it. Archives of one database are much alike.
needed=$live
if [ -n "$last" ]; then
  before=$(manifest_field "$folder/$last/manifest" size)
  if [ "${before:-0}" -gt 0 ]; then
    needed=$(awk -v live="$live" -v stored="$(manifest_field "$folder/$last/manifest" stored)" -v size="$before" -v known="$(manifest_field "$folder/$last/manifest" live)" '
      BEGIN { base = known > 0 ? known : size; printf "%d", live * (stored / base) * 1.25 }')
  fi
fi
if [ "$(engine_kind)" = sqlite ]; then needed=$((needed + live)); fi
needed=$((needed + 33554432))
free=$(df -P -B1 "$folder" | awk 'NR == 2 { print $4 }')
if [ "${p_free:-$free}" -lt "$needed" ]; then
  fail 36 "no room for a backup of $database: $needed bytes are needed in $folder, ${p_free:-$free} are free"
fi
say "dumping $live"

dump() {
  pipe_begin
  part dump engine_dump 2>"$work/dumped" | seal
}
: >"$work/rows"
: >"$work/notes"
: >"$work/dumped"
sealed=yes
limited "${p_limit:-7200}" dump || sealed=no
own_words "$work/dumped"
if [ "$sealed" = no ] || ! pipe_ok; then fail 1 "the dump of $database failed"; fi
sync "$work/archive" || fail 36 "the archive of $database could not be brought to the disk"

size=$(cat "$work/size")
id=$(printf '%s' "$began" | sed 's/[-:Z]//g; s/T/-/')
while [ -e "$folder/$id" ]; do
  sleep 1
  id=$(date -u +%Y%m%d-%H%M%S)
done
mkdir "$work/new"
mv "$work/archive" "$work/new/archive"
{
  printf 'id\t%s\ndatabase\t%s\nengine\t%s\nkind\t%s\n' "$id" "$database" "$p_engine" "$(engine_kind)"
  printf 'began\t%s\nepoch\t%s\nended\t%s\nduration\t%s\n' "$began" "$epoch" "$(now_iso)" "$(($(ms) - since))"
  printf 'live\t%s\nsize\t%s\nstored\t%s\nsum\t%s\n' "$live" "$size" "$(wc -c <"$work/new/archive")" "$(cut -d ' ' -f 1 "$work/sum")"
  printf 'compress\t%s\nencrypt\t%s\n' "${p_compress:-none}" "$(encryption)"
  if [ "$(encryption)" = openssl ]; then printf 'key-check\t%s\n' "$(key_check)"; fi
  printf 'server\t%s\nclient\t%s\n' "$(printf '%s' "$versions" | cut -f 1)" "$(printf '%s' "$versions" | cut -f 2)"
  printf 'release\t%s\nwhy\t%s\n' "${p_release:-$(current_id)}" "${p_why:-manual}"
  if [ -n "${p_schema:-}" ]; then printf 'schema\t%s\n' "$p_schema"; fi
  sed -n '/^consistent	/p' "$work/notes"
  sed '/^consistent	/d; /^$/d; s/^/note./' "$work/notes"
  sed '/^$/d; s/^/rows	/' "$work/rows"
} >"$work/about"
{ printf 'check\t%s\n' "$(sha256 <"$work/about" | cut -d ' ' -f 1)" && cat "$work/about"; } >"$work/new/manifest" || fail 36 "the manifest of $database could not be written"
# The live size is only for the next one's room; a dump may be smaller or larger.
sync "$work/new/manifest" || fail 36 "the manifest of $database could not be brought to the disk"
mv "$work/new" "$folder/$id"
sync "$folder" 2>/dev/null || :
backup=$folder/$id

suspicion=
suspect() { suspicion="${suspicion:+$suspicion; }$1"; }
if [ "$size" -eq 0 ]; then suspect 'the dump is empty'; fi
if [ "$size" -lt "${p_min_size:-0}" ]; then suspect "the dump has $size bytes, and at least $p_min_size are expected (backup.min-size)"; fi
if [ -n "$last" ] && [ "$size" -gt 0 ]; then
  before=$(manifest_field "$folder/$last/manifest" size)
  if [ $((before * (100 - ${p_shrink:-50}))) -gt $((size * 100)) ]; then
    suspect "the dump has $size bytes, and the one before ($last) had $before: it has shrunk by more than ${p_shrink:-50} % (backup.shrink)"
  fi
fi
if [ -n "${p_min_rows_b64:-}" ]; then
  printf '%s' "$p_min_rows_b64" | base64 -d >"$work/least"
  while read -r least table; do
    [ -n "$table" ] || continue
    rows=$(awk -F '\t' -v table="$table" '$2 == table { print $1 }' "$work/rows")
    if [ -z "$rows" ]; then
      suspect "the table $table is not in it (expect.rows)"
    elif [ "$rows" -lt "$least" ]; then
      suspect "the table $table has $rows rows, and at least $least are expected (expect.rows)"
    fi
  done <"$work/least"
fi
if [ -n "$suspicion" ]; then
  printf '%s\n' "$suspicion" | mark_backup "$id" bad
  describe "$id"
  fail 30 "the backup $id of $database was made and is kept, and does not count: $suspicion"
fi

since=$(ms)
if ! verify_backup "$backup"; then
  if [ "$blame" != archive ]; then
    describe "$id"
    fail 31 "the backup $id of $database was made and cannot be read back: $damage"
  fi
  printf '%s\n' "$damage" | mark_backup "$id" bad
  describe "$id"
  fail 31 "the backup $id of $database is not good: $damage"
fi
printf 'at\t%s\nduration\t%s\nlevel\t%s\n' "$(now_iso)" "$(($(ms) - since))" "$level" | mark_backup "$id" verified || fail 36 "that $id was read back could not be written down"
describe "$id"
