# shellcheck shell=sh
# Proves that releases can be gone back to: every file and link of the manifest is there and unchanged, with its
# environment file and what its install commands made. Reads only. Says "whole ID", or "broken ID reason".
#
# $1 root  $2 env file's path  then the ids, most wanted first; stops at the first whole one
enter "$1"
env_path=$2
shift 2
# What the app is known to rewrite in place (see stage.sh) is its data, not ours.
known=$state/rewritten
if [ ! -f "$known" ]; then known=/dev/null; fi
# The paths whose content, or whose kind, mode or target, is not what the manifest of release $1 says. What is not known to be
# untouched is read; nothing is written, as this must work on a full disk too.
changed_sums() {
  # shellcheck disable=SC2016
  list_stats "releases/$1" 2>/dev/null | judge known "$proof/index" | tr '\n' '\0' | sort -z | comm -z -13 - "$proof/sums" |
    (cd "releases/$1" && xargs -0 -r sh -c '
      { printf "%s\0" "$@"; printf "%s\0" "$@" | cut -z -c 67- | xargs -0 sha256sum -z -- 2>/dev/null; } | sort -z | uniq -zu | cut -z -c 67-
    ' slipway)
}
changed_tree() { list_tree "releases/$1" | comm -z -13 - "$proof/tree" | sed -z 's,^[^ ]* [0-7]* ,,; s,//.*$,,'; }
prove() {
  valid_id "$1"
  proof=$state/manifests/$1
  [ -d "releases/$1" ] || { say "broken $1 its folder is gone"; return 1; }
  for part in sums tree; do
    [ -f "$proof/$part" ] || { say "broken $1 its manifest is gone"; return 1; }
  done
  if [ -f "$proof/has-env" ] && [ ! -r "releases/$1/$env_path" ]; then
    say "broken $1 its environment file $env_path is gone"
    return 1
  fi
  lost=$({ changed_sums "$1"; changed_tree "$1"; } | sort -zu | comm -z -23 - "$known" | head -z -n 3 | tr '\0\n' ' ?')
  [ -z "$lost" ] || { say "broken $1 changed or gone since it was deployed: $lost"; return 1; }
  if [ -f "$proof/installed" ]; then
    while IFS= read -r path; do
      [ -e "releases/$1/$path" ] || { say "broken $1 what its install made is gone: $path"; return 1; }
    done <"$proof/installed"
  fi
  say "whole $1"
}
for id in "$@"; do
  if prove "$id"; then exit 0; fi
done
exit 1
