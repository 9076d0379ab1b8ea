# shellcheck shell=sh
# Restores a backup into a scratch database beside the live one, proves it there, and drops it.
#   $1 root  $2 database  $3 id ('' for the newest good one)
# Parameters: the engine's; folder, passphrase, identity_b64, limit, probes_b64 (one line per probe, each in base64).
# Says: describe; `restored<TAB>MS`, `age<TAB>S`, `row<TAB>N<TAB>TABLE`, `probe<TAB>ANSWER`, `problem<TAB>TEXT`. Exit code 35: it failed.
read_parameters
enter_backups "$1" "$2" 'a drill'
choose "${3:-}"
[ "$(state_of "$id")" != bad ] || fail 32 "the backup $id of $database is bad: $(head -n 1 "$backup/bad")"
whole_archive "$backup" || fail 31 "the backup $id of $database is not good: $damage"
may_open "$backup" || fail 31 "the backup $id of $database is encrypted, and no key was given: a drill must open it (backup-key, --key)"
if wrong_passphrase "$backup"; then fail 31 "the backup $id of $database was not drilled: $damage"; fi
server=$(engine_version) || fail 1 "$database does not answer as it should (see above)"
server=$(printf '%s' "$server" | cut -f 1)
doubt=
fits "$backup" "$server" || doubt=$damage
age=$(($(date +%s) - $(manifest_field "$backup/manifest" epoch)))

# The scratch copy takes the room the data takes.
size=$(manifest_field "$backup/manifest" size)
case $(engine_kind) in sqlite | tar)
  free=$(df -P -B1 "$folder" | awk 'NR == 2 { print $4 }')
  if [ "$free" -lt $((size + 33554432)) ]; then fail 36 "no room for the scratch copy of $database: $size bytes are needed in $folder, $free are free"; fi
  ;;
esac

name=$(scratch_name)
printf '%s\n' "$name" >>"$folder/.scratch" || fail 36 "cannot write to $folder: is the disk full?"
since=$(ms)
load_scratch() {
  pipe_begin
  unseal "$backup" | part load engine_scratch "$name" 2>"$work/loaded"
}
problems=$work/problems
: >"$problems"
: >"$work/loaded"
if ! limited "${p_limit:-7200}" load_scratch || ! pipe_ok; then
  # What the host or the account lacks says nothing about the backup.
  if [ "$(cat "$work/failed-load" 2>/dev/null)" = 5 ]; then
    own_words "$work/loaded"
    engine_drop "$name" </dev/null 2>/dev/null && rm -f "$folder/.scratch"
    fail 5 "no drill of $database is possible here: $(grep -v -e '^$' -e 'Broken pipe' "$work/loaded" | tail -n 1 | sed 's/^slipway: //')"
  fi
  # Nor does another key.
  if { part_failed decrypt || { part_failed expand && ! part_failed load; }; } && open_failed "$backup"; then
    engine_drop "$name" </dev/null 2>/dev/null && rm -f "$folder/.scratch"
    fail 31 "the backup $id of $database was not drilled: $damage"
  fi
  if { part_failed decrypt || part_failed expand; } && ! part_failed load; then
    printf '%s\n' "$damage" >>"$problems"
  else
    own_words "$work/loaded"
    printf 'it could not be restored: %s\n' "$(grep -v -e '^$' -e 'Broken pipe' "$work/loaded" | tail -n 1)" >>"$problems"
  fi
fi
took=$(($(ms) - since))
printf 'restored\t%s\nage\t%s\n' "$took" "$age"

if [ ! -s "$problems" ]; then
  engine_rows "$name" >"$work/scratch-rows" 2>"$work/said" || { own_words "$work/said"; echo 'its rows cannot be counted' >>"$problems"; }
  sed 's/^/row	/' "$work/scratch-rows"
  case $(manifest_field "$backup/manifest" consistent) in
    no*) : ;;
    *)
      awk -F '\t' '
        NR == FNR { if ($1 == "rows") wanted[$3] = $2; next }
        { found[$2] = $1 }
        END {
          for (table in wanted) if (!(table in found)) printf "the table %s is not there\n", table
          else if (found[table] != wanted[table]) printf "the table %s has %s rows, and the manifest says %s\n", table, found[table], wanted[table]
          for (table in found) if (!(table in wanted)) printf "the table %s is not in the manifest\n", table
        }' "$backup/manifest" "$work/scratch-rows" >>"$problems"
      ;;
  esac
  engine_integrity "$name" >"$work/damage" 2>"$work/said" || {
    own_words "$work/said"
    { grep . "$work/damage" || echo 'its integrity could not be checked'; } | head -n 20 >>"$problems"
  }
  printf '%s' "${p_probes_b64:-}" | base64 -d >"$work/probes" 2>/dev/null
  while IFS= read -r probe; do
    [ -n "$probe" ] || continue
    text=$(printf '%s' "$probe" | base64 -d)
    if answer=$(engine_probe "$name" "$text" 2>"$work/said" </dev/null); then
      printf 'probe\t%s\n' "$(printf '%s' "$answer" | head -n 1 | tr '\t' ' ' | cut -c 1-200)"
    else
      printf 'the probe is not true: %s: %s\n' "$(printf '%s' "$text" | tr '\n\t' '  ')" "$(printf '%s %s' "$answer" "$(tail -n 1 "$work/said")" | tr '\n\t' '  ' | cut -c 1-300)" >>"$problems"
    fi
  done <"$work/probes"
fi

if [ -s "$problems" ] && [ -n "$doubt" ]; then printf 'that may be because %s\n' "$doubt" >>"$problems"; fi

# It must be gone however it went; what cannot be dropped now is dropped by the next.
if engine_drop "$name" </dev/null; then rm -f "$folder/.scratch"; else say "warn the scratch database $name could not be dropped; the next backup or drill tries again"; fi
{
  printf 'at\t%s\nduration\t%s\nage\t%s\nserver\t%s\n' "$(now_iso)" "$took" "$age" "$server"
  if [ -s "$problems" ]; then printf 'result\tfailed\nreason\t%s\n' "$(tr '\t\n' ' ;' <"$problems")"; else printf 'result\tok\n'; fi
} | mark_backup "$id" drilled || fail 36 "how the drill of $id ended could not be written down"
describe "$id"
if [ -s "$problems" ]; then
  sed 's/^/problem	/' "$problems"
  fail 35 "the drill of $id failed: $(head -n 3 "$problems" | tr '\n' ';' | sed 's/;$//; s/;/; /g')"
fi
