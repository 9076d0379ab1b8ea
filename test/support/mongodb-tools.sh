#!/bin/sh
# Builds FerretDB (a server that speaks MongoDB's protocol, on SQLite), mongodump and mongorestore with the Go toolchain, and
# installs mongosh with npm, once, below a cache folder. Ends with one line: `tools <folder>` (exit 0) or `unavailable <reason>` (exit 1).
#
#   mongodb-tools.sh --check   only asks for Go and npm: `possible`, or `unavailable <reason>`
set -eu
ferretdb=github.com/FerretDB/FerretDB@v1.24.0
mongo_tools=github.com/mongodb/mongo-tools@v0.0.0-20240723193119-837c2bc263f4
mongosh=2.3.8

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/slipway-test/mongodb-$(cat "$here/mongodb-tools.sh" "$here"/ferretdb/*.go | cksum | cut -d ' ' -f 1)
unavailable() { printf 'unavailable %s\n' "$*"; exit 1; }
if [ ! -e "$cache/done" ]; then
  command -v go >/dev/null 2>&1 || unavailable 'the Go toolchain is not installed here'
  command -v npm >/dev/null 2>&1 || unavailable 'npm is not installed here'
fi
if [ "${1:-}" = --check ]; then echo possible; exit 0; fi

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ -e "$cache/done" ]; then printf 'tools %s\n' "$cache"; exit 0; fi
work=$(mktemp -d)
installing=
end() {
  if [ -n "$installing" ]; then kill "$installing" 2>/dev/null || :; fi
  chmod -R u+w "$work"
  rm -rf "$work"
}
trap end EXIT
trap 'exit 143' TERM INT
exec 2>"$cache/log"
# Beside the tests that run meanwhile, not before them.
renice -n 10 -p "$$" >/dev/null 2>&1 || :
npm install --prefix "$cache" --ignore-scripts --no-audit --no-fund "mongosh@$mongosh" >"$cache/npm.log" 2>&1 &
installing=$!

cd "$work"
go mod init slipway.example/tools >&2
# By version: the sums of both modules are proven by Go's own ledger. What is asked of the folder is where it lies.
folder_of() { go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }
ferretdb_from=$(folder_of "$ferretdb")
[ -n "$ferretdb_from" ] || unavailable "Go cannot fetch $ferretdb (see $cache/log)"
tools_from=$(folder_of "$mongo_tools")
[ -n "$tools_from" ] || unavailable "Go cannot fetch $mongo_tools (see $cache/log)"

cp -R "$ferretdb_from" ferretdb
chmod -R u+w ferretdb
cd ferretdb
# A release of FerretDB is built by its own tools, which write its version down.
printf '%s\n' "${ferretdb#*@}" >build/version/version.txt
# `ns`, which mongorestore adds to each index, MongoDB is told to ignore (ignoreUnknownIndexOptions); this server does not know that yet.
sed -i 's/^\t\tcase "partialFilterExpression", "expireAfterSeconds"/\t\tcase "ns":\n&/' internal/handler/msg_createindexes.go
# A replica set's whole dump brings the accounts along, which mongorestore gives to _mergeAuthzCollections: this server has no such
# command, so it does not show where its accounts are. To replay an oplog it is given applyOps.
sed -i 's/^\tfor _, collection := range res.Collections {/&\n\t\tif dbName == "admin" \&\& collection.Name == "system.users" {\n\t\t\tcontinue\n\t\t}\n/' internal/handler/msg_listcollections.go
cp "$here/ferretdb/applyops.go" internal/handler/msg_applyops.go
sed -i 's/^\t\t"aggregate": {$/\t\t"applyOps": {Handler: h.MsgApplyOps},\n&/' internal/handler/commands.go
# Only what a server on SQLite needs; in the version of the MongoDB tools where both use a module, so that it is built once.
rm -r cmd/ferretdb internal/handler/registry/mysql.go internal/util/observability/observability.go
mkdir cmd/ferretdb
cp "$here/ferretdb/main.go" cmd/ferretdb/main.go
compress=$(sed -n 's/^\t\(github.com\/klauspost\/compress\) \(v[^ ]*\).*/\1@\2/p' "$tools_from/go.mod")
go mod edit -require="$compress" >&2
cat "$tools_from/go.sum" >>go.sum
cd ..

# built NAME FOLDER PACKAGE [FLAG…]
built() {
  name=$1 folder=$2 package=$3
  shift 3
  # -mod: one of them brings a part of its modules along.
  GOFLAGS='-buildvcs=false -mod=readonly' go build -C "$folder" -ldflags='-s -w' "$@" -o "$cache/bin/$name" "$package" >&2 || unavailable "$name cannot be built (see $cache/log)"
}
built ferretdb "$work/ferretdb" ./cmd/ferretdb -tags=ferretdb_no_postgresql
built mongodump "$tools_from" ./mongodump/main
built mongorestore "$tools_from" ./mongorestore/main

wait "$installing" || unavailable "mongosh cannot be installed (see $cache/npm.log)"
installing=
ln -sf ../node_modules/.bin/mongosh "$cache/bin/mongosh"
: >"$cache/done"
printf 'tools %s\n' "$cache"
