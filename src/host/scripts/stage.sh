# shellcheck shell=sh
# Receives a release: what changed comes as one compressed tar on stdin, the rest is hard-linked from the newest release
# here; then the whole is compared with the manifest. Only a whole release gets its name below releases/.
#
# $1 root  $2 token  $3 release  $4 base or ''  $5 first|more  $6 journal line "begin"  $7 journal line "staged"  $8 env file's path
# The tar holds meta/ (tree, sums, links, shared, env, services/ …), tree/ (the files), and at its end meta/complete.
enter "$1"
token=$2 release=$3 base=$4 part=$5 env_path=$8
valid_id "$release"
lock 120
own_lease "$token"
stage=$state/staging/$release
[ ! -e "releases/$release" ] || fail 3 "release $release is on this host already"

if [ "$part" = first ]; then
  journal "$6"
  rm -rf "$state/staging"
  mkdir -p "$stage/tree" "$stage/meta" "$state/manifests"
  clock "$stage/clock" >"$stage/begun"
  # While the first bytes are on their way. Before linking, which moves ctimes.
  if [ -n "$base" ] && [ -s "$state/manifests/$base/index" ]; then
    valid_id "$base"
    list_stats "releases/$base" >"$stage/stats.base" 2>/dev/null || :
  fi
  at staging-begun
fi
rm -f "$stage/meta/complete"
# What belongs to root on the runner belongs to the deploy user here. Of a stream that ends too early tar complains, unless
# it ends between two entries: so the last entry must have come.
if ! gzip -dc | tar -xpf - --no-same-owner --warning=no-timestamp -C "$stage"; then
  # tar does not say so when only a part of a block still had room.
  [ "$(df --block-size=1 --output=avail "$stage" | tail -n 1)" -gt 65536 ] || fail 1 'No space left on device (the disk is full)'
  fail 1 'the upload could not be unpacked'
fi
[ -f "$stage/meta/complete" ] || fail 1 'the upload ended before all of it was here'
rm -f "$stage/meta/complete"
at received

if [ "$part" = first ] && [ -n "$base" ] && [ -s "$stage/meta/links" ]; then
  valid_id "$base"
  # What is gone or unreadable in the base shows in the comparison below.
  (cd "releases/$base" && xargs -0 -n 1000 -P "$(nproc)" cp -dl --parents -t "$stage/tree" -- <"$stage/meta/links") 2>/dev/null || :
fi

# Folders take the setgid bit from the folder they stand in; a release has its own modes.
if [ -g "$stage/tree" ]; then find "$stage/tree" -mindepth 1 -type d -perm /7000 -exec chmod ug-s,-t {} +; fi
# All of it must be on the disk before it counts: it goes there while it is being verified. What comes after this are renames,
# and the journal's line that says "staged" is synced behind them.
sync -f "$stage" 9>&- &
syncing=$!
# Stats before sums: what is written to in between will differ from its stat in the index.
list_both "$stage/tree" "$stage/tree.here" "$stage/stats"
clock "$stage/clock" >"$stage/ended"
# What was verified in the base and not touched since needs no reading. What is sent again may be anything: all is read.
: >"$stage/known"
if [ "$part" = first ] && [ -f "$stage/stats.base" ]; then
  judge known "$state/manifests/$base/index" "$stage/stats" <"$stage/stats.base" | tr '\n' '\0' >"$stage/known"
fi
rm -f "$stage/part."*
sed -z -n 's,^f [0-7]* ,,; t path; b; :path; s,//$,,; p' "$stage/tree.here" | sort -z >"$stage/files"
cut -z -c 67- "$stage/known" | sort -z | comm -z -23 "$stage/files" - | (cd "$stage/tree" && sum_files "$stage/part") |
  sort -z - "$stage/known" >"$stage/sums.here"
if ! cmp -s "$stage/sums.here" "$stage/meta/sums" || ! cmp -s "$stage/tree.here" "$stage/meta/tree"; then
  # paths_only_in A B: the files of which sums or tree know something in the first listing that the second does not.
  # In tree the path is what stands between the mode and the first "//".
  paths_only_in() {
    {
      comm -z -23 "$stage/$1sums$2" "$stage/$3sums$4" | cut -z -c 67-
      comm -z -23 "$stage/$1tree$2" "$stage/$3tree$4" | sed -z -n 's,^f [0-7]* ,,; t path; b; :path; s,//.*$,,; p'
    } | sort -zu
  }
  # Wanted and not here as wanted; and what is here in its place.
  paths_only_in meta/ '' '' .here >"$stage/again"
  paths_only_in '' .here meta/ '' >"$stage/differs"
  if [ "$part" = more ] || [ ! -s "$stage/again" ]; then
    comm -z -3 "$stage/meta/tree" "$stage/tree.here" | tr '\0' '\n' | head -n 5 >&2
    fail 1 'the release on the host is not what was sent (disk full, or files changing while they were read?)'
  fi
  # What was linked and differs was rewritten in place in the base release: it is asked for again, and never linked from
  # now on. It goes from here first: writing into it would change the older release too.
  (cd "$stage/tree" && xargs -0 rm -f -- <"$stage/differs")
  sort -z "$stage/meta/links" | comm -z -12 - "$stage/differs" >"$stage/rewritten"
  cat "$stage/rewritten" "$state/rewritten" 2>/dev/null | sort -zu >"$state/rewritten.new"
  mv "$state/rewritten.new" "$state/rewritten"
  say "again $(base64 -w 0 <"$stage/again")"
  exit 10
fi
at verified

join_index "$stage/meta/sums" "$stage/stats" >"$stage/meta/index"
linked "$(cat "$stage/begun")" "$(cat "$stage/ended")"

# Shared folders: made once, owned by the deploy user, the group keeps its rights on what the app creates.
if [ -s "$stage/meta/shared" ]; then
  while IFS= read -r path; do
    shared=$root/shared/$path
    if [ ! -e "$shared" ]; then
      mkdir -p "$shared"
      chmod 2775 "$shared" 2>/dev/null || :
    fi
    mkdir -p "$stage/tree/$(dirname -- "$path")"
    ln -s "$shared" "$stage/tree/$path"
  done <"$stage/meta/shared"
fi
if [ -f "$stage/meta/env" ]; then
  chmod 0600 "$stage/meta/env"
  : >"$stage/meta/has-env"
  mkdir -p "$stage/tree/$(dirname -- "$env_path")"
  mv "$stage/meta/env" "$stage/tree/$env_path"
fi

# Secrets that nobody has to know are made once and are the same in every release. They are never shown.
if [ -s "$stage/meta/generate" ]; then
  mkdir -p "$stage/tree/$(dirname -- "$env_path")"
  (umask 077 && : >>"$state/secrets" && : >>"$stage/tree/$env_path")
  while IFS= read -r secret; do
    case $secret in '' | [0-9]* | *[!A-Za-z0-9_]*) fail 3 "'$secret' is no name of a variable" ;; esac
    if ! grep -q "^$secret='[0-9a-f]\{128\}'\$" "$state/secrets"; then
      made=$(od -A n -N 64 -v -t x1 /dev/urandom | tr -d ' \n')
      [ "${#made}" -eq 128 ] || fail 1 'this host has no /dev/urandom to make secrets from'
      printf "%s='%s'\n" "$secret" "$made" >>"$state/secrets"
      sync "$state/secrets"
    fi
    grep "^$secret='" "$state/secrets" | head -n 1 >>"$stage/tree/$env_path"
  done <"$stage/meta/generate"
fi

wait "$syncing"
# The manifest is put in place before the release: a release without one does not count.
rm -rf "$state/manifests/$release"
mv "$stage/meta" "$state/manifests/$release"
mv "$stage/tree" "releases/$release"
at named
rm -rf "$state/staging"
journal "$7"
at staged
say staged
