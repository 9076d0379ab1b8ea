# shellcheck shell=sh
# MongoDB, for data.sh, with the MongoDB Database Tools. What they cannot do (drop a database, read a server's state) needs mongosh.

engine_tools() { printf '%s\n' mongodump mongorestore perl; }
engine_kind() { echo mongo; }

mongo_shell_here() { command -v mongosh >/dev/null 2>&1; }

# The address holds the account and its password: it lies in a private file, which the tools take by --config.
engine_open() {
  : "${p_uri:?}" "${p_database:?}"
  mongo_file=$work/mongo.yaml
  (umask 077 && mongo_config "$p_uri" >"$mongo_file") || return 1
}
# The tools take serverSelectionTimeoutMS for seconds: 5000 would be 83 minutes.
mongo_config() { printf "uri: '%s'\n" "$(printf '%s' "$1" | sed "s/'/''/g; s/serverSelectionTimeoutMS=[^&]*&\{0,1\}//g")"; }

# The tools repeat the whole address in their errors.
mongo_hidden() { sed 's#\(mongodb[+a-z]*://\)[^@/[:space:]]*@#\1***@#g' "$1"; }

# mongo_tool COMMAND ARGUMENT…: without their progress, which comes every three seconds. What was said stays in $work/said.
mongo_tool() {
  mongo_command=$1
  shift
  if "$mongo_command" --config="$mongo_file" --serverSelectionTimeout=10 "$@" 2>"$work/said"; then return 0; fi
  mongo_hidden "$work/said" | grep -v '\[[#.]*\]' | tail -n 15 >&2
  return 1
}

# mongo_said DATABASE: `<rows>TAB<collection>` from what mongodump said.
mongo_said() {
  PREFIX="done dumping $1." awk '
    { sub(/^[^\t]*\t/, "") }
    index($0, ENVIRON["PREFIX"]) == 1 {
      rest = substr($0, length(ENVIRON["PREFIX"]) + 1)
      if (match(rest, / \([0-9]+ documents?\)$/)) {
        count = substr(rest, RSTART + 2)
        sub(/ .*/, "", count)
        printf "%d\t%s\n", count, substr(rest, 1, RSTART - 1)
      }
    }' "$work/said" | sort -t "$(printf '\t')" -k 2
}

mongo_string() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }

# mongo_shell DATABASE SCRIPT: in mongosh, with `db` set. The address stands in the script's file; what mongosh keeps goes with $work.
mongo_shell() {
  (
    umask 077
    printf 'db = connect(%s).getSiblingDB(%s);\n%s\n' "$(mongo_string "$p_uri")" "$(mongo_string "$1")" "$2" >"$work/shell.js"
  ) || return 1
  if HOME=$work mongosh --quiet --norc --nodb "$work/shell.js" >"$work/shell.out" 2>"$work/said"; then
    cat "$work/shell.out"
  else
    mongo_hidden "$work/said" | head -n 5 >&2
    mongo_hidden "$work/shell.out" | head -n 5 >&2
    return 1
  fi
}

# The tools do not say what they are connected to: without mongosh the server's version is unknown.
engine_version() {
  mongo_tool mongodump --db="$p_database" --collection=slipway_none --archive >/dev/null || return 1
  mongo_server=unknown
  if mongo_shell_here; then mongo_server=$(mongo_shell "$p_database" 'print(db.version())') || return 1; fi
  printf '%s\tmongodump %s\n' "$mongo_server" "$(mongodump --version 2>/dev/null | sed -n 's/^mongodump version: *//p' | head -n 1)"
}

# Without mongosh nothing tells the size but reading all of it: 0, so that no room is claimed to have been checked.
engine_size() {
  if mongo_shell_here; then mongo_shell "$p_database" 'print(Math.round(db.stats().dataSize))'; else echo 0; fi
}

engine_dump() {
  printf 'consistent\tin parts: mongodump reads one collection after the other; only a dump of a whole replica set (--oplog) would be of one moment\n' >"$work/notes"
  mongo_tool mongodump --db="$p_database" --archive || return 1
  mongo_said "$p_database" >"$work/rows"
}

# mongorestore --dryRun reads no further than the head, so the archive's own form is followed here: documents of known lengths, in
# blocks, and each collection closed by a block of its own.
engine_scan() {
  # shellcheck disable=SC2016
  perl -e '
    use strict; binmode STDIN;
    sub part { my $n = shift; my $got = ""; while (length($got) < $n) { read(STDIN, $got, $n - length $got, length $got) or return undef } return $got }
    sub document {
      my $head = part(4); return undef if !defined $head;
      my $length = unpack("V", $head); return "" if $length == 0xffffffff;
      die "the dump is not whole: a document of $length bytes\n" if $length < 5 || $length > 64 * 1024 * 1024;
      my $rest = part($length - 4);
      die "the dump is not whole: it was cut off within a document\n" if !defined $rest || substr($rest, -1) ne "\0";
      return $head . $rest;
    }
    sub name { return $_[0] =~ /\x02db\0....([^\0]*)\0\x02collection\0....([^\0]*)\0/s ? "$1.$2" : die "the dump is not whole: a block names no collection\n" }
    my $magic = part(4);
    die "the dump is empty\n" if !defined $magic;
    die "the dump is no archive of mongodump\n" if $magic ne "\x6d\xe2\x99\x81";
    my (%open, $document);
    defined document() or die "the dump is not whole: it ends in its head\n";
    while (1) {
      $document = document();
      die "the dump is not whole: it ends in its head\n" if !defined $document;
      last if $document eq "";
      $open{name($document)} = 1 if $document !~ /\x02type\0....view\0/s && $document !~ /"viewOn"/;
    }
    while (defined(my $block = document())) {
      my $name = name($block);
      delete $open{$name} if $block =~ /\x08EOF\0\x01/;
      while (1) {
        $document = document();
        die "the dump is not whole: it ends within $name\n" if !defined $document;
        last if $document eq "";
      }
    }
    die "the dump is not whole: it ends before the end of " . join(", ", sort keys %open) . "\n" if %open;
  '
}

# Patterns of namespaces: * is the only character with a meaning, and \ takes it away.
mongo_pattern() { printf '%s.*' "$(printf '%s' "$1" | sed 's/[\\*$]/\\&/g')"; }

# mongo_load DATABASE: an archive on standard input, of whatever database.
mongo_load() {
  mongo_tool mongorestore --archive --drop --stopOnError --nsFrom="$(mongo_pattern "$p_database")" --nsTo="$(mongo_pattern "$1")" --nsInclude="$(mongo_pattern "$p_database")"
}

mongo_scratch_name() { case $1 in slipway_*) : ;; *) printf '%s is no scratch database\n' "$1" >&2 && return 1 ;; esac; }

engine_scratch() {
  mongo_scratch_name "$1" || return 1
  if ! mongo_shell_here; then
    echo 'a drill needs mongosh on the host: the MongoDB tools can make a scratch database, but not drop it' >&2
    return 1
  fi
  mongo_load "$1"
}

# Counted by reading: it needs no right but that of the dump, and every document is read.
engine_rows() {
  mongo_tool mongodump --db="${1-$p_database}" --archive >/dev/null || return 1
  mongo_said "${1-$p_database}"
}

engine_integrity() {
  mongo_shell_here || return 0
  mongo_shell "${1-$p_database}" '
    let bad = 0;
    for (const { name, type } of db.getCollectionInfos()) {
      if (type === "view" || name.startsWith("system.")) continue;
      const said = db.runCommand({ validate: name });
      if (said.ok !== 1 || said.valid === false) { bad = 1; print(name + ": " + (said.errmsg || (said.errors || []).join(", "))); }
    }
    if (bad) quit(1);' || {
    cat "$work/shell.out"
    return 1
  }
}

# The probe is JavaScript for mongosh; its value is what counts.
engine_probe() {
  mongo_shell "$1" "print(eval($(mongo_string "$2")))" >"$work/probe" || return 1
  head -n 20 "$work/probe"
  case $(head -n 1 "$work/probe") in '' | 0 | f | false | null | undefined) return 1 ;; esac
}

engine_drop() {
  mongo_scratch_name "$1" || return 1
  # Without it none was made.
  mongo_shell_here || return 0
  mongo_shell "$1" 'if (db.dropDatabase().ok !== 1) quit(1);'
}

engine_atomic() { return 1; }

engine_restore() {
  if mongo_shell_here; then
    mongo_shell "$p_database" 'for (const name of db.getCollectionNames()) if (!name.startsWith("system.")) db.getCollection(name).drop();' >/dev/null || return 1
    mongo_load "$p_database"
  else
    mongo_load "$p_database" || return 1
    # Its words outlast the next command's.
    sed -n 's/.*finished restoring [^.]*\.\(.*\) ([0-9]* document.*/\1/p' "$work/said" | sort >"$work/restored"
    engine_rows "$p_database" | cut -f 2 | sort | comm -13 "$work/restored" - >"$work/newer"
    [ ! -s "$work/newer" ] || printf 'collections that are not in the backup stay, as there is no mongosh to drop them: %s\n' "$(paste -s -d , "$work/newer")" >&2
  fi
}

mongo_local() { case $p_uri in *://localhost[:/,?]* | *://127.* | *@localhost[:/,?]* | *@127.* | *'://[::1]'* | *'@[::1]'*) : ;; *) return 1 ;; esac; }

# Asked by trying: without an account, the collections of the database.
mongo_anonymous() {
  (umask 077 && mongo_config "$(printf '%s' "$p_uri" | sed 's#://[^@/]*@#://#; s/\(auth[SM][a-z]*\)=[^&]*&\{0,1\}//g')" >"$work/nobody.yaml") || return 1
  if mongodump --config="$work/nobody.yaml" --serverSelectionTimeout=10 --db="$p_database" --archive --collection=slipway_none >/dev/null 2>"$work/said"; then
    echo accepted
  elif grep -qi 'auth\|not allowed\|unauthorized' "$work/said"; then
    echo refused
  else
    echo unknown
  fi
  rm -f "$work/nobody.yaml"
}

engine_facts() {
  began=$(ms)
  mongo_tool mongodump --db="$p_database" --collection=slipway_none --archive >/dev/null || return 1
  printf 'latency\t%s\n' $(($(ms) - began))
  case $p_uri in
    *[?\&]tls=false* | *[?\&]ssl=false*) mongo_tls=no ;;
    mongodb+srv:* | *[?\&]tls=true* | *[?\&]ssl=true*) mongo_tls=yes ;;
    *) mongo_tls=no ;;
  esac
  if [ "$mongo_tls" = no ] && mongo_local; then mongo_tls=local; fi
  printf 'encrypted\t%s\n' "$mongo_tls"
  printf 'anonymous\t%s\n' "$(mongo_anonymous)"
  if ! mongo_shell_here; then
    printf 'lacking\tmongosh: size, connections, privileges and collections cannot be read without it\n'
    return 0
  fi
  mongo_shell "$p_database" '
    const tab = "\t";
    const ask = (f) => { try { f(); } catch (e) { print("unknown" + tab + String(e.message).split("\n")[0]); } };
    ask(() => print("size" + tab + Math.round(db.stats().dataSize)));
    ask(() => { const c = db.serverStatus().connections; if (c && c.available !== undefined) print("connections" + tab + c.current + " " + (c.current + c.available)); });
    ask(() => print("replica" + tab + (db.hello().setName ? "yes" : "no")));
    ask(() => {
      const mine = db.runCommand({ connectionStatus: 1 }).authInfo.authenticatedUserRoles || [];
      for (const { role, db: of } of mine) {
        print("privileges" + tab + role + " on " + of);
        if (["root", "dbOwner", "userAdmin", "clusterAdmin", "clusterManager", "hostManager", "__system"].includes(role) || /AnyDatabase$/.test(role)) print("excess" + tab + role + " on " + of);
      }
    });
    ask(() => db.getCollectionNames().sort().forEach((name) => print("table" + tab + name)));'
}
