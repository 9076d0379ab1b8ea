#!/bin/sh
# Builds FerretDB (a server that speaks MongoDB's protocol, on SQLite), mongodump and mongorestore with the Go toolchain, and
# installs mongosh with npm, once, below a cache folder; some two minutes of one processor. Ends with one line:
# `tools <folder>` (exit 0) or `unavailable <reason>` (exit 1).
set -eu
ferretdb=github.com/FerretDB/FerretDB@v1.24.0
mongo_tools=github.com/mongodb/mongo-tools@v0.0.0-20240723193119-837c2bc263f4
mongosh=2.3.8

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/slipway-test/mongodb-$(printf '%s\n' 2 "$ferretdb" "$mongo_tools" "$mongosh" | cksum | cut -d ' ' -f 1)
unavailable() { printf 'unavailable %s\n' "$*"; exit 1; }
if [ -e "$cache/done" ]; then printf 'tools %s\n' "$cache"; exit 0; fi
command -v go >/dev/null 2>&1 || unavailable 'the Go toolchain is not installed here'
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ -e "$cache/done" ]; then printf 'tools %s\n' "$cache"; exit 0; fi
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
exec 2>"$cache/log"
cd "$work"
go mod init slipway.example/tools >&2
# By version: the sums of both modules are proven by Go's own ledger. What is asked of the folder is where it lies.
folder_of() { go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }
from=$(folder_of "$ferretdb")
[ -n "$from" ] || unavailable "Go cannot fetch $ferretdb (see $cache/log)"
# A release of FerretDB is built by its own tools, which write its version down. `ns`, which mongorestore adds to each index, MongoDB
# is told to ignore (ignoreUnknownIndexOptions); this server does not know that yet.
cp -R "$from" ferretdb
chmod -R u+w ferretdb
printf '%s\n' "${ferretdb#*@}" >ferretdb/build/version/version.txt
sed -i 's/^\t\tcase "partialFilterExpression", "expireAfterSeconds"/\t\tcase "ns":\n&/' ferretdb/internal/handler/msg_createindexes.go
GOFLAGS=-buildvcs=false nice go build -C ferretdb -o "$cache/bin/ferretdb" ./cmd/ferretdb >&2 || unavailable "FerretDB cannot be built (see $cache/log)"
from=$(folder_of "$mongo_tools")
[ -n "$from" ] || unavailable "Go cannot fetch $mongo_tools (see $cache/log)"
for tool in mongodump mongorestore; do
  GOFLAGS="-buildvcs=false -mod=readonly" nice go build -C "$from" -o "$cache/bin/$tool" "./$tool/main" >&2 || unavailable "$tool cannot be built (see $cache/log)"
done
npm install --prefix "$cache" --ignore-scripts --no-audit --no-fund "mongosh@$mongosh" >&2 || unavailable "mongosh cannot be installed (see $cache/log)"
ln -sf ../node_modules/.bin/mongosh "$cache/bin/mongosh"
: >"$cache/done"
printf 'tools %s\n' "$cache"
