# shellcheck shell=sh
# Deletes the backups that no rule wants.
#   $1 root  $2 database  $3 apply | plan
# Parameters: folder; keep_count, keep_age (seconds), keep_daily, keep_weekly, keep_monthly: one that any of them wants stays.
# The newest good one always stays, and so does what is newer; bad ones go after seven days.
# Says `removed<TAB>ID` …, then `kept<TAB>N`.
read_parameters
enter_backups "$1" "$2" 'deleting old backups'
# The one it takes back, and its safety backup, are needed until a restore has come to its end.
if [ "$3" = apply ]; then refuse_half; fi
ids | while IFS= read -r one; do
  printf '%s %s %s\n' "$one" "$(state_of "$one")" "$(manifest_field "$folder/$one/manifest" epoch)"
done | tac | awk -v now="$(date +%s)" -v count="${p_keep_count:-}" -v age="${p_keep_age:-}" -v daily="${p_keep_daily:-}" -v weekly="${p_keep_weekly:-}" -v monthly="${p_keep_monthly:-}" '
  # Of each day, week or month the newest counts. Weeks begin with Monday; the first of the epoch was a Thursday.
  function wants(limit, period, seen) { if (limit == "" || period in seen || seen["n"] + 0 >= limit + 0) return 0; seen[period] = 1; seen["n"]++; return 1 }
  BEGIN { seen_day["n"] = seen_week["n"] = seen_month["n"] = 0; rules = count != "" || age != "" || daily != "" || weekly != "" || monthly != "" }
  {
    id = $1; state = $2; at = $3
    good = state == "good" || state == "drilled"
    # Nobody knows when one from the future was made: it stays, and stands for no other.
    if (!rules || at == "" || at > now + 60) { kept++; next }
    if (state == "bad") { if (now - at < 604800) kept++; else print "removed\t" id; next }
    if (!found) { if (good) { found = 1; goods = 0 } else { kept++; next } }
    keep = good && goods == 0
    if (good) {
      goods++
      if (count != "" && goods <= count + 0) keep = 1
      if (wants(daily, substr(id, 1, 8), seen_day)) keep = 1
      if (wants(weekly, int((at / 86400 + 3) / 7), seen_week)) keep = 1
      if (wants(monthly, substr(id, 1, 6), seen_month)) keep = 1
    }
    if (age != "" && now - at < age + 0) keep = 1
    if (keep) kept++; else print "removed\t" id
  }
  END { printf "kept\t%d\n", kept }' >"$work/verdict"
if [ "$3" = apply ]; then
  sed -n 's/^removed	//p' "$work/verdict" | while IFS= read -r one; do
    # First out of sight: a half-deleted one must not count.
    if ! mv "$folder/$one" "$work/gone-$one" || ! rm -rf "$work/gone-$one"; then fail 1 "the backup $one of $database could not be deleted"; fi
  done
fi
cat "$work/verdict"
