# shellcheck shell=sh
# What preflight asks of a database and its backups. Changes nothing, and works before there is a backup, a release or a folder.
#   $1 root  $2 database
# Parameters: the engine's; folder, compress, recipients, passphrase (which tools are needed), env_file, directory,
# count (yes: the rows too), pending_b64, schema_version_b64 (commands of the team's).
# Says lines `key<TAB>value`, each value one line:
#   absent yes       the app's folder is not there yet         live RELEASE
#   lacking TOOLS    with their packages                        empty yes (there is no file or folder of data)
#   version SERVER CLIENT, or unreachable TEXT; what engine_facts says; row N TABLE, or uncounted TEXT
#   free BYTES       where backups go                           restoring ID SAFETY-ID
#   backup ID EPOCH SIZE STORED DURATION WHY  the newest good one;  damaged TEXT  when it is not there as it was written
#   bad ID REASON    each that is newer                         drill ID AT RESULT REASON  the last one
#   scheduled yes    the host has a timer for it
#   pending CODE, pending-line TEXT; schema VERSION             end ok
read_parameters
if [ -f "${1%/}/.slipway/app" ]; then
  enter "$1"
else
  # Before the first deploy the server can be asked all the same.
  root=${1%/}
  guard_root "$root"
  state=$root/.slipway
  cd /
  printf 'absent\tyes\n'
fi
look_in "$2"
release=$(current_id)
if [ -n "$release" ]; then printf 'live\t%s\n' "$release"; fi

# tell KEY TEXT: one line, whatever the text is.
tell() { printf '%s\t%s\n' "$1" "$(printf '%s' "$2" | tr '\t\r\n' '   ' | cut -c 1-400)"; }
last_words() { grep -v '^[[:blank:]]*$' "$1" 2>/dev/null | tail -n 1 | sed 's/^slipway: //'; }

# in_time SECONDS COMMAND…: 124 when it was ended.
in_time() {
  rm -f "$work/too-long"
  in_time_code=0
  limited "$@" 2>"$work/limited" || in_time_code=$?
  if [ -e "$work/too-long" ]; then return 124; fi
  return "$in_time_code"
}

# --- the server --------------------------------------------------------------------------------------------------
# In this order, so that what came before the time was over is told.
ask_engine() {
  engine_version >"$work/asked-version" 2>"$work/said-version" || return 1
  mv "$work/asked-version" "$work/version"
  engine_facts >"$work/facts" 2>"$work/said-facts" || return 1
  if [ "${p_count:-}" = yes ]; then
    engine_rows >"$work/asked-rows" 2>"$work/said-rows" || return 1
    mv "$work/asked-rows" "$work/rows"
  fi
}
tell_engine() {
  if [ ! -s "$work/version" ]; then
    if [ "$1" = 124 ]; then tell unreachable 'no answer within 60 s'; else tell unreachable "$(last_words "$work/said-version")"; fi
    return 0
  fi
  sed 's/^/version	/' "$work/version"
  # A tool without which some is not told is not one that backups need.
  sed 's/^lacking	/untold	/' "$work/facts" 2>/dev/null || :
  if [ -s "$work/said-facts" ]; then tell untold "$(last_words "$work/said-facts")"; fi
  if [ "${p_count:-}" != yes ]; then return 0; fi
  if [ -f "$work/rows" ]; then
    sed 's/^/row	/' "$work/rows"
  elif [ "$1" = 124 ]; then
    tell uncounted 'not counted within 60 s'
  else
    tell uncounted "$(last_words "$work/said-rows")"
  fi
}

find_lacking
if [ -n "$lacking" ]; then tell lacking "${lacking# }"; fi
askable=yes
for tool in $(engine_tools); do has_tool "$tool" || askable=no; done
if command -v engine_exists >/dev/null && ! engine_exists; then
  askable=no
  printf 'empty\tyes\n'
fi
if [ "$askable" = yes ]; then
  engine_open || fail 5 "the credentials of $database could not be prepared"
  asked=0
  in_time 60 ask_engine || asked=$?
  tell_engine "$asked"
fi

# --- the backups -------------------------------------------------------------------------------------------------
there=$folder
while [ ! -d "$there" ]; do there=${there%/*} there=${there:-/}; done
printf 'free\t%s\n' "$(df -P -B1 "$there" | awk 'NR == 2 { print $4 }')"

tell_good() {
  of=$folder/$1/manifest
  printf 'backup\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$(manifest_field "$of" epoch)" "$(manifest_field "$of" size)" "$(manifest_field "$of" stored)" \
    "$(manifest_field "$of" duration)" "$(manifest_field "$of" why)"
  # Its sum is what a verification reads; that much is seen at once.
  found=$(wc -c <"$folder/$1/archive" 2>/dev/null) || found=none
  if [ "$found" != "$(manifest_field "$of" stored)" ]; then tell damaged "its archive has $found bytes instead of $(manifest_field "$of" stored)"; fi
}
good=$(newest_good)
if [ -n "$good" ]; then tell_good "$good"; fi
ids | tac | while IFS= read -r one; do
  if [ "$one" = "$good" ]; then break; fi
  if [ "$(state_of "$one")" = bad ]; then tell "bad	$one" "$(head -n 1 "$folder/$one/bad")"; fi
done
for one in $(ids); do
  if [ -f "$folder/$one/drilled" ]; then
    of=$folder/$one/drilled
    printf '%s\t%s\t%s\t%s\n' "$(manifest_field "$of" at)" "$one" "$(manifest_field "$of" result)" "$(manifest_field "$of" reason)"
  fi
done | sort | tail -n 1 | awk -F '\t' '{ printf "drill\t%s\t%s\t%s\t%s\n", $2, $1, $3, $4 }'
if [ -f "$folder/restoring" ]; then
  printf 'restoring\t%s\t%s\n' "$(manifest_field "$folder/restoring" id)" "$(manifest_field "$folder/restoring" safety)"
fi
if [ -f "$state/backups/$database/.schedule/installed" ]; then printf 'scheduled\tyes\n'; fi

# --- the schema --------------------------------------------------------------------------------------------------
ask_release() { in_release "$1" "${p_directory:-.}" >"$work/answer" 2>"$work/said-answer"; }
if [ -n "$release" ] && [ -n "${p_pending_b64:-}" ]; then
  asked=0
  in_time 25 ask_release "$(printf '%s' "$p_pending_b64" | base64 -d)" || asked=$?
  printf 'pending\t%s\n' "$asked"
  [ "$asked" = 0 ] || mv "$work/said-answer" "$work/answer"
  grep -v '^[[:blank:]]*$' "$work/answer" | tail -n 20 | tr '\t\r' '  ' | sed 's/^/pending-line	/' || :
fi
if [ -n "$release" ] && [ -n "${p_schema_version_b64:-}" ]; then
  if in_time 15 ask_release "$(printf '%s' "$p_schema_version_b64" | base64 -d)"; then tell schema "$(last_words "$work/answer")"; fi
fi
printf 'end\tok\n'
