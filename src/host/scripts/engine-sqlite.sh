# shellcheck shell=sh
# SQLite. The live file is never copied as it stands: its pages go through SQLite's backup API.
engine_tools() { printf '%s\n' sqlite3; }
engine_kind() { echo sqlite; }
engine_atomic() { :; }
# The file itself, when the path leads there by links: its log lies beside it.
engine_open() { p_path=$(readlink -m "$p_path"); }
engine_exists() { [ -f "$p_path" ]; }
# A restore needs no live file, nor one that can be read.
engine_ready() { :; }

# sqlite FILE …: without anybody's own settings, waiting for others' locks. It makes no file: an empty one would pass for the data.
sqlite() {
  sqlite_at=$1
  shift
  sqlite3 -batch -init /dev/null -cmd '.timeout 20000' "$(sqlite_uri "$sqlite_at")" "$@" && return 0
  sqlite_code=$?
  [ -e "$sqlite_at" ] || printf 'slipway: the file is gone: %s\n' "$sqlite_at" >&2
  return "$sqlite_code"
}
# What ends a path in a URI, or begins an escape, is escaped: https://www.sqlite.org/uri.html
sqlite_uri() {
  case $1 in /*) sqlite_name=//$1 ;; *) sqlite_name=$1 ;; esac
  printf 'file:%s?mode=rw' "$(printf '%s' "$sqlite_name" | sed 's/%/%25/g; s/?/%3f/g; s/#/%23/g')"
}
sqlite_there() {
  if [ -f "$p_path" ]; then return 0; fi
  printf 'slipway: there is no database at %s\n' "$p_path" >&2
  return 1
}
# sqlite_file [NAME]: the scratch database, or the live one.
sqlite_file() { if [ -n "${1:-}" ]; then printf '%s' "$work/$1.db"; else printf '%s' "$p_path"; fi; }

engine_version() {
  sqlite_there || return 1
  sqlite "$p_path" 'SELECT count(*) FROM sqlite_master' >/dev/null || return 1
  version=$(sqlite3 --version | cut -d ' ' -f 1)
  printf '%s\t%s\n' "$version" "$version"
}
engine_size() {
  sqlite_there || return 1
  # What is still in the log belongs to it.
  cat "$p_path" "$p_path-wal" 2>/dev/null | wc -c
}

# All pages in one read transaction: the copy is one moment, and no writer makes it begin anew. With a write-ahead log
# writers go on meanwhile; without one their commits wait until the pages are copied.
engine_dump() {
  sqlite_there || return 1
  (
    cd "$work" || exit 1
    rm -f copy
    sqlite "$p_path" -bail 'PRAGMA query_only = 1' 'BEGIN' 'SELECT count(*) FROM sqlite_master' '.backup main copy' 'COMMIT' >/dev/null
  ) || return 1
  [ -s "$work/copy" ] || : >"$work/copy"
  sqlite_rows "$work/copy" >"$work/rows" &
  counting=$!
  cat "$work/copy" || return 1
  wait "$counting" || return 1
  rm -f "$work/copy"
  printf 'consistent\tyes one read transaction\n' >"$work/notes"
}

# A file of SQLite says how many pages it has: https://www.sqlite.org/fileformat.html (1.3).
engine_scan() {
  head -c 100 >"$work/head"
  rest=$(wc -c)
  size=$(($(wc -c <"$work/head") + rest))
  if [ "$size" = 0 ]; then return 0; fi
  if [ "$(head -c 15 "$work/head")" != 'SQLite format 3' ]; then
    echo 'slipway: it does not begin as a file of SQLite' >&2
    return 1
  fi
  page=$(od -An -tu1 -j 16 -N 2 "$work/head" | awk '{ n = $1 * 256 + $2; print n == 1 ? 65536 : n }')
  pages=$(od -An -tu1 -j 28 -N 4 "$work/head" | awk '{ printf "%d", (($1 * 256 + $2) * 256 + $3) * 256 + $4 }')
  if [ "$size" != $((page * pages)) ]; then
    printf 'slipway: it has %s bytes, and its header says %s pages of %s\n' "$size" "$pages" "$page" >&2
    return 1
  fi
}

# An app may bring collations, functions and modules of its own. The sqlite3 here cannot use them: what needs one of them is not
# counted, and not looked through. The pages are in the backup all the same.
# sqlite_lacks FILE: of all the errors in it none says anything else.
sqlite_lacks() {
  grep '^\(Error\|Parse error\|Runtime error\)' "$1" >"$work/lacks.$$" || return 1
  ! grep -qv 'no such \(collation sequence\|function\|module\|tokenizer\)\|unknown function' "$work/lacks.$$"
}

sqlite_rows() {
  sqlite "$1" "SELECT 'SELECT count(*) || char(9) || ' || quote(replace(replace(name, char(9), ' '), char(10), ' ')) || ' FROM \"' || replace(name, '\"', '\"\"') || '\";'
    FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name" >"$work/counting.$$" || return 1
  { echo 'BEGIN;'; cat "$work/counting.$$"; } | sqlite "$1" 2>"$work/uncounted.$$" || sqlite_lacks "$work/uncounted.$$" || {
    cat "$work/uncounted.$$" >&2
    return 1
  }
  rm -f "$work/counting.$$" "$work/uncounted.$$"
}
engine_rows() {
  if [ -z "${1:-}" ]; then sqlite_there || return 1; fi
  sqlite_rows "$(sqlite_file "${1:-}")"
}

engine_scratch() { cat >"$work/$1.db" && sync "$work/$1.db"; }
engine_drop() { rm -f "$work/$1.db" "$work/$1.db"-*; }
engine_scratches() { :; }

# Prints problems only.
engine_integrity() {
  sqlite_checked "$(sqlite_file "${1:-}")" 'PRAGMA integrity_check(20)' || return 1
  sqlite "$(sqlite_file "${1:-}")" "SELECT 'the row ' || coalesce(rowid, '') || ' of ' || \"table\" || ' refers to a row of ' || parent || ' that is not there' FROM pragma_foreign_key_check LIMIT 20" >"$work/checked" || return 1
  if grep . "$work/checked"; then return 1; fi
}
# sqlite_checked FILE PRAGMA: prints what it finds.
sqlite_checked() {
  if ! sqlite "$1" "$2" >"$work/checked" 2>"$work/unchecked"; then
    if sqlite_lacks "$work/unchecked"; then return 0; fi
    cat "$work/unchecked" >&2
    if grep -q 'malformed database schema' "$work/unchecked"; then
      printf "its schema has what the sqlite3 here (%s) does not know: install one as new as the app's\n" "$(sqlite3 --version | cut -d ' ' -f 1)"
    fi
    return 1
  fi
  ! grep -vx ok "$work/checked"
}

engine_probe() {
  answer=$(sqlite "$(sqlite_file "$1")" 'PRAGMA query_only = 1' "$2") || return 1
  printf '%s\n' "$answer"
  case $(printf '%s\n' "$answer" | head -n 1 | cut -d '|' -f 1) in
    '' | 0 | f | false) return 1 ;;
  esac
}

# The pages replace those of the live file in one write transaction: whoever is killed meanwhile, the next to open it takes
# the old ones back. The file itself stays, with its owner, mode and links. What is no database any more makes way.
engine_restore() (
  cd "$work" || exit 1
  cat >new.db || exit 1
  if [ ! -s new.db ]; then sqlite new.db 'VACUUM' || exit 1; fi
  sqlite_checked new.db 'PRAGMA quick_check(1)' >&2 || { echo 'slipway: what was to be restored is damaged, or cannot be read here' >&2; exit 1; }
  [ -d "${p_path%/*}" ] || mkdir -p "${p_path%/*}" || exit 1
  [ -e "$p_path" ] || (umask 027 && : >"$p_path") || exit 1
  sqlite_into_live 2>said || {
    case $(cat said) in
      *'not a database'* | *malformed*) sqlite_make_way && sqlite_into_live ;;
      *) cat said >&2; exit 1 ;;
    esac
  }
)
sqlite_into_live() {
  sqlite "$p_path" -bail '.restore main new.db' && return 0
  # Another size of pages cannot go into a file with a write-ahead log.
  sqlite "$p_path" 'PRAGMA journal_mode = DELETE' >/dev/null && sqlite "$p_path" -bail '.restore main new.db'
}
# What is broken is kept beside, with its logs, which would else be played into the new file: they go first.
sqlite_make_way() {
  aside=$p_path.broken-$(date -u +%Y%m%d-%H%M%S)
  for suffix in -wal -shm -journal; do
    if [ -e "$p_path$suffix" ]; then mv "$p_path$suffix" "$aside$suffix" || return 1; fi
  done
  : >"$aside.new" && chmod --reference="$p_path" "$aside.new" || return 1
  chown --reference="$p_path" "$aside.new" 2>/dev/null || chgrp --reference="$p_path" "$aside.new" 2>/dev/null || :
  mv "$p_path" "$aside" && mv "$aside.new" "$p_path" || return 1
  printf 'slipway: what was in %s is no database any more: it is kept as %s\n' "$p_path" "$aside" >&2
}

engine_facts() {
  sqlite_there || return 1
  printf 'size\t%s\nencrypted\tlocal\nanonymous\trefused\n' "$(engine_size)"
  printf 'privileges\t%s\n' "$(stat -c '%U:%G %a' "$p_path")"
  case $(stat -c %a "$p_path") in
    *[2367]) printf 'excess\teverybody may write to the file\n' ;;
    *[45]) printf 'excess\teverybody may read the file\n' ;;
  esac
  begun=$(ms)
  sqlite "$p_path" 'SELECT 1' >/dev/null || return 1
  printf 'latency\t%s\n' "$(($(ms) - begun))"
  sqlite "$p_path" "SELECT 'table' || char(9) || replace(name, char(9), ' ') FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name" || return 1
  quick=$(timeout 20 sqlite3 -batch -init /dev/null -cmd '.timeout 5000' "$(sqlite_uri "$p_path")" 'PRAGMA quick_check(1)' 2>"$work/unchecked" | head -n 1)
  if [ -z "$quick" ] && [ -s "$work/unchecked" ] && ! sqlite_lacks "$work/unchecked"; then quick=$(head -n 1 "$work/unchecked"); fi
  printf 'integrity\t%s\n' "${quick:-not asked}"
}
