# shellcheck shell=sh
# What spares reading files again that were read before, as git's index does: when a release has been verified, the inode,
# size and time of change of each file are noted with its sum in manifests/<id>/index. A file of which all of these are still
# the same was not written to since, by anybody who writes in the usual way.
# Against a write that sets the time of change back stands the time of the inode (ctime), which nobody can set. But linking
# and unlinking move it too. So Slipway notes when it did that itself, one line "from to" each, in .slipway/linked: a ctime
# outside all of these is somebody else's doing, and the file is read. Whatever is not known for sure is read.

# clock FILE: the time by the clock of the file system that FILE is on, as find prints ctimes. FILE is made anew.
clock() {
  rm -f "$1"
  : >"$1"
  find "$1" -printf '%C@\n'
}

# linked FROM TO: notes that links were made or removed between the two. Nothing is noted where times are whole seconds: a
# write in the same second could not be told.
linked() {
  case $1$2 in *.0000000000*) return 0 ;; esac
  # Where that cannot be written, files will be read once more: no reason to fail.
  if { tail -n 199 "$state/linked" 2>/dev/null || :; printf '%s %s\n' "$1" "$2"; } 2>/dev/null >"$state/linked.new"; then
    mv "$state/linked.new" "$state/linked"
  else
    rm -f "$state/linked.new"
  fi
}

# list_stats FOLDER: "ctime inode size mtime path" of each file below it, a line each. Names with a line break are left out.
list_stats() { (cd "$1" && find . -mindepth 1 -type f ! -path '*
*' -printf '%C@ %i %s %T@ %P\n'); }

# list_both FOLDER TREE STATS: what list_tree and list_stats say, into two files, in one go. $2 and $3 are absolute paths.
list_both() {
  (cd "$1" && find . -mindepth 1 \( -type l -printf 'l 777 %P//%l\0' -o -type d -printf 'd %m %P//\0' -o -printf '%y %m %P//\0' \
    -type f ! -path '*
*' -fprintf "$3" '%C@ %i %s %T@ %P\n' \) | sort -z) >"$2"
}

# lines_of SUMS: the records of SUMS as lines, without names that have a line break.
lines_of() { sed -z '/\n/d' "$1" | tr '\0' '\n'; }

# join_index SUMS STATS: the lines of an index, "sum inode size mtime path", from a manifest's sums and what list_stats said.
join_index() {
  lines_of "$1" | awk '
    FNR == NR { sum[substr($0, 67)] = substr($0, 1, 64); next }
    {
      key = substr($0, index($0, " ") + 1)
      match(key, /^[0-9]+ [0-9]+ [-0-9.]+ /)
      path = substr(key, RLENGTH + 1)
      if (path in sum) print sum[path] " " key
    }' - "$2"
}

# judge known|forged INDEX [STATS]: reads list_stats on standard input. known: prints "sum  path" of what needs no reading,
# if it is the same in STATS too; forged: of what is as it was in all but its ctime.
judge() {
  if [ ! -s "$2" ] || [ ! -s "$state/linked" ]; then
    cat >/dev/null
    return 0
  fi
  awk -v which="$1" -v last="$(($# + 1))" '
    FNR == 1 { part += 1 }
    # Compared as texts: numbers of that many digits would be rounded.
    part == 1 { from[++times] = $1 ""; to[times] = $2 ""; next }
    part == 2 { sum[substr($0, 66)] = substr($0, 1, 64); next }
    part < last { there[substr($0, index($0, " ") + 1)]; next }
    {
      space = index($0, " ")
      ctime = substr($0, 1, space - 1) ""
      key = substr($0, space + 1)
      if (!(key in sum) || last == 4 && !(key in there)) next
      ours = 0
      for (at = times; at > 0 && !ours; at -= 1) ours = ctime >= from[at] && ctime <= to[at]
      if (ours != (which == "known")) next
      match(key, /^[0-9]+ [0-9]+ [-0-9.]+ /)
      print sum[key] "  " substr(key, RLENGTH + 1)
    }' "$state/linked" "$2" ${3+"$3"} -
}

# sum_files: "sha256  path", NUL-ended and in no order, of the paths on standard input (NUL-ended, from the working folder),
# read by all processors at once. $1: a path to put parts beside.
sum_files() {
  # shellcheck disable=SC2016
  xargs -0 -r -n 500 -P "$(nproc)" sh -c 'part=$0.$$; sha256sum -z -- "$@" >>"$part"' "$1"
  cat "$1".* 2>/dev/null || :
}
