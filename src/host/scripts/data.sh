# shellcheck shell=sh
# Backups on the host. Sent between lib.sh and an engine (engine-*.sh), in front of a script; the host's own timer runs the
# same texts, with its parameters in a private file.
#
# <root>/.slipway/backups/<database>/, or <folder>/<database>/ (all of it for the owner alone):
#   lock, holder      one operation per database, and which
#   .work/            of that operation: credentials, half an archive; what a dead one left is deleted by the next
#   .scratch          names of scratch databases that are not known to be dropped yet
#   <id>/             archive, manifest; verified, drilled, bad, copied say what became of it
#   restoring         a restore of the live data that is not all or nothing was begun and has not ended

now_iso() { date -u +%Y-%m-%dT%H:%M:%SZ; }
# Milliseconds of the uptime, which does not jump.
ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }
has_engine() { command -v engine_open >/dev/null; }

# place_of DATABASE: where its backups lie becomes $folder, where its files lie an absolute path.
place_of() {
  database=$1
  case $database in
    '' | *[!a-z0-9-]*) fail 3 "'$database' is no name of a database" ;;
  esac
  case ${p_folder:-$state/backups} in
    /*) folder=${p_folder:-$state/backups} ;;
    *) fail 3 "refusing to keep backups in '$p_folder': the path must be absolute" ;;
  esac
  folder=${folder%/}/$database
  case ${p_path:-/} in
    /*) : ;;
    *) p_path=$root/$p_path ;;
  esac
}

# make_place: the folder is there, it is ours, and it is for nobody else.
make_place() {
  umask 077
  if ! mkdir -p "$folder" 2>/dev/null || [ ! -w "$folder" ]; then fail 7 "$(id -un) may not write to $folder"; fi
  chmod 700 "$folder" 2>/dev/null || :
  if [ ! -f "$folder/app" ]; then
    cp "$state/app" "$folder/app" || fail 7 "cannot write to $folder"
  elif ! cmp -s "$state/app" "$folder/app"; then
    fail 3 "$folder holds backups of $(cat "$folder/app"): give this app a folder of its own"
  fi
}

# enter_backups ROOT DATABASE [WHAT]: after it nobody else is at work on this database, and $work is an empty private folder.
enter_backups() {
  enter "$1"
  place_of "$2"
  make_place
  exec 7>>"$folder/lock"
  if ! flock -w "${p_wait:-30}" 7; then
    fail 33 "something else is at work on the backups of $database: $(cat "$folder/holder" 2>/dev/null)"
  fi
  printf '%s since %s (process %s)\n' "${3:-work}" "$(now_iso)" "$$" >"$folder/holder" || fail 36 "cannot write to $folder: is the disk full?"
  work=$folder/.work
  trap 'leave_backups' EXIT
  trap 'exit 143' TERM INT
  wipe "$work" || fail 1 "what an operation before has left in $work cannot be deleted"
  mkdir "$work" || fail 36 "cannot write to $folder: is the disk full?"
  if has_engine; then
    need_tools
    engine_open || fail 5 "the credentials of $database could not be prepared"
    drop_scratches
  fi
}

# Nothing that we started works on, and nothing private stays.
leave_backups() {
  trap '' TERM INT
  end_descendants "$$"
  wipe "$work" || :
  : >"$folder/holder" 2>/dev/null || :
}

# wipe FOLDER: gone, also when folders in it may not be written to, as in a copy of somebody's uploads.
wipe() {
  rm -rf "$1" 2>/dev/null && return 0
  find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \;
  rm -rf "$1"
}

# look_at ROOT DATABASE: like enter_backups for a script that only reads: no lock, nothing is kept.
look_at() {
  enter "$1"
  look_in "$2"
  if has_engine; then engine_open || fail 5 "the credentials of $database could not be prepared"; fi
}
# look_in DATABASE: a private $work for a look, where $state is known.
look_in() {
  place_of "$1"
  umask 077
  work=$(mktemp -d "${TMPDIR:-/tmp}/slipway-look-XXXXXX") || fail 36 'there is no room for a temporary folder'
  trap 'end_descendants "$$"; rm -rf "$work"' EXIT
  trap 'exit 143' TERM INT
}

# need_tools: what the engine, the compression and the encryption need is here, or its package is named.
need_tools() {
  find_lacking
  if [ -n "$lacking" ]; then fail 5 "missing on this host:$lacking"; fi
}
# find_lacking: those that are not here, each with its package, become $lacking.
find_lacking() {
  lacking=
  case ${p_compress:-none} in zstd | gzip) tools=$p_compress ;; *) tools= ;; esac
  if [ -n "${p_recipients:-}" ]; then tools="$tools age"; elif [ -n "${p_passphrase:-}" ]; then tools="$tools openssl"; fi
  for tool in $(engine_tools) $tools; do
    has_tool "$tool" || lacking="$lacking $tool ($(package_of "$tool"))"
  done
}
has_tool() { command -v "$1" >/dev/null 2>&1 || tool_elsewhere "$1"; }
# Debian keeps the clients of each version of PostgreSQL in a folder of their own; the engine finds them.
tool_elsewhere() { ls /usr/lib/postgresql/*/bin/"$1" >/dev/null 2>&1; }
package_of() {
  case $1 in
    sqlite3 | zstd | gzip | age | openssl | tar) printf 'package %s' "$1" ;;
    psql | pg_dump | pg_restore) printf 'package postgresql-client' ;;
    mysql* | mariadb*) printf 'package mariadb-client' ;;
    mongosh) printf 'package mongodb-mongosh, from MongoDB' ;;
    mongo*) printf 'package mongodb-database-tools, from MongoDB' ;;
    *) printf 'look for its package' ;;
  esac
}

# --- scratch databases -------------------------------------------------------------------------------------------
# A name is written down before the scratch database is made, so that whoever comes next can drop what a dead drill left.
scratch_name() { printf 'slipway_drill_%s_%s' "$(printf '%.30s' "$database" | tr '-' '_')" "$(date +%s)"; }
drop_scratches() {
  [ -s "$folder/.scratch" ] || return 0
  while IFS= read -r left; do
    engine_drop "$left" </dev/null || fail 1 "the scratch database $left, which a drill before has left, could not be dropped"
  done <"$folder/.scratch"
  rm -f "$folder/.scratch"
}

# --- processes ---------------------------------------------------------------------------------------------------
# What we started, and what that has started. Their parents stop first, so that none starts another.
descendants() {
  awk -v top="$1" '
    FNR == 1 { sub(/^.*\) /, ""); split($0, at, " "); split(FILENAME, path, "/"); parent[path[3]] = at[2] }
    END { for (more = 1; more; ) { more = 0; for (one in parent) if (!(one in ours) && (parent[one] == top || parent[one] in ours)) { ours[one] = 1; more = 1 } }
          for (one in ours) print one }' /proc/[0-9]*/stat 2>/dev/null || :
}
end_descendants() {
  for one in $(descendants "$1"); do kill -s TERM "$one" 2>/dev/null || :; done
}

# limited SECONDS COMMAND…: runs a function or command of ours; what has not ended by then is ended, and has failed.
limited() {
  limit=$1
  shift
  "$@" &
  worker=$!
  # It looks again and again whether we are there: by the time the limit is up, our number may be somebody else's.
  (
    trap 'exit 0' TERM
    end=$(($(uptime_s) + limit))
    while [ "$(uptime_s)" -lt "$end" ]; do
      sleep 1 &
      wait "$!"
      if [ ! -d "$work" ] || ! kill -s 0 "$worker" 2>/dev/null; then exit 0; fi
    done
    : >"$work/too-long"
    end_descendants "$worker"
    kill -s TERM "$worker" 2>/dev/null || :
  ) 7>&- >/dev/null 2>&1 &
  watch=$!
  code=0
  wait "$worker" || code=$?
  kill -s TERM "$watch" 2>/dev/null || :
  wait "$watch" 2>/dev/null || :
  if [ -e "$work/too-long" ]; then
    printf 'slipway: not done within %s s, so it was ended (the limit is backup.limit)\n' "$limit" >&2
    return 1
  fi
  return "$code"
}

# in_release COMMAND [FOLDER]: a command of the team's in the live release, under `bash -euo pipefail` where there is bash; standard
# input and output are its own. What the environment file sets cannot get in the way of our names.
in_release() (
  at_root=$root
  text=$1
  cd "$at_root/current" 2>/dev/null || { echo 'slipway: there is no live release to run it in' >&2; exit 1; }
  cd "${2:-.}" || exit 1
  set -- "$at_root" "$(current_id)" "$text" "$at_root/current/${p_env_file:-.env}"
  own_locale
  set -a
  # shellcheck disable=SC1090
  if [ -f "$4" ]; then . "$4"; fi
  set +a
  export SLIPWAY_ROOT="$1" SLIPWAY_RELEASE="$2"
  if command -v bash >/dev/null; then exec bash --norc -euo pipefail -c "$3"; fi
  exec sh -eu -c "$3"
)

# --- pipes -------------------------------------------------------------------------------------------------------
# POSIX sh tells only how the last part of a pipe ended. `part NAME COMMAND…` keeps each failure; pipe_ok fails when there is one.
pipe_begin() { rm -f "$work"/failed-*; }
part() {
  part_name=$1
  shift
  part_code=0
  "$@" || part_code=$?
  if [ "$part_code" != 0 ]; then printf '%s\n' "$part_code" >"$work/failed-$part_name" 2>/dev/null || :; fi
  return "$part_code"
}
pipe_ok() {
  for failed in "$work"/failed-*; do [ ! -e "$failed" ] || return 1; done
}
part_failed() { [ -e "$work/failed-$1" ]; }

# --- archives ----------------------------------------------------------------------------------------------------
# secret_at_3 SECRET COMMAND…: the command may read the secret from its descriptor 3; it is in no argument, environment or file.
secret_at_3() {
  secret=$1
  shift
  { printf '%s\n' "$secret" | "$@" 3<&0 0<&4; } 4<&0
}
cipher() { openssl enc "$@" -aes-256-ctr -pbkdf2 -iter 600000 -md sha256 -pass fd:3; }

squeeze() {
  case ${p_compress:-none} in
    zstd) zstd -q -T0 -"${p_level:-3}" --check -c ;;
    gzip) gzip -"${p_level:-6}" -c ;;
    none) cat ;;
    *) fail 3 "'$p_compress' is no way to compress" ;;
  esac
}
encrypt() {
  if [ -n "${p_recipients:-}" ]; then
    set --
    for recipient in $p_recipients; do set -- "$@" -r "$recipient"; done
    age -e "$@"
  elif [ -n "${p_passphrase:-}" ]; then
    secret_at_3 "$p_passphrase" cipher -e -salt
  else
    cat
  fi
}
encryption() {
  if [ -n "${p_recipients:-}" ]; then echo age; elif [ -n "${p_passphrase:-}" ]; then echo openssl; else echo none; fi
}

# OpenSSL uses the processor's own instructions for it, which coreutils do not everywhere: five times as fast.
sha256() { if command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r; else sha256sum; fi; }
store() { tee "$work/sealed" >"$work/archive"; }

# seal: the dump on stdin becomes $work/archive in one pass; its sum $work/sum, the bytes of the dump $work/size.
seal() {
  rm -f "$work/sealed"
  mkfifo "$work/sealed" || return 1
  sha256 <"$work/sealed" >"$work/sum" &
  summing=$!
  # Every part of a pipe copies all of it: none that does nothing else.
  if [ "$(encryption)" = none ]; then
    part count dd bs=1M 2>"$work/counted" | part compress squeeze | part write store || :
  else
    part count dd bs=1M 2>"$work/counted" | part compress squeeze | part encrypt encrypt | part write store || :
  fi
  wait "$summing" || return 1
  if grep -q 'No space left' "$work/counted"; then cat "$work/counted" >&2; fi
  sed -n 's/^\([0-9][0-9]*\) bytes.*/\1/p' "$work/counted" >"$work/size"
  [ -s "$work/size" ]
}

# unseal BACKUP-FOLDER: the dump to stdout. Whether it is the right archive is whole_archive's question, which comes first.
unseal() {
  how=$(manifest_field "$1/manifest" compress)
  case $(manifest_field "$1/manifest" encrypt) in
    age) part decrypt open_age <"$1/archive" 2>"$work/opened" | part expand expand_as "$how" 2>"$work/expanded" ;;
    openssl) part decrypt secret_at_3 "${p_passphrase:-}" cipher -d <"$1/archive" 2>"$work/opened" | part expand expand_as "$how" 2>"$work/expanded" ;;
    *) part expand expand_as "$how" <"$1/archive" 2>"$work/expanded" ;;
  esac
}
open_age() {
  { printf '%s' "${p_identity_b64:-}" | base64 -d | age -d -i /dev/fd/3 3<&0 0<&4; } 4<&0
}
expand_as() {
  case $1 in
    zstd) zstd -q -d -c ;;
    gzip) gzip -d -c ;;
    *) cat ;;
  esac
}

# OpenSSL cannot tell a wrong passphrase: what it makes of an archive is noise, which only a compression would notice. So the
# manifest keeps one known word, encrypted as the archive is.
key_check() { printf 'slipway' | secret_at_3 "$p_passphrase" cipher -e -salt -a -A; }
# wrong_passphrase BACKUP-FOLDER: succeeds when the passphrase given is not the archive's.
wrong_passphrase() {
  known=$(manifest_field "$1/manifest" key-check)
  [ -n "$known" ] || return 1
  word=$(printf '%s\n' "$known" | secret_at_3 "${p_passphrase:-}" cipher -d -a -A 2>/dev/null | tr -d '\000') || :
  [ "$word" != slipway ] || return 1
  damage='the passphrase does not open it'
}

# may_open BACKUP-FOLDER: whether there is a key here for it.
may_open() {
  case $(manifest_field "$1/manifest" encrypt) in
    age) [ -n "${p_identity_b64:-}" ] ;;
    openssl) [ -n "${p_passphrase:-}" ] ;;
  esac
}

# whole_archive BACKUP-FOLDER: fails, and says of which kind the damage is, unless the archive is what was written.
whole_archive() {
  stored=$(manifest_field "$1/manifest" stored)
  if [ ! -s "$1/manifest" ]; then damage='its manifest is gone'; return 1; fi
  # The first line is the sum of the others; manifests of before have none.
  check=$(manifest_field "$1/manifest" check)
  if [ -n "$check" ] && [ "$(sed 1d "$1/manifest" | sha256 | cut -d ' ' -f 1)" != "$check" ]; then damage='its manifest has changed since it was written'; return 1; fi
  # A copy may have come from anywhere: what is reckoned with must be a number, as some shells run what else stands there.
  for field in stored size epoch; do
    case $(manifest_field "$1/manifest" "$field") in '' | *[!0-9]*) damage="its manifest is damaged: $field is no number"; return 1 ;; esac
  done
  if [ ! -f "$1/archive" ]; then damage='its archive is gone'; return 1; fi
  found=$(wc -c <"$1/archive")
  if [ "$found" -eq 0 ]; then damage='its archive is empty'; return 1; fi
  if [ "$found" -lt "$stored" ]; then damage="its archive is truncated: $found of $stored bytes are there"; return 1; fi
  if [ "$found" -gt "$stored" ]; then damage="its archive has grown: $found bytes instead of $stored"; return 1; fi
  if [ "$(sha256 <"$1/archive" | cut -d ' ' -f 1)" != "$(manifest_field "$1/manifest" sum)" ]; then
    damage='its archive has changed: the bytes are as many, and their sum is another'
    return 1
  fi
}

# open_failed: why an archive that is as it was written could not be opened, in $damage; succeeds when the key is the reason.
open_failed() {
  case $(cat "$work/opened" 2>/dev/null) in
    *'no identity matched'* | *'malformed secret key'* | *'unknown identity type'* | *'no identities'*) damage='the key does not open it'; return 0 ;;
  esac
  if [ "$(manifest_field "$1/manifest" encrypt)" = openssl ] && { part_failed decrypt || part_failed expand; }; then
    damage='the passphrase does not open it'
    return 0
  fi
  damage="it cannot be opened: $(cat "$work/opened" "$work/expanded" 2>/dev/null | tail -n 1)"
  return 1
}

# --- backups -----------------------------------------------------------------------------------------------------
manifest_field() { awk -F '\t' -v key="$2" '$1 == key { sub(/^[^\t]*\t/, ""); print; exit }' "$1" 2>/dev/null || :; }

# ids: of all backups, oldest first. What is from the future was made by a clock that was wrong, nobody knows when: it must not pass
# for the newest, and comes first.
ids() {
  all_ids | awk -v now="$(date -u -d '+1 minute' +%Y%m%d-%H%M%S)" '$0 "" > now { print; next } { past[++n] = $0 } END { for (i = 1; i <= n; i++) print past[i] }'
}
all_ids() {
  for one in "$folder"/[0-9]*; do
    case ${one##*/} in
      *[!0-9-]*) : ;;
      *) if [ -d "$one" ]; then printf '%s\n' "${one##*/}"; fi ;;
    esac
  done
}
state_of() {
  if [ -e "$folder/$1/bad" ]; then
    echo bad
  elif [ "$(manifest_field "$folder/$1/drilled" result)" = ok ]; then
    echo drilled
  elif [ -e "$folder/$1/verified" ]; then
    echo good
  else
    echo unverified
  fi
}
is_good() { case $(state_of "$1") in good | drilled) : ;; *) return 1 ;; esac; }
newest_good() {
  ids | tac | while IFS= read -r one; do
    if is_good "$one"; then
      printf '%s' "$one"
      break
    fi
  done
}

# choose ID: the named backup, or the newest good one, becomes $id and $backup.
choose() {
  id=${1:-$(newest_good)}
  [ -n "$id" ] || fail 32 "there is no good backup of $database"
  case $id in *[!0-9-]*) fail 32 "'$id' is no backup" ;; esac
  backup=$folder/$id
  [ -d "$backup" ] || fail 32 "there is no backup $id of $database"
}

# describe ID: everything that is kept about a backup, for the runner.
describe() {
  printf 'backup\t%s\n' "$1"
  for kept in manifest verified drilled bad copied; do
    if [ -f "$folder/$1/$kept" ]; then sed "s/^/$kept	/" "$folder/$1/$kept"; fi
  done
}

# mark ID KIND: stdin becomes a note on the backup, whole or not at all.
mark_backup() {
  cat >"$work/note" && sync "$work/note" && mv "$work/note" "$folder/$1/$2"
}

refuse_half() {
  [ ! -e "$folder/restoring" ] || fail 34 "a restore of $database was interrupted: the data is half of one state and half of another (backup $(manifest_field "$folder/restoring" id), safety backup $(manifest_field "$folder/restoring" safety))"
}

# own_words: what was said on the way, without what ended pipes say of each other.
own_words() { grep -v -e 'Broken pipe' -e '^$' "$1" >&2 || :; }

# lacks_opener BACKUP-FOLDER: succeeds when this host lacks what opens this archive: another setting, or another host, made it.
lacks_opener() {
  for tool in $(manifest_field "$1/manifest" compress) $(manifest_field "$1/manifest" encrypt); do
    if [ "$tool" = none ] || has_tool "$tool"; then continue; fi
    damage="what opens it is missing on this host: $tool ($(package_of "$tool"))"
    return 0
  done
  return 1
}

# fits BACKUP-FOLDER VERSION: whether the server here, of that version, takes the dump. Fails with $damage when it is another kind of
# server than the one that made it, or an older one, and no drill on a server of just this version has shown that it does.
fits() {
  command -v engine_takes >/dev/null || return 0
  doubt=$(engine_takes "$(manifest_field "$1/manifest" server)" "$2") && return 0
  if [ "$(manifest_field "$1/drilled" result)" = ok ] && [ "$(manifest_field "$1/drilled" server)" = "$2" ]; then return 0; fi
  damage=$doubt
  return 1
}
unfit() { fail 37 "the backup $id of $database may not fit into this server, and nothing was changed: $damage"; }

# verify_backup BACKUP-FOLDER: reads it back whole and says in $level how far that went. Fails with $damage; in $blame stands `key`
# when the key is wrong, `host` when something is missing here: then the archive may be right.
verify_backup() {
  blame=archive level=sealed
  whole_archive "$1" || return 1
  if ! may_open "$1"; then return 0; fi
  if lacks_opener "$1"; then
    blame=host
    return 1
  fi
  if wrong_passphrase "$1"; then
    blame=key
    return 1
  fi
  level=whole
  pipe_begin
  unseal "$1" | part count dd bs=1M 2>"$work/counted" | part scan engine_scan 2>"$work/scanned" || :
  if pipe_ok; then
    read_back=$(sed -n 's/^\([0-9][0-9]*\) bytes.*/\1/p' "$work/counted")
    if [ "$read_back" = "$(manifest_field "$1/manifest" size)" ]; then return 0; fi
    damage="the dump in it has ${read_back:-no} bytes instead of $(manifest_field "$1/manifest" size)"
    return 1
  fi
  if part_failed decrypt || part_failed expand; then
    if open_failed "$1"; then blame=key; fi
  else
    damage="the dump in it is not whole: $(grep -v '^$' "$work/scanned" | tail -n 1)"
    if [ "$(cat "$work/failed-scan" 2>/dev/null)" = 5 ]; then
      blame=host
      damage=$(grep -v '^$' "$work/scanned" | tail -n 1 | sed 's/^slipway: //')
    fi
  fi
  return 1
}
