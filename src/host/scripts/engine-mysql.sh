# shellcheck shell=sh
# MariaDB and MySQL, for data.sh. One connection at a time, its credentials in an option file: never in an argument or the environment.

# Both families have their own names for the same programs.
mysql_names() {
  my_client=mariadb
  my_dumper=mariadb-dump
  if ! command -v mariadb >/dev/null 2>&1 && command -v mysql >/dev/null 2>&1; then my_client=mysql; fi
  if ! command -v mariadb-dump >/dev/null 2>&1 && command -v mysqldump >/dev/null 2>&1; then my_dumper=mysqldump; fi
}

engine_tools() {
  mysql_names
  printf '%s\n' "$my_client" "$my_dumper" awk
}

# A value of an option file: in quotes, or a # would end it; the parser undoes \\ and \".
mysql_value() { printf '%s' "$1" | sed 's/[\\"]/\\&/g; 1s/^/"/; $s/$/"/'; }
mysql_line() { if [ -n "$2" ]; then printf '%s=%s\n' "$1" "$(mysql_value "$2")"; fi; }

# TLS goes by other names in each family; only MariaDB from 11.4 on verifies unless told not to.
mysql_tls() {
  ca=$p_ca
  if [ "$p_tls" = verify-full ] && [ -z "$ca" ] && [ -f /etc/ssl/certs/ca-certificates.crt ]; then ca=/etc/ssl/certs/ca-certificates.crt; fi
  if [ "$my_family" = mysql ]; then
    case $p_tls in
      disable) echo 'ssl-mode=DISABLED' ;;
      require) echo 'ssl-mode=REQUIRED' ;;
      verify-full) echo 'ssl-mode=VERIFY_IDENTITY' ;;
      *) echo 'ssl-mode=PREFERRED' ;;
    esac
  else
    case $p_tls in
      disable) echo 'skip-ssl' ;;
      verify-full) printf '%s\n' ssl ssl-verify-server-cert ;;
      *) printf '%s\n' ssl skip-ssl-verify-server-cert ;;
    esac
  fi
  if [ "$p_tls" != disable ]; then mysql_line ssl-ca "$ca"; fi
}

# mysql_options USER PASSWORD: what both programs read. They know different options beside [client].
mysql_options() {
  echo '[client]'
  case ${p_host-} in
    /*) mysql_line socket "$p_host" ;;
    *)
      mysql_line host "${p_host-}"
      mysql_line port "${p_port-}"
      ;;
  esac
  mysql_line user "$1"
  # Without a line the client would take what it finds elsewhere; without a value it would ask.
  printf 'password=%s\n' "$(mysql_value "$2")"
  echo 'default-character-set=utf8mb4'
  mysql_tls
  printf '%s\n' '[mysql]' 'connect-timeout=10' 'local-infile=0' 'max-allowed-packet=1G' 'skip-reconnect'
  printf '%s\n' '[mysqldump]' 'max-allowed-packet=1G'
}

engine_open() {
  : "${p_database:?}" "${p_host:=}" "${p_port:=}" "${p_user:=}" "${p_password:=}" "${p_tls:=prefer}" "${p_ca:=}"
  mysql_names
  case $("$my_client" --version 2>/dev/null) in
    *MariaDB*) my_family=mariadb ;;
    *) my_family=mysql ;;
  esac
  case $("$my_dumper" --version 2>/dev/null) in
    *MariaDB*) my_dump_family=mariadb ;;
    *) my_dump_family=mysql ;;
  esac
  my_file=$work/mysql.cnf
  (umask 077 && mysql_options "$p_user" "$p_password" >"$my_file") || return 1
  # MySQL reads ~/.mylogin.cnf whatever else it is told; ~/.my.cnf it does not, with --defaults-file.
  MYSQL_TEST_LOGIN_FILE=$work/none
  export MYSQL_TEST_LOGIN_FILE
}

engine_kind() { echo sql; }

# mysql_run [DATABASE]: SQL on standard input; its rows, columns apart by tabs, unescaped.
mysql_run() { "$my_client" --defaults-file="$my_file" --batch --raw --skip-column-names "${1-$p_database}"; }
mysql_query() { printf '%s\n' "$1" | mysql_run "${2-$p_database}"; }

# Identifiers are quoted by the server, so that any name will do.
my_name() { printf "CONCAT('\`', REPLACE(%s, '\`', '\`\`'), '\`')" "$1"; }
# In reports a name is part of one line, whatever is in it.
my_plain() { printf "REPLACE(REPLACE(REPLACE(%s, CHAR(9), ' '), CHAR(10), ' '), CHAR(13), ' ')" "$1"; }
MY_TABLES="FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"

mysql_local() { case $p_host in '' | /* | localhost | 127.* | ::1) : ;; *) return 1 ;; esac; }

# The first two numbers, as one: 10.11.6 is 1001100.
mysql_number() { printf '%s\n' "$1" | sed -n 's/^[^0-9]*\([0-9][0-9]*\)\.\([0-9][0-9]*\).*/\1 \2/p' | awk '{ print $1 * 1000 + $2 }'; }

# mysql_program_version TEXT: `mariadb Ver 15.1 Distrib 10.11.6-MariaDB` · `mariadb from 11.4.2-MariaDB` · `mysql Ver 8.0.36 for Linux`
mysql_program_version() { printf '%s\n' "$1" | sed -n 's/.*\(Distrib\|from\|Ver\) \([0-9][0-9]*\.[0-9][0-9]*\.[0-9][0-9A-Za-z.-]*\).*/\2/p' | head -n 1; }

engine_version() {
  said=$(mysql_query "SELECT VERSION(); SHOW SESSION STATUS LIKE 'Ssl_cipher'") || return 1
  my_server=$(printf '%s\n' "$said" | head -n 1)
  cipher=$(printf '%s\n' "$said" | sed -n 's/^Ssl_cipher[[:blank:]]*//p')
  case $p_tls in
    require | verify-full)
      if [ -z "$cipher" ]; then
        echo 'the connection is not encrypted, though the setting tls asks for it: the server offers no TLS' >&2
        return 1
      fi
      ;;
  esac
  my_version=$(mysql_program_version "$("$my_dumper" --version)")
  case $my_server in *MariaDB*) server_family=mariadb ;; *) server_family=mysql ;; esac
  if [ "$server_family" = "$my_dump_family" ] && [ "$(mysql_number "$my_version")" -lt "$(mysql_number "$my_server")" ]; then
    printf '%s %s is older than the server %s: its dump might lack what it does not know. Install the client of the server.\n' \
      "$my_dumper" "$my_version" "$my_server" >&2
    return 1
  fi
  printf '%s\t%s %s\n' "$my_server" "$my_dumper" "$my_version"
}

# engine_takes MADE-BY HERE: what the dumps of a newer server, or of the other family, hold (collations, types, engines) may be unknown
# here. That shows at some statement in the midst of them, when what was there is gone. Dumps of older ones are taken by newer ones.
engine_takes() {
  made=$(mysql_number "$1")
  [ -n "$made" ] || return 0
  if [ "$(mysql_kind "$1")" = "$(mysql_kind "$2")" ] && [ "$made" -le "$(mysql_number "$2")" ]; then return 0; fi
  printf '%s %s has made it, and this is %s %s' "$(mysql_kind "$1")" "${1%%-*}" "$(mysql_kind "$2")" "${2%%-*}"
  return 1
}
mysql_kind() { case $1 in *MariaDB*) echo MariaDB ;; *) echo MySQL ;; esac; }

engine_size() { mysql_query "SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) $MY_TABLES"; }

# Counts the rows of a dump on standard input, whether the client writes one row per line (MariaDB) or many (MySQL): strings are
# taken out, then each parenthesis opens a row. Bodies of triggers and routines stand between DELIMITER lines. A name with a line
# break is put together first.
mysql_count() {
  awk '
    function name(text, from, out, i) {
      text = substr(text, from)
      out = ""
      while ((i = index(text, "`")) > 0) {
        if (substr(text, i, 2) != "``") return out substr(text, 1, i - 1)
        out = out substr(text, 1, i)
        text = substr(text, i + 2)
      }
      return ""
    }
    function plain(text) { gsub(/[\t\r]/, " ", text); return text }
    half != "" { $0 = half " " $0; half = "" }
    !body && !(inside && substr($0, 1, 1) == "(") && /^(CREATE TABLE|INSERT INTO) `/ && name($0, substr($0, 1, 1) == "C" ? 15 : 14) == "" { half = $0; next }
    inside { if (substr($0, 1, 1) == "(") { rows[table]++; if (substr($0, length($0)) == ";") inside = 0; next } inside = 0 }
    /^DELIMITER / { body = ($0 != "DELIMITER ;"); next }
    body { next }
    /^CREATE TABLE `/ { table = plain(name($0, 15)); if (!(table in rows)) { rows[table] = 0; order[++tables] = table } next }
    /^INSERT INTO `/ {
      table = plain(name($0, 14))
      if (!(table in rows)) { rows[table] = 0; order[++tables] = table }
      if ($0 ~ /VALUES$/) { inside = 1; next }
      line = $0
      sub(/^INSERT INTO `([^`]|``)*` (\([^)]*\) )?VALUES /, "", line)
      if (index(line, "\\")) gsub(/\\./, "", line)
      gsub(/\047[^\047]*\047/, "", line)
      rows[table] += gsub(/\(/, "(", line)
    }
    END { for (i = 1; i <= tables; i++) printf "%d\t%s\n", rows[order[i]], order[i] }'
}

# Tables without transactions may change while they are read: said, since their rows may not fit the others.
mysql_notes() {
  mysql_query "SELECT CONCAT(TABLE_NAME, ' (', ENGINE, ')') $MY_TABLES AND ENGINE NOT IN ('InnoDB', 'ROCKSDB', 'TokuDB') ORDER BY TABLE_NAME" >"$work/loose" || return 1
  if [ -s "$work/loose" ]; then
    printf 'consistent\tin parts: without transactions: %s\n' "$(head -n 5 "$work/loose" | paste -s -d , -)"
  else
    printf 'consistent\tyes\n'
  fi
}

mysql_dump() {
  set -- --single-transaction --quick --skip-lock-tables --routines --triggers --events --hex-blob --no-tablespaces --no-autocommit \
    --skip-dump-date
  # MySQL's asks for what MariaDB does not have, and would write the source's transaction ids into the dump.
  if [ "$my_dump_family" = mysql ]; then set -- "$@" --column-statistics=0 --set-gtid-purged=OFF; fi
  "$my_dumper" --defaults-file="$my_file" "$@" "$p_database"
}

engine_dump() {
  mysql_notes >"$work/notes" || return 1
  rm -f "$work/rows.pipe" "$work/dump.failed"
  mkfifo "$work/rows.pipe" || return 1
  mysql_count <"$work/rows.pipe" >"$work/rows" &
  counter=$!
  { mysql_dump 2>"$work/dump.said" || echo failed >"$work/dump.failed"; } | tee "$work/rows.pipe" || echo failed >"$work/dump.failed"
  wait "$counter" || echo failed >"$work/dump.failed"
  cat "$work/dump.said" >&2
  if [ -e "$work/dump.failed" ]; then
    if grep -q 'insufficent privileges\|insufficient privileges' "$work/dump.said"; then
      echo "the account may not read the routines of others: GRANT SELECT ON mysql.proc (MariaDB) or GRANT SHOW_ROUTINE ON *.* (MySQL) to it" >&2
    fi
    return 1
  fi
}

engine_scan() {
  last=$(tail -c 200) || return 1
  case $last in
    *'-- Dump completed'*) : ;;
    '') echo 'the dump is empty' >&2 && return 1 ;;
    *) echo 'the dump does not end with "-- Dump completed": it was cut off' >&2 && return 1 ;;
  esac
}

mysql_scratch_name() { case $1 in slipway_*) : ;; *) printf '%s is no scratch database\n' "$1" >&2 && return 1 ;; esac; }

# mysql_load DATABASE: a dump on standard input. It ends at the first statement that fails.
mysql_load() {
  if mysql_run "$1" 2>"$work/load.said" >/dev/null; then return 0; fi
  cat "$work/load.said" >&2
  case $(cat "$work/load.said") in
    *'ERROR 1227'*) echo 'something in the backup was defined by another account: let this one do so (MariaDB: GRANT SET USER ON *.*, MySQL: GRANT SET_USER_ID or SET_ANY_DEFINER ON *.*)' >&2 ;;
    *'ERROR 2006'* | *'ERROR 1153'*) echo 'a row is larger than the server takes: raise max_allowed_packet on the server' >&2 ;;
  esac
  return 1
}

# Events would run in the scratch database, and may name the live one: they come in switched off.
mysql_without_events() { sed '/^\/\*!50106 CREATE\*\//s/\( ON COMPLETION [NOT ]*PRESERVE\) ENABLE/\1 DISABLE/'; }

engine_scratch() {
  mysql_scratch_name "$1" || return 1
  like=$(mysql_query "SELECT CONCAT('CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()") || return 1
  if ! mysql_query "CREATE DATABASE \`$1\` $like" ''; then
    # In a GRANT the underscore stands for any character unless it is escaped.
    # shellcheck disable=SC2016
    printf 'the account needs a scratch database beside the live one: GRANT ALL ON `%s%%`.* TO this account\n' \
      "$(printf '%s' slipway_drill_ | sed 's/_/\\_/g')" >&2
    return 1
  fi
  mysql_without_events | mysql_load "$1"
}

# Each count by a statement of its own, all in one snapshot.
engine_rows() {
  mysql_query "SELECT CONCAT('SELECT COUNT(*), ', QUOTE($(my_plain TABLE_NAME)), ' FROM ', $(my_name TABLE_NAME), ';') $MY_TABLES ORDER BY TABLE_NAME" "${1-$p_database}" >"$work/rows.sql" || return 1
  { echo 'START TRANSACTION WITH CONSISTENT SNAPSHOT;' && cat "$work/rows.sql"; } | mysql_run "${1-$p_database}"
}

engine_integrity() {
  mysql_query "SELECT CONCAT('CHECK TABLE ', $(my_name TABLE_NAME), ';') $MY_TABLES ORDER BY TABLE_NAME" "${1-$p_database}" >"$work/check.sql" || return 1
  # Not raw: a name is one field of one line.
  "$my_client" --defaults-file="$my_file" --batch --skip-column-names "${1-$p_database}" <"$work/check.sql" >"$work/checked" || return 1
  # `note` is what an engine says that has no check.
  ! awk -F '\t' '$3 != "note" && !($3 == "status" && ($4 == "OK" || $4 == "Table is already up to date")) { print $1 ": " $4; bad = 1 } END { exit !bad }' "$work/checked"
}

engine_probe() {
  mysql_query "$2" "$1" >"$work/probe" || return 1
  head -n 20 "$work/probe"
  case $(head -n 1 "$work/probe" | cut -f 1) in '' | 0 | f | false | NULL) return 1 ;; esac
}

engine_drop() {
  mysql_scratch_name "$1" || return 1
  # Where the account may not make one, it may not drop one either, though there is none.
  mysql_query 'SHOW DATABASES' '' >"$work/databases" || return 1
  if ! grep -qFx "$1" "$work/databases"; then return 0; fi
  mysql_query "DROP DATABASE \`$1\`" ''
}

# Statements that change tables commit by themselves here.
engine_atomic() { return 1; }

# Everything is dropped, then the dump is loaded. Not a swap by RENAME TABLE from a database beside it: that fails on triggers,
# takes views and routines along as they are, needs rights on two more databases, and is not one step either before MariaDB 10.6.
# Events go first: they must not run in between; the dump has them last.
engine_restore() {
  {
    echo 'SET FOREIGN_KEY_CHECKS = 0;'
    for kind in EVENT VIEW TABLE SEQUENCE PROCEDURE FUNCTION PACKAGE; do mysql_drops "$kind" || return 1; done
  } >"$work/drops.sql" || return 1
  mysql_run <"$work/drops.sql" || return 1
  mysql_load "$p_database"
}

mysql_drops() {
  case $1 in
    EVENT) mysql_query "SELECT CONCAT('DROP EVENT ', $(my_name EVENT_NAME), ';') FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()" ;;
    TABLE) mysql_query "SELECT CONCAT('DROP TABLE ', $(my_name TABLE_NAME), ';') $MY_TABLES" ;;
    VIEW | SEQUENCE) mysql_query "SELECT CONCAT('DROP $1 ', $(my_name TABLE_NAME), ';') FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = '$1'" ;;
    *) mysql_query "SELECT CONCAT('DROP $1 ', $(my_name ROUTINE_NAME), ';') FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE = '$1'" ;;
  esac
}

# What rights the account has over the whole server; the hash of its password stays out.
mysql_grants() { mysql_query 'SHOW GRANTS' | sed "s/ IDENTIFIED BY PASSWORD '[^']*'//; s/ IDENTIFIED \(BY\|VIA\|WITH\) .*//"; }

# An account without a name lets anybody in: asked by trying.
mysql_anonymous() {
  (umask 077 && mysql_options slipway_nobody '' >"$work/nobody.cnf") || return 1
  said=$(echo 'SELECT 1' | "$my_client" --defaults-file="$work/nobody.cnf" --batch --skip-column-names 2>&1) || :
  rm -f "$work/nobody.cnf"
  case $said in
    1) echo accepted ;;
    *'Access denied'*) echo refused ;;
    *) echo unknown ;;
  esac
}

engine_facts() {
  began=$(ms)
  mysql_query 'SELECT 1' >/dev/null || return 1
  printf 'latency\t%s\n' $(($(ms) - began))
  printf 'size\t%s\n' "$(engine_size)"
  status=$(mysql_query "SHOW STATUS WHERE Variable_name IN ('Ssl_cipher', 'Threads_connected')") || return 1
  if [ -n "$(printf '%s\n' "$status" | sed -n 's/^Ssl_cipher[[:blank:]]*//p')" ]; then
    printf 'encrypted\tyes\n'
  elif mysql_local; then
    printf 'encrypted\tlocal\n'
  else
    printf 'encrypted\tno\n'
  fi
  printf 'anonymous\t%s\n' "$(mysql_anonymous)"
  printf 'connections\t%s %s\n' "$(printf '%s\n' "$status" | sed -n 's/^Threads_connected[[:blank:]]*//p')" "$(mysql_query 'SELECT @@max_connections')"
  if [ "$(mysql_query 'SELECT @@read_only')" = 0 ]; then printf 'replica\tno\n'; else printf 'replica\tyes\n'; fi
  grants=$(mysql_grants) || return 1
  printf '%s\n' "$grants" | sed 's/^GRANT //; s/^/privileges\t/'
  printf '%s\n' "$grants" | grep ' ON \*\.\* ' | grep -v '^GRANT USAGE ON' | sed 's/^GRANT //; s/ TO .*//; s/^/excess\t/' || :
  # Tables the server itself cannot open; their pages are read only in a drill.
  broken=$(mysql_query "SELECT CONCAT(TABLE_NAME, ': ', TABLE_COMMENT) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' AND ENGINE IS NULL LIMIT 1")
  printf 'integrity\t%s\n' "${broken:-ok}"
  mysql_query "SELECT $(my_plain TABLE_NAME) $MY_TABLES ORDER BY TABLE_NAME" | sed 's/^/table\t/'
}
