# shellcheck shell=sh
# MongoDB, for data.sh, with the MongoDB Database Tools. What they cannot do (drop a database, read a server's state) needs mongosh.
#
# One database (p_database), or all databases of a replica set at one moment (p_whole=yes): mongodump takes --oplog for nothing less.
# mongorestore then takes --oplogReplay with nothing left out and nothing renamed, so a drill restores all but the oplog, each
# database under a scratch name: <scratch name>_1, _2 …; `admin` and `config` are not drilled.

mongo_whole() { [ "${p_whole:-}" = yes ]; }
engine_tools() {
  printf '%s\n' mongodump mongorestore perl
  if mongo_whole; then echo mongosh; fi
}
engine_kind() { if mongo_whole; then echo mongo-oplog; else echo mongo; fi; }

mongo_shell_here() { command -v mongosh >/dev/null 2>&1; }

# The address holds the account and its password: it lies in a private file, which the tools take by --config.
engine_open() {
  : "${p_uri:?}"
  if mongo_whole; then p_database=; else : "${p_database:?}"; fi
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

# mongo_said [DATABASE]: `<rows>TAB<collection>` from what mongodump said; without a name of all databases, as <database>.<collection>.
# What the server keeps for itself counts for nothing.
mongo_said() {
  PREFIX="done dumping ${1:+$1.}" ALL=${1:+no} awk '
    { sub(/^[^\t]*\t/, "") }
    index($0, ENVIRON["PREFIX"]) == 1 {
      rest = substr($0, length(ENVIRON["PREFIX"]) + 1)
      if (match(rest, / \([0-9]+ documents?\)$/)) {
        count = substr(rest, RSTART + 2)
        sub(/ .*/, "", count)
        name = substr(rest, 1, RSTART - 1)
        if (ENVIRON["ALL"] == "no" || name !~ /^(admin|config)\./) printf "%d\t%s\n", count, name
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

# mongo_ask SCRIPT: of the whole server. `databases` are the names of those that are the apps'.
mongo_ask() {
  mongo_shell admin "
    const refuse = (text) => { print('slipway: ' + text); quit(1); };
    const listed = db.adminCommand({ listDatabases: 1, nameOnly: true }).databases.map(({ name }) => name);
    const databases = listed.filter((name) => !['admin', 'config', 'local'].includes(name)).sort();
    const oplog = db.getSiblingDB('local').getCollection('oplog.rs');
    $1" </dev/null
}

# mongosh takes a second to start, so all that a dump wants to know is asked at once. Lines of $work/server: version; bytes (of the files
# for who may only back up); from which second and entry of it on the oplog goes along (a transaction that is under way began before);
# why it cannot, which is empty when it can: only a member of a replica set has an oplog.
mongo_server() {
  # shellcheck disable=SC2016
  mongo_ask '
    const hello = db.hello();
    let total = 0;
    for (const { name, sizeOnDisk } of db.adminCommand({ listDatabases: 1 }).databases) {
      if (name === "local") continue;
      try { total += Number(db.getSiblingDB(name).stats().dataSize); } catch (e) { total += Number(sizeOnDisk); }
    }
    let from = [0, 0];
    let lack = "";
    if (hello.msg === "isdbgrid") lack = "this is a sharded cluster, and mongodump takes no oplog from one: name one database instead of all";
    else if (!hello.setName) lack = "the server is no replica set, so it has no oplog: make it one (rs.initiate()), or name one database instead of all";
    else try {
      const [last] = oplog.find().sort({ $natural: -1 }).limit(1).toArray();
      const transactions = db.getSiblingDB("config").getCollection("transactions");
      const [open] = transactions.find({ state: { $in: ["prepared", "inProgress"] } }).sort({ startOpTime: 1 }).limit(1).toArray();
      if (last) {
        const { ts } = open ? open.startOpTime : last;
        from = [ts.getHighBitsUnsigned(), ts.getLowBitsUnsigned()];
      } else lack = "the oplog of " + hello.setName + " is empty";
    } catch (e) {
      lack = "the oplog of " + hello.setName + " cannot be read (the role backup on admin may): " + String(e.message).split("\n")[0];
    }
    for (const line of [db.version(), Math.round(total), ...from, lack]) print(line);' >"$work/server"
}
mongo_lack() { sed -n 5p "$work/server"; }

# The tools do not say what they are connected to: without mongosh the server's version is unknown.
engine_version() {
  if mongo_whole; then
    mongo_server || return 1
    mongo_version=$(head -n 1 "$work/server")
  else
    mongo_tool mongodump --db="$p_database" --collection=slipway_none --archive >/dev/null || return 1
    mongo_version=unknown
    if mongo_shell_here; then mongo_version=$(mongo_shell "$p_database" 'print(db.version())') || return 1; fi
  fi
  printf '%s\tmongodump %s\n' "$mongo_version" "$(mongodump --version 2>/dev/null | sed -n 's/^mongodump version: *//p' | head -n 1)"
}

# Without mongosh nothing tells the size but reading all of it: 0, so that no room is claimed to have been checked.
engine_size() {
  if mongo_whole; then
    mongo_lack=$(mongo_lack)
    if [ -n "$mongo_lack" ]; then printf 'slipway: %s\n' "$mongo_lack" >&2 && return 1; fi
    sed -n 2p "$work/server"
  elif mongo_shell_here; then
    mongo_shell "$p_database" 'print(Math.round(db.stats().dataSize))'
  else
    echo 0
  fi
}

engine_dump() {
  if mongo_whole; then
    mongo_dump_whole
    return
  fi
  printf 'consistent\tin parts: mongodump reads one collection after the other; only all of a replica set (whole: true) is of one moment\n' >"$work/notes"
  mongo_tool mongodump --db="$p_database" --archive || return 1
  mongo_said "$p_database" >"$work/rows"
}

# Rows are counted as each collection is read, and a restore brings what was written from then on from the oplog: by so many rows each
# may be off afterwards (`moved`, * when the collection itself was made or dropped).
mongo_dump_whole() {
  mongo_tool mongodump --oplog --archive || return 1
  mongo_said >"$work/rows"
  printf 'consistent\tyes: of the moment at which the dump ended, by its oplog\n' >"$work/notes"
  sed -n 's/.*dumped \([0-9]*\) oplog entr.*/oplog\t\1/p' "$work/said" >>"$work/notes"
  mongo_ask "
    const ts = { \$gte: Timestamp({ t: $(sed -n 3p "$work/server"), i: $(sed -n 4p "$work/server") }) };
    const moved = new Map();
    const add = (ns, rows) => { if (!/^(admin|config)\\./.test(ns)) moved.set(ns, (moved.get(ns) || 0) + rows); };
    const written = oplog.aggregate([{ \$match: { ts, op: { \$in: ['i', 'd'] } } }, { \$group: { _id: '\$ns', rows: { \$sum: 1 } } }]);
    for (const { _id, rows } of written.toArray()) add(_id, Number(rows));
    const commands = oplog.find({ ts, op: 'c' }, { ns: 1, 'o.applyOps.op': 1, 'o.applyOps.ns': 1, 'o.create': 1, 'o.drop': 1 });
    while (commands.hasNext()) {
      const { ns, o = {} } = commands.next();
      for (const one of o.applyOps || []) if (one.op === 'i' || one.op === 'd') add(one.ns, 1);
      for (const kind of ['create', 'drop']) if (o[kind]) add(ns.slice(0, ns.indexOf('.')) + '.' + o[kind], Infinity);
    }
    for (const [ns, rows] of moved) print('moved.' + ns + '\\t' + (Number.isFinite(rows) ? rows : '*'));" >>"$work/notes"
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
  mongo_own=$(mongo_pattern "$p_database")
  mongo_tool mongorestore --archive --drop --stopOnError --nsFrom="$mongo_own" --nsTo="$(mongo_pattern "$1")" --nsInclude="$mongo_own"
}

mongo_scratch_name() { case $1 in slipway_*) : ;; *) printf '%s is no scratch database\n' "$1" >&2 && return 1 ;; esac; }

# Whether this backup is of what the settings name: of one database or of all.
mongo_same_kind() {
  mongo_of=$(manifest_field "${backup:?}/manifest" kind)
  [ "$mongo_of" != "$(engine_kind)" ] || return 0
  case $mongo_of in
    mongo-oplog) echo 'slipway: this backup is of all databases of a replica set: it goes back with whole: true only' >&2 ;;
    *) echo 'slipway: this backup is of one database: it goes back with its name and without whole: true only' >&2 ;;
  esac
  return 1
}

engine_scratch() {
  mongo_scratch_name "$1" || return 1
  if ! mongo_shell_here; then
    echo 'a drill needs mongosh on the host: the MongoDB tools can make a scratch database, but not drop it' >&2
    return 1
  fi
  mongo_same_kind || return 5
  if ! mongo_whole; then
    mongo_load "$1"
    return
  fi
  mongo_scratches "$1"
  set --
  while IFS="$(printf '\t')" read -r mongo_to mongo_from; do
    mongo_own=$(mongo_pattern "$mongo_from")
    set -- "$@" --nsInclude="$mongo_own" --nsFrom="$mongo_own" --nsTo="$(mongo_pattern "$mongo_to")"
  done <"$work/scratches"
  # Without a pattern all of it would go to the live databases.
  if [ "$#" = 0 ]; then
    cat >/dev/null
  else
    mongo_tool mongorestore --archive --stopOnError "$@"
  fi
}
# mongo_scratches NAME: `<scratch database>TAB<database>` of the backup, in $work/scratches.
mongo_scratches() {
  sed -n 's/^rows	[0-9]*	\([^.]*\)\..*/\1/p' "$backup/manifest" | sort -u | awk -v name="$1" '{ printf "%s_%d\t%s\n", name, NR, $0 }' >"$work/scratches"
}

# Counted by reading: it needs no right but that of the dump, and every document is read.
engine_rows() {
  if ! mongo_whole; then
    mongo_tool mongodump --db="${1-$p_database}" --archive >/dev/null || return 1
    mongo_said "${1-$p_database}"
  elif [ "$#" = 0 ]; then
    mongo_tool mongodump --archive >/dev/null || return 1
    mongo_said
  else
    while IFS="$(printf '\t')" read -r mongo_to mongo_from; do
      mongo_tool mongodump --db="$mongo_to" --archive >/dev/null </dev/null || return 1
      mongo_said "$mongo_to" | OF=$mongo_from awk -F '\t' '{ printf "%s\t%s.%s\n", $1, ENVIRON["OF"], $2 }'
    done <"$work/scratches"
  fi
}

mongo_validate='
  let bad = 0;
  const validate = (db) => {
    for (const { name, type } of db.getCollectionInfos()) {
      if (type === "view" || name.startsWith("system.")) continue;
      const said = db.runCommand({ validate: name });
      if (said.ok !== 1 || said.valid === false) { bad = 1; print(name + ": " + (said.errmsg || (said.errors || []).join(", "))); }
    }
  };'
engine_integrity() {
  mongo_shell_here || return 0
  if mongo_whole; then
    mongo_ask "$mongo_validate for (const name of databases) if (name.startsWith('$1_')) validate(db.getSiblingDB(name)); if (bad) quit(1);"
  else
    mongo_shell "${1-$p_database}" "$mongo_validate validate(db); if (bad) quit(1);"
  fi || {
    cat "$work/shell.out"
    return 1
  }
}

# The probe is JavaScript for mongosh; its value is what counts. Of a whole backup db.getSiblingDB gives the scratch databases.
engine_probe() {
  if mongo_whole; then
    mongo_names=$(while IFS="$(printf '\t')" read -r mongo_to mongo_from; do
      printf '[%s, %s], ' "$(mongo_string "$mongo_from")" "$(mongo_string "$mongo_to")"
    done <"$work/scratches")
    mongo_shell "$1" "
      const scratch = new Map([$mongo_names]), sibling = db.getSiblingDB.bind(db);
      db.getSiblingDB = (name) => {
        if (!scratch.has(name)) throw new Error('no database ' + name + ' is in the backup');
        return sibling(scratch.get(name));
      };
      print(eval($(mongo_string "$2")));"
  else
    mongo_shell "$1" "print(eval($(mongo_string "$2")))"
  fi >"$work/probe" || return 1
  head -n 20 "$work/probe"
  case $(head -n 1 "$work/probe") in '' | 0 | f | false | null | undefined) return 1 ;; esac
}

engine_drop() {
  mongo_scratch_name "$1" || return 1
  # Without it none was made.
  mongo_shell_here || return 0
  if ! mongo_whole; then
    mongo_shell "$1" 'if (db.dropDatabase().ok !== 1) quit(1);'
    return
  fi
  # A database without collections is none: that is how it goes for who may restore and no more.
  mongo_ask "
    for (const name of databases) {
      if (name !== '$1' && !(name.startsWith('$1_') && /^[0-9]+\$/.test(name.slice('$1_'.length)))) continue;
      const scratch = db.getSiblingDB(name);
      let gone = false;
      try { gone = scratch.dropDatabase().ok === 1; } catch (e) { if (e.code !== 13) throw e; }
      if (!gone) for (const one of scratch.getCollectionNames()) scratch.getCollection(one).drop();
    }"
}

engine_atomic() { return 1; }

# Everything but the accounts goes, so that what came after the backup is gone. A server that is no replica set may take it too. Whether the
# oplog can be replayed is asked before that, by an entry that deletes nothing: who may not replay one hears it all the same.
mongo_clear() {
  mongo_ask '
    if (db.hello().msg === "isdbgrid") refuse("no oplog can be replayed into a sharded cluster");
    let said;
    try { said = db.runCommand({ applyOps: [{ op: "d", ns: "slipway_none.none", o: { _id: 0 } }] }); } catch (e) { said = e; }
    if (said.ok !== 1 && [13, 59, 115, 8000].includes(said.code)) {
      refuse("the oplog cannot be replayed here (the account needs anyAction on anyResource): " + (said.errmsg || said.message));
    }
    print("clearing");
    for (const name of databases) {
      const one = db.getSiblingDB(name);
      for (const of of one.getCollectionNames()) if (!of.startsWith("system.")) one.getCollection(of).drop();
    }' >/dev/null && return 0
  grep -q "^clearing\$" "$work/shell.out" || : >"$work/untouched"
  return 1
}

engine_restore() {
  if ! mongo_same_kind; then
    : >"$work/untouched"
    return 1
  fi
  if mongo_whole; then
    mongo_clear || return 1
    mongo_tool mongorestore --archive --drop --stopOnError --oplogReplay
  elif mongo_shell_here; then
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

# Asked by trying: without an account, the collections of a database.
mongo_anonymous() {
  (umask 077 && mongo_config "$(printf '%s' "$p_uri" | sed 's#://[^@/]*@#://#; s/\(auth[SM][a-z]*\)=[^&]*&\{0,1\}//g')" >"$work/nobody.yaml") || return 1
  if mongodump --config="$work/nobody.yaml" --serverSelectionTimeout=10 --db="${p_database:-admin}" --archive --collection=slipway_none >/dev/null 2>"$work/said"; then
    echo accepted
  elif grep -qi 'auth\|not allowed\|unauthorized' "$work/said"; then
    echo refused
  else
    echo unknown
  fi
  rm -f "$work/nobody.yaml"
}

engine_facts() {
  if mongo_whole && [ -n "$(mongo_lack)" ]; then printf 'unreachable\t%s\n' "$(mongo_lack)"; fi
  began=$(ms)
  mongo_tool mongodump --db="${p_database:-admin}" --collection=slipway_none --archive >/dev/null || return 1
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
  mongo_shell "${p_database:-admin}" '
    const whole = '"$(if mongo_whole; then echo true; else echo false; fi)"';
    const tab = "\t";
    const ask = (f) => { try { f(); } catch (e) { print("unknown" + tab + String(e.message).split("\n")[0]); } };
    const every = () => db.adminCommand({ listDatabases: 1 }).databases.filter(({ name }) => !["admin", "config", "local"].includes(name));
    const all = whole ? every() : [{ name: db.getName() }];
    ask(() => {
      let total = 0;
      for (const { name, sizeOnDisk } of all) {
        try { total += Number(db.getSiblingDB(name).stats().dataSize); } catch (e) { if (!whole) throw e; total += Number(sizeOnDisk); }
      }
      print("size" + tab + Math.round(total));
    });
    ask(() => { const c = db.serverStatus().connections; if (c && c.available !== undefined) print("connections" + tab + c.current + " " + (c.current + c.available)); });
    ask(() => print("replica" + tab + (db.hello().setName ? "yes" : "no")));
    ask(() => {
      const powerful = ["root", "dbOwner", "userAdmin", "clusterAdmin", "clusterManager", "hostManager", "__system"];
      const info = db.runCommand({ connectionStatus: 1, showPrivileges: true }).authInfo;
      for (const { role, db: of } of info.authenticatedUserRoles || []) {
        print("privileges" + tab + role + " on " + of);
        if (powerful.includes(role) || /AnyDatabase$/.test(role)) print("excess" + tab + role + " on " + of);
      }
      const may = info.authenticatedUserPrivileges || [];
      const all = may.filter(({ resource: { anyResource, db: of, collection } }) => anyResource || (of === "" && collection === ""));
      if (all.some(({ resource, actions }) => resource.anyResource && actions.includes("anyAction"))) print("excess" + tab + "anyAction on anyResource");
      if (!whole || may.length === 0) return;
      const lacks = (...wanted) => wanted.some((action) => !all.some(({ actions }) => actions.includes(action) || actions.includes("anyAction")));
      const [me] = info.authenticatedUsers;
      const admin = "db.getSiblingDB(\"admin\")";
      const to = "db.getSiblingDB(" + JSON.stringify(me.db) + ").grantRolesToUser(" + JSON.stringify(me.user);
      const grant = (role) => to + ", [{ role: \"" + role + "\", db: \"admin\" }])";
      const validate = "{ role: \"validate\", roles: [], privileges: [{ resource: { db: \"\", collection: \"\" }, actions: [\"validate\"] }] }";
      if (lacks("insert", "createCollection", "createIndex", "dropCollection")) print("scratch" + tab + "no: " + grant("restore"));
      else if (lacks("validate")) print("scratch" + tab + "no: " + admin + ".createRole(" + validate + "); " + grant("validate"));
      else print("scratch" + tab + "yes");
    });
    ask(() => {
      for (const { name } of all) for (const one of db.getSiblingDB(name).getCollectionNames().sort()) print("table" + tab + (whole ? name + "." : "") + one);
    });'
}
