# shellcheck shell=sh
# PostgreSQL. Where the server is and as whom lies in private files below $work; argv and environment hold only their paths.
#
# A dump is pg_dump's custom format, uncompressed. A session exports the snapshot pg_dump reads, counts the rows in it beside
# the dump, and stays until that has ended.
#
# A restore of the live data is one transaction: what is there goes, what the dump holds comes, COMMIT comes only when
# pg_restore has read the dump to its end. Whoever is killed meanwhile, the server finds the connection gone and rolls back.
pg_tab=$(printf '\t')

engine_tools() { printf '%s\n' psql pg_dump pg_restore; }
engine_kind() { echo pgdump; }
engine_atomic() { :; }

engine_open() {
  # What the account has in its own environment would add to this.
  for pg_name in $(env | sed -n 's/^\(PG[A-Z]*\)=.*/\1/p'); do unset "$pg_name"; done
  (
    umask 077
    {
      printf '[slipway]\n'
      pg_setting host "${p_host:-}"
      pg_setting port "${p_port:-}"
      pg_setting user "${p_user:-}"
      pg_setting dbname "${p_database:-}"
      pg_setting sslmode "${p_tls:-}"
      pg_setting sslrootcert "$(pg_authorities)"
      # Of two lines for one setting the first counts.
      [ -z "${p_options_b64:-}" ] || printf '%s\n' "$p_options_b64" | base64 -d
      printf '\nconnect_timeout=10\napplication_name=slipway\n'
    } >"$work/pg-service"
    : >"$work/pg-nobody"
    if [ -n "${p_password:-}" ]; then
      printf '%s\n' "$p_password" | sed 's/[\\:]/\\&/g; s/^/*:*:*:*:/' >"$work/pg-pass"
    fi
  ) || return 1
  PGSERVICEFILE=$work/pg-service PGSERVICE=slipway
  export PGSERVICEFILE PGSERVICE
  if [ -n "${p_password:-}" ]; then
    PGPASSFILE=$work/pg-pass
    export PGPASSFILE
  fi
  pg_use "$(pg_clients | tail -n 1)"
}
pg_setting() { [ -z "$2" ] || printf '%s=%s\n' "$1" "$2"; }

# Without an authority of its own, verify-full means those the system trusts.
pg_authorities() {
  if [ -n "${p_ca:-}" ]; then
    printf '%s' "$p_ca"
  else
    case ${p_tls:-} in
      verify-*) if [ ! -e "${HOME:-/}/.postgresql/root.crt" ] && [ -e /etc/ssl/certs/ca-certificates.crt ]; then printf /etc/ssl/certs/ca-certificates.crt; fi ;;
    esac
  fi
}

# pg_clients: `<major version> <folder>` of the clients here, oldest first. Debian's wrapper, slow, only stands for the others.
pg_clients() {
  [ -s "$work/pg-clients" ] || pg_look_for_clients >"$work/pg-clients"
  cat "$work/pg-clients"
}
pg_look_for_clients() {
  for pg_folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin "$(dirname "$(command -v pg_dump || echo /)")"; do
    case $(readlink -f "$pg_folder/pg_dump") in */pg_wrapper) continue ;; esac
    [ -x "$pg_folder/pg_dump" ] || continue
    pg_major=$("$pg_folder/pg_dump" --version 2>/dev/null | sed -n 's/^pg_dump (PostgreSQL) \([0-9]*\).*/\1/p')
    [ -z "$pg_major" ] || printf '%s %s\n' "$pg_major" "$pg_folder"
  done | sort -n -s -k 1,1
}
pg_use() { [ -z "$1" ] || PATH=${1#* }:$PATH; }

# pg_fit: from here on the clients of the server's own version or, without those, the next newer ones: the dump of a much newer
# one sets what an older server does not know. An older client than the server is refused, as pg_dump would.
pg_fit() {
  if [ ! -s "$work/pg-server" ]; then
    pg_connect "SELECT current_setting('server_version_num')::int / 10000" >"$work/pg-server" || return 1
  fi
  pg_server=$(cat "$work/pg-server")
  pg_line=$(pg_clients | awk -v least="$pg_server" '$1 >= least { print; exit }')
  if [ -z "$pg_line" ]; then
    printf 'slipway: the server is PostgreSQL %s and the newest client here is %s, which cannot dump it: apt-get install postgresql-client-%s (from https://apt.postgresql.org where the system has none)\n' \
      "$pg_server" "$(pg_clients | tail -n 1 | cut -d ' ' -f 1)" "$pg_server" >&2
    return 5
  fi
  pg_use "$pg_line"
}

pg_sql() { PGCLIENTENCODING=UTF8 psql -X -q -A -t -w -F "$pg_tab" -v ON_ERROR_STOP=1 "$@"; }

# pg_connect SQL: the first thing asked of the server. Says what to do when there is none.
pg_connect() {
  pg_sql -c "$1" 2>"$work/pg-said" && return 0
  cat "$work/pg-said" >&2
  case $(cat "$work/pg-said") in
    *'password authentication failed'* | *'no password supplied'*) pg_say 'the server refuses this account: check user and password (app-env)' ;;
    *'no pg_hba.conf entry'*) pg_say 'the server does not let this account in from here, or only encrypted: see its pg_hba.conf, and tls' ;;
    *'does not exist'*) pg_say 'check database and user' ;;
    *'could not translate host name'*) pg_say 'check host: the name is unknown on this server' ;;
    *'Connection refused'* | *'timeout expired'* | *'No such file or directory'* | *'No route to host'* | *'unreachable'*) pg_say 'nothing answers there: is PostgreSQL running, are host and port right, does a firewall let this server in?' ;;
    *'too many clients'* | *'connection slots are reserved'*) pg_say 'the server has no connection free' ;;
    *certificate* | *SSL*) pg_say 'the encrypted connection does not come about: check tls and ca' ;;
  esac
  return 1
}
pg_say() { printf 'slipway: %s\n' "$*" >&2; }

engine_version() {
  pg_fit || return
  pg_connect "SELECT split_part(current_setting('server_version'), ' ', 1)" >"$work/pg-version" || return 1
  printf '%s\t%s\n' "$(cat "$work/pg-version")" "$(pg_dump --version | sed 's/^pg_dump (PostgreSQL) \([^ ]*\).*/\1/')"
}

# engine_takes MADE-BY HERE: an older server may not know what a newer one's dump sets and makes.
engine_takes() {
  case ${1%%.*} in '' | *[!0-9]*) return 0 ;; esac
  if [ "${1%%.*}" -le "${2%%.*}" ]; then return 0; fi
  printf 'PostgreSQL %s has made it, and this is PostgreSQL %s' "$1" "$2"
  return 1
}

engine_size() { pg_connect 'SELECT pg_database_size(current_database())'; }

# What a role's or database's own settings must not spoil: names mean the system's, no row is hidden, nothing times out
# but the wait for somebody else's lock.
pg_calm() {
  cat <<'SQL'
SET search_path = pg_catalog, pg_temp;
SET client_min_messages = warning;
SET row_security = off;
SET statement_timeout = 0;
SET lock_timeout = '60s';
SET max_parallel_workers_per_gather = 0;
SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')
\g /dev/null
SQL
}

# Rows by table, as `<n> TAB <table>`: what a dump holds the rows of. Tables of extensions are the extension's matter.
pg_count() {
  cat <<'SQL'
SELECT format('SELECT count(*), %L FROM ONLY %I.%I', translate(CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname, E'\t\n\r', '   '), n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY n.nspname, c.relname
\gexec
SQL
}

# Lines `note TAB key TAB value`.
pg_notes() {
  cat <<'SQL'
SELECT 'note', 'roles', string_agg(DISTINCT role, ', ') FROM (
  SELECT pg_get_userbyid(c.relowner)::text AS role FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  UNION SELECT pg_get_userbyid(a.grantee)::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
    WHERE a.grantee <> 0 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema') AS named;
SELECT 'note', 'extensions', string_agg(extname || ' ' || extversion, ', ' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql' HAVING count(*) > 0;
SELECT 'note', 'encoding', pg_encoding_to_char(encoding) || ' ' || datcollate FROM pg_database WHERE datname = current_database();
SQL
}

engine_dump() (
  pg_fit || exit
  rm -f "$work/pg-ask" "$work/pg-answers"
  mkfifo "$work/pg-ask" "$work/pg-answers" || exit 1
  pg_sql <"$work/pg-ask" >"$work/pg-answers" 2>"$work/pg-said" &
  pg_session=$!
  exec 6>"$work/pg-ask" 5<"$work/pg-answers"
  {
    pg_calm
    printf 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSELECT pg_export_snapshot();\n'
  } >&6 2>/dev/null || :
  pg_snapshot=
  IFS= read -r pg_snapshot <&5 || :
  if [ -z "$pg_snapshot" ]; then
    exec 6>&-
    wait "$pg_session" || cat "$work/pg-said" >&2
    pg_say 'the server gives no snapshot to dump from'
    exit 1
  fi
  cat <&5 >"$work/pg-counted" 6>&- &
  pg_reader=$!
  {
    pg_notes
    pg_count
  } >&6 2>/dev/null || :
  pg_code=0
  pg_dump -Fc -Z0 --no-password --lock-wait-timeout=60000 --snapshot="$pg_snapshot" 2>"$work/pg-dumped" 5<&- 6>&- || pg_code=$?
  # The session ends with what it is asked. When it could not count, the snapshot went with it: then pg_dump has only that to say.
  exec 6>&- 5<&-
  if wait "$pg_session"; then
    cat "$work/pg-dumped" >&2
  else
    pg_code=1
    cat "$work/pg-said" >&2
  fi
  wait "$pg_reader" || pg_code=1
  if [ "$pg_code" -ne 0 ]; then
    case $(cat "$work/pg-said" "$work/pg-dumped") in
      *'permission denied'*) pg_say 'this account may not read all of the data. Let it (GRANT pg_read_all_data TO …), or name the account that owns it' ;;
      *'row-level security'*) pg_say 'row security would hide rows from this account: give it BYPASSRLS, or name the account that owns the tables' ;;
      *'lock timeout'* | *'could not obtain lock'*) pg_say 'somebody has held a table for a minute, as a migration does: make the backup when that has ended' ;;
    esac
    exit "$pg_code"
  fi
  sed "/^note$pg_tab/d" "$work/pg-counted" >"$work/rows" || exit 1
  {
    printf 'consistent\tyes one snapshot\n'
    sed -n "s/^note$pg_tab//p" "$work/pg-counted"
  } >"$work/notes"
)

# Any pg_restore reads the dumps of older ones; the server need not be there. That it does not know those of newer ones says
# nothing about the dump.
engine_scan() (
  pg_use "$(pg_clients | tail -n 1)"
  pg_code=0
  pg_restore -f /dev/null 2>"$work/pg-said" || pg_code=$?
  cat >/dev/null
  cat "$work/pg-said" >&2
  case $(cat "$work/pg-said") in *'unsupported version'*)
    pg_too_new
    exit 5
    ;;
  esac
  exit "$pg_code"
)
pg_too_new() {
  pg_say "a newer PostgreSQL has made the dump than the clients here can read ($(pg_clients | tail -n 1 | cut -d ' ' -f 1)): install postgresql-client of the version that made it"
}

# pg_contents: the list of what the dump on stdin holds, which is at its beginning, becomes $work/pg-list. The part of stdin
# that it took is given back by pg_whole_dump; its file has no name any more by then, as a dump may be secret.
pg_contents() {
  head -c 16777216 >"$work/pg-head" || return 1
  pg_read_list || return
  exec 4<"$work/pg-head"
  rm -f "$work/pg-head"
}
# With the client of pg_fit or, where that is too old for the dump, the next newer one that can read it.
pg_read_list() {
  while ! pg_restore -l "$work/pg-head" >"$work/pg-list" 2>"$work/pg-said"; do
    case $(cat "$work/pg-said") in
      *'unsupported version'*) pg_line=$(pg_clients | awk -v than="${pg_line%% *}" '$1 > than { print; exit }') ;;
      *)
        cat "$work/pg-said" >&2
        return 1
        ;;
    esac
    if [ -z "$pg_line" ]; then
      pg_too_new
      return 5
    fi
    pg_use "$pg_line"
  done
}
# pg_script OPTIONS…: the dump on stdin as SQL. From 17 on pg_restore begins it with a setting that older servers do not know, however
# old the server was that the dump is from; it stands among the first lines, before anything of the dump's own.
pg_script() {
  if [ "${pg_line%% *}" -le "$pg_server" ]; then
    pg_restore "$@" -f -
    return
  fi
  rm -f "$work/pg-unscripted"
  { pg_restore "$@" -f - || : >"$work/pg-unscripted"; } | {
    pg_lines=0
    while [ "$pg_lines" -lt 25 ] && IFS= read -r pg_text; do
      [ "$pg_text" != 'SET transaction_timeout = 0;' ] || break
      printf '%s\n' "$pg_text"
      pg_lines=$((pg_lines + 1))
    done
    cat
  }
  [ ! -e "$work/pg-unscripted" ]
}
pg_whole_dump() {
  cat <&4
  cat
}

# pg_leave_out: $work/pg-list without the entries that begin as a line of stdin says, to $work/pg-wanted.
pg_leave_out() {
  cat >"$work/pg-skip" || return 1
  awk -v skipped="$work/pg-skipped" '
    BEGIN { printf "" >skipped }
    FILENAME != last { last = FILENAME; file += 1 }
    file == 1 { if ($0 != "") skip[++n] = $0; next }
    /^;/ { next }
    {
      entry = $0
      sub(/^[0-9]+; [0-9]+ [0-9]+ /, "", entry)
      for (i = 1; i <= n; i++) if (index(entry, skip[i]) == 1) { print entry >skipped; next }
      print
    }' "$work/pg-skip" "$work/pg-list" >"$work/pg-wanted"
}

pg_scratch_name() {
  case $1 in
    slipway_drill_*) : ;;
    *)
      pg_say "'$1' is no name of a scratch database"
      return 1
      ;;
  esac
}

engine_scratch() (
  pg_scratch_name "$1" && pg_fit || exit
  pg_may=$(pg_connect "SELECT CASE WHEN rolcreatedb OR rolsuper THEN 'yes' ELSE format('ALTER ROLE %I CREATEDB;', rolname) END FROM pg_roles WHERE rolname = current_user") || exit
  if [ "$pg_may" != yes ]; then
    pg_say "a drill needs a scratch database, and this account may not make one. As an administrator of the server: $pg_may"
    exit 5
  fi
  {
    pg_calm
    cat <<'SQL'
SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L%s', :'name', pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
  CASE to_jsonb(d)->>'datlocprovider' WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', locale) WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', locale) END)
FROM pg_database d, coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') AS locale WHERE d.datname = current_database()
\gexec
COMMENT ON DATABASE :"name" IS :'whose';
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
ALTER DATABASE :"name" SET synchronous_commit = off;
SQL
  } | pg_sql -v name="$1" -v whose="$(pg_whose)" || exit
  pg_contents || exit
  # What belongs to the live one or to the whole server, and what only a superuser may make.
  {
    printf '%s\n' 'EVENT TRIGGER ' 'PUBLICATION' 'SUBSCRIPTION' 'COMMENT - EVENT TRIGGER ' 'COMMENT - PUBLICATION ' 'COMMENT - SUBSCRIPTION ' \
      'COMMENT - EXTENSION ' 'SCHEMA - public ' 'COMMENT - SCHEMA public '
    pg_sql -c "SELECT DISTINCT 'EXTENSION - ' || name || ' ' FROM pg_available_extension_versions v WHERE superuser AND NOT coalesce((to_jsonb(v)->>'trusted')::boolean, false)
      AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
  } | pg_leave_out || exit
  sed -n 's/^EXTENSION - \([^ ]*\).*/slipway: the scratch database goes without the extension \1, which only a superuser may create/p' "$work/pg-skipped" >&2
  pg_whole_dump | {
    pg_code=0
    pg_load "$1" --exit-on-error --no-owner --no-privileges --no-security-labels -L "$work/pg-wanted" || pg_code=$?
    cat >/dev/null
    exit "$pg_code"
  }
)

# pg_load DATABASE OPTIONS…
pg_load() {
  pg_into=$1
  shift
  if [ "${pg_line%% *}" -le "$pg_server" ]; then
    pg_restore "$@" --no-password -d "$pg_into"
  else
    rm -f "$work/pg-unloaded"
    { pg_script "$@" || : >"$work/pg-unloaded"; } | pg_sql -d "$pg_into" >/dev/null && [ ! -e "$work/pg-unloaded" ]
  fi
}

engine_rows() {
  {
    pg_calm
    echo 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;'
    pg_count
  } | pg_sql ${1:+-d "$1"}
}

# Broken pages the server has met, indexes that do not count, and what amcheck finds where the account may ask it.
engine_integrity() { pg_problems 0 "$@"; }
# pg_problems LIMIT [NAME]: an index that takes longer than that is let be.
pg_problems() {
  {
    pg_calm
    cat <<'SQL'
SET statement_timeout = :'limit';
SELECT format('%s broken pages were met, the last at %s', checks->>'checksum_failures', checks->>'checksum_last_failure')
FROM pg_stat_database s, to_jsonb(s) AS checks WHERE s.datname = current_database() AND (checks->>'checksum_failures')::bigint > 0;
SELECT format('the index %s is not valid', i.indexrelid::regclass) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relkind = 'i' AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid <> pg_backend_pid() AND a.query ~* 'concurrently' AND a.state = 'active' AND a.datname = current_database());
SELECT format('SELECT %s(%s)', p.oid::regproc, c.oid) FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'amcheck',
pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree' JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.proname = 'bt_index_check' AND p.pronargs = 1 AND has_function_privilege(p.oid, 'EXECUTE') AND i.indisvalid AND c.relkind = 'i' AND c.relpersistence = 'p'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
\gexec
SQL
  } | pg_sql ${2:+-d "$2"} -v ON_ERROR_STOP=0 -v limit="$1" >"$work/pg-problems" 2>"$work/pg-said" || {
    cat "$work/pg-said" >&2
    return 1
  }
  sed -n '/statement timeout/!s/^.*ERROR: *//p' "$work/pg-said" >>"$work/pg-problems"
  grep . "$work/pg-problems" || return 0
  return 1
}

engine_probe() {
  pg_answer=$(printf "SET statement_timeout = '300s';\n%s\n;\n" "$2" | pg_sql -d "$1") || return 1
  printf '%s\n' "$pg_answer"
  pg_first=$(printf '%s\n' "$pg_answer" | head -n 1 | cut -f 1)
  case $pg_first in
    '' | 0 | f | false) return 1 ;;
  esac
}

# Other apps and hosts may drill on the same server, in databases with names that begin alike.
pg_whose() { printf 'slipway %s %s %s' "$database" "$(uname -n)" "$root"; }
engine_scratches() {
  pg_sql -v prefix="slipway_drill_$(printf '%s' "$database" | tr '-' '_')" -v whose="$(pg_whose)" <<'SQL'
SELECT datname FROM pg_database d WHERE left(datname, length(:'prefix')) = :'prefix' AND pg_has_role(datdba, 'MEMBER')
  AND coalesce(shobj_description(d.oid, 'pg_database'), :'whose') = :'whose' ORDER BY 1
SQL
}

engine_drop() {
  pg_scratch_name "$1" || return
  pg_sql -v name="$1" <<'SQL'
SET client_min_messages = warning;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'name' AND pid <> pg_backend_pid() AND pg_has_role(usesysid, 'MEMBER')
\g /dev/null
DROP DATABASE IF EXISTS :"name";
SQL
}

# The schemas of the users, as `schema (oid, name, own, whole)`. whole: it can go and come back. One that holds an extension,
# or may not be made again by this account, stays, and what is in it goes.
pg_schemas() {
  cat <<'SQL'
WITH schema AS (
  SELECT n.oid, n.nspname AS name, pg_has_role(n.nspowner, 'USAGE') AS own,
    n.nspname <> 'public' AND pg_has_role(n.nspowner, 'USAGE') AND has_database_privilege(current_database()::text, 'CREATE')
    AND NOT EXISTS (SELECT FROM pg_extension e WHERE e.extnamespace = n.oid)
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e' AND ((e.classid = 'pg_namespace'::regclass AND e.objid = n.oid) OR EXISTS (
      SELECT FROM pg_depend o WHERE o.refclassid = 'pg_namespace'::regclass AND o.refobjid = n.oid AND o.classid = e.classid AND o.objid = e.objid))) AS whole
  FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
SQL
}

# What of a dump must not be restored over the live database, as beginnings of pg_restore's list: schemas that stay, extensions
# that are there with what their tables hold; and what a superuser alone makes, when this account is none.
pg_stays() {
  {
    pg_calm
    pg_schemas
    cat <<'SQL'
SELECT 'SCHEMA - ' || name || ' ' FROM schema WHERE NOT whole AND NOT (own AND name = 'public')
UNION ALL SELECT 'COMMENT - SCHEMA ' || name || ' ' FROM schema WHERE NOT own
UNION ALL SELECT unnest(ARRAY['', 'COMMENT - ']) || 'EXTENSION - ' || extname || ' ' FROM pg_extension
UNION ALL SELECT 'COMMENT - EXTENSION ' || extname || ' ' FROM pg_extension
UNION ALL SELECT unnest(ARRAY['TABLE DATA ', 'SEQUENCE SET ']) || n.nspname || ' ' || c.relname || ' ' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e' WHERE c.relkind IN ('r', 'S')
UNION ALL SELECT unnest(ARRAY['', 'COMMENT - ', 'ACL - ']) || kind FROM unnest(ARRAY['EVENT TRIGGER ', 'PUBLICATION', 'FOREIGN DATA WRAPPER ', 'SERVER ', 'FOREIGN SERVER ', 'USER MAPPING ', 'PROCEDURAL LANGUAGE ', 'LANGUAGE '])
  AS kind WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
UNION ALL VALUES ('SUBSCRIPTION'), ('COMMENT - SUBSCRIPTION');
SQL
  } | pg_sql
}

# Takes away what is there. pg_depend knows what lies in a schema, whatever its kind; members of an extension stay with it, and
# the extensions that the dump knows (in the variable extensions) stay too: making one again may need a superuser.
pg_clear() {
  cat <<'SQL'
SET LOCAL lock_timeout = '30s';
SELECT format('DROP %s IF EXISTS %s CASCADE', CASE o.type WHEN 'foreign-data wrapper' THEN 'foreign data wrapper' ELSE o.type END, o.identity)
FROM (
  SELECT 1 AS turn, 'pg_event_trigger'::regclass AS class, oid FROM pg_event_trigger
  UNION ALL SELECT 2, 'pg_publication'::regclass, oid FROM pg_publication
  UNION ALL SELECT 3, 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
  UNION ALL SELECT 4, 'pg_foreign_server'::regclass, oid FROM pg_foreign_server) AS thing, pg_identify_object(class, oid, 0) AS o
WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = class AND e.objid = thing.oid AND e.deptype = 'e')
ORDER BY turn
\gexec
SQL
  pg_schemas
  cat <<'SQL'
SELECT format('DROP SCHEMA IF EXISTS %I CASCADE', name) FROM schema WHERE whole
\gexec
SQL
  pg_schemas
  cat <<'SQL'
SELECT format('DROP %s IF EXISTS %s CASCADE', CASE o.type WHEN 'composite type' THEN 'type' WHEN 'statistics object' THEN 'statistics' ELSE o.type END, o.identity)
FROM schema JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = schema.oid AND d.deptype = 'n',
pg_identify_object(d.classid, d.objid, d.objsubid) AS o
WHERE NOT whole AND d.classid <> 'pg_extension'::regclass AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
ORDER BY o.type <> 'table', o.identity
\gexec
SELECT format('DROP EXTENSION IF EXISTS %I CASCADE', extname) FROM pg_extension
WHERE extname <> 'plpgsql' AND pg_has_role(extowner, 'USAGE') AND extname <> ALL (string_to_array(:'extensions', ' '))
\gexec
SELECT lo_unlink(oid) FROM pg_largeobject_metadata
\g /dev/null
SELECT 'CREATE SCHEMA public' WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public') AND has_database_privilege(current_database()::text, 'CREATE')
\gexec
SQL
}

# Sessions of the account itself that are at something, such as a forgotten transaction, would keep the restore waiting;
# those of others are not ours to end.
pg_end_sessions() {
  pg_sql <<'SQL'
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user AND state <> 'idle'
\g /dev/null
SQL
}

engine_restore() (
  rm -f "$work/pg-whole"
  pg_fit && pg_contents || exit
  pg_stays >"$work/pg-stays" || exit
  pg_leave_out <"$work/pg-stays" || exit
  pg_end_sessions || exit
  pg_extensions=$(sed -n 's/^[0-9]*; 3079 [0-9]* EXTENSION - \([^ ]*\).*/\1/p' "$work/pg-list" | tr '\n' ' ')
  pg_code=0
  pg_whole_dump | {
    pg_calm
    printf '%s\n' 'SET client_min_messages = error;' 'BEGIN;'
    pg_clear
    # Its last words are COMMIT; without --single-transaction large objects would have transactions of their own.
    if pg_script --single-transaction -L "$work/pg-wanted"; then
      printf "SELECT 'slipway: committed';\n"
    fi
    cat >/dev/null
  } 2>"$work/pg-read" | pg_sql -v extensions="$pg_extensions" >"$work/pg-restored" 2>"$work/pg-said" || pg_code=$?
  # Where the server refuses, pg_restore only has to say that nobody listens.
  if [ -s "$work/pg-said" ]; then cat "$work/pg-said" >&2; else cat "$work/pg-read" >&2; fi
  if [ "$pg_code" -ne 0 ] || [ "$(tail -n 1 "$work/pg-restored")" != 'slipway: committed' ]; then
    pg_explain
    exit 1
  fi
  # Plans are made from statistics, which a restore leaves empty.
  pg_sql -c 'ANALYZE' 2>/dev/null || :
)

pg_explain() {
  case $(cat "$work/pg-said") in
    *'lock timeout'* | *'deadlock detected'*)
      pg_say 'other sessions hold what the restore must replace; the data is as it was. End them, then restore again:'
      pg_sql -c "SELECT DISTINCT concat('slipway:   process ', pid, ' of ', usename, ', ' || application_name, ', since ' || date_trunc('second', xact_start)) FROM pg_locks
        JOIN pg_database d ON d.oid = database AND d.datname = current_database() JOIN pg_stat_activity a USING (pid)
        WHERE pid <> pg_backend_pid() AND locktype = 'relation' AND relation >= 16384" >&2 || :
      ;;
    *'must be owner of'* | *'permission denied'* | *'must be member of role'* | *'must be able to SET ROLE'*)
      pg_say 'this account may not replace all of the data; it is as it was. Restore with the account that owns it, or a superuser'
      ;;
    *'role "'*'" does not exist'*) pg_say 'the dump names a role this server does not have; the data is as it was. Make the role, then restore again' ;;
    *) pg_say 'the restore was undone; the data is as it was' ;;
  esac
}

# pg_alone: whether the server lets the account in without a password. By a socket it may know the account by its user here.
pg_alone() {
  case ${p_host:-/} in
    /*)
      echo unknown
      return
      ;;
  esac
  if PGPASSFILE=$work/pg-nobody pg_sql -c 'SELECT 1' >/dev/null 2>"$work/pg-said"; then
    if grep -q '^sslcert=' "$work/pg-service"; then echo unknown; else echo accepted; fi
  else
    case $(cat "$work/pg-said") in
      *'no password supplied'* | *'authentication failed'*) echo refused ;;
      *) echo unknown ;;
    esac
  fi
}

engine_facts() {
  case ${p_host:-/} in
    /* | localhost | 127.* | ::1) pg_near=yes ;;
    *) pg_near=no ;;
  esac
  {
    pg_calm
    cat <<'SQL'
SET statement_timeout = '20s';
SELECT 'size', pg_database_size(current_database());
SELECT 'encrypted', CASE WHEN ssl THEN 'yes' WHEN :'near' = 'yes' OR inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr() THEN 'local' ELSE 'no' END
FROM pg_stat_ssl WHERE pid = pg_backend_pid();
SELECT 'connections', used || ' ' || most FROM (
  SELECT (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL) AS used, current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - coalesce(current_setting('reserved_connections', true), '0')::int AS most
  UNION ALL SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()), datconnlimit FROM pg_database WHERE datname = current_database() AND datconnlimit >= 0
  UNION ALL SELECT (SELECT count(*) FROM pg_stat_activity WHERE usename = current_user), rolconnlimit FROM pg_roles WHERE rolname = current_user AND rolconnlimit >= 0) AS limits
ORDER BY most - used LIMIT 1;
SELECT 'privileges', concat_ws(', ', current_user::text, CASE WHEN pg_has_role(d.datdba, 'USAGE') THEN 'owns the database' END, CASE WHEN r.rolcreatedb THEN 'may make databases' END)
FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database();
SELECT 'excess', text FROM (SELECT concat_ws(', ', CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolcreaterole THEN 'makes roles' END, CASE WHEN r.rolreplication THEN 'replication' END,
  CASE WHEN r.rolbypassrls THEN 'bypasses row security' END,
  (SELECT string_agg('member of ' || g.rolname, ', ') FROM pg_roles g WHERE NOT r.rolsuper AND g.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files') AND pg_has_role(g.oid, 'MEMBER'))) AS text
  FROM pg_roles r WHERE r.rolname = current_user) AS rights WHERE text <> '';
SELECT 'scratch', CASE WHEN rolcreatedb OR rolsuper THEN 'yes' ELSE format('no: ALTER ROLE %I CREATEDB;', rolname) END FROM pg_roles WHERE rolname = current_user;
SELECT 'table', translate(CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname, E'\t\n\r', '   ')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e') ORDER BY 2;
SELECT 'replica', CASE WHEN pg_is_in_recovery() THEN 'yes' ELSE 'no' END;
SELECT 'xid-age', max(age(datfrozenxid)) FROM pg_database;
SQL
  } | pg_sql -v near="$pg_near" || return 1
  printf 'anonymous\t%s\n' "$(pg_alone)"
  {
    printf '%s\n' '\timing on' 'SELECT 1;' 'SELECT 1;' 'SELECT 1;' 'SELECT 1;' 'SELECT 1;'
  } | pg_sql | awk '/^Time: / { if (least == "" || $2 < least) least = $2 } END { printf "latency\t%s\n", least }'
  if pg_problem=$(pg_problems 10s 2>/dev/null); then
    if [ "$(pg_sql -c "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'")" = 1 ]; then printf 'integrity\tok\n'; else printf 'integrity\tnot asked\n'; fi
  else
    printf 'integrity\t%s\n' "$(printf '%s\n' "$pg_problem" | head -n 1)"
  fi
}
