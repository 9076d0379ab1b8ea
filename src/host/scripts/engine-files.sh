# shellcheck shell=sh
# Folders of files, such as uploads. Files come and go while they are read, so a backup of them is not one moment.
engine_tools() { printf '%s\n' tar; }
engine_kind() { echo tar; }
# Between the two renames of a restore there is no folder.
engine_atomic() { return 1; }
# The folder itself, when the path leads there by links: what is asked of a link is answered for the link.
engine_open() { p_path=$(readlink -m "$p_path"); }
engine_exists() { [ -d "$p_path" ]; }
engine_ready() { :; }

files_there() {
  if [ -d "$p_path" ]; then return 0; fi
  printf 'slipway: there is no folder %s\n' "$p_path" >&2
  return 1
}
files_in() { if [ -n "${1:-}" ]; then printf '%s' "$work/$1"; else printf '%s' "$p_path"; fi; }

# files_lost FOLDER: it is a disk of its own, with what the file system keeps there: a folder of root's for root alone. No upload is
# in it and nobody else may read it, so it is no part of the data: it is not saved, not counted, and stays where it is.
files_lost() {
  [ -d "$1/lost+found" ] && [ ! -L "$1/lost+found" ] || return 1
  case $(stat -c '%u %a' "$1/lost+found") in '0 '*00) : ;; *) return 1 ;; esac
}

engine_version() {
  files_there || return 1
  version=$(tar --version | sed -n '1s/.* //p')
  printf '%s\t%s\n' "$version" "$version"
}
# What cannot be read is what the dump will name.
engine_size() { files_there && du -sb "$p_path" 2>/dev/null | cut -f 1; }

# GNU tar ends with 1 when a file changed or went away meanwhile, and with 2 when one could not be read.
engine_dump() {
  files_there || return 1
  tar_code=0
  set -- --format=posix --index-file="$work/listed"
  if files_lost "$p_path"; then set -- "$@" --anchored --exclude=./lost+found; fi
  tar -C "$p_path" "$@" -cvf - . 2>"$work/tar-said" || tar_code=$?
  if [ "$tar_code" -gt 1 ] || grep -q 'Cannot open\|Cannot stat: Permission' "$work/tar-said"; then
    cat "$work/tar-said" >&2
    return 2
  fi
  printf '%s\tfiles\n' "$(grep -vc '/$' "$work/listed")" >"$work/rows"
  if [ "$tar_code" = 0 ]; then printf 'consistent\tyes no file changed meanwhile\n'; else printf 'consistent\tno files changed meanwhile\n'; fi >"$work/notes"
  if files_lost "$p_path"; then
    printf 'left-out\tlost+found, which is the file system'"'"'s own\n' >>"$work/notes"
    printf 'slipway: lost+found in %s is the file system'"'"'s own, and was left out\n' "$p_path" >&2
  fi
}
engine_scan() {
  tar_code=0
  tar -tf - >/dev/null || tar_code=$?
  cat >/dev/null
  return "$tar_code"
}
# As tar counts: a name may have line breaks, a socket is not kept.
engine_rows() {
  set -- "$(files_in "${1:-}")"
  if [ "$1" = "$p_path" ]; then
    files_there || return 1
    if files_lost "$1"; then set -- "$1" -path ./lost+found -prune -o; fi
  fi
  printf '%s\tfiles\n' "$(files_found "$@" | wc -c)"
}
files_found() (
  cd "$1" || exit 1
  shift
  find . -mindepth 1 "$@" ! -type d ! -type s -printf x
)
engine_scratch() { mkdir "$work/$1" && tar -C "$work/$1" -xpf -; }
engine_drop() { wipe "${work:?}/$1"; }
engine_scratches() { :; }
engine_integrity() {
  if find "$(files_in "${1:-}")" -type f ! -readable -printf 'cannot be read: %P\n' | grep .; then return 1; fi
}
# A probe is a shell command that runs in the folder.
engine_probe() {
  answer=$(cd "$work/$1" && sh -eu -c "$2") || return 1
  printf '%s\n' "$answer"
  case $(printf '%s\n' "$answer" | head -n 1) in '' | 0 | f | false) return 1 ;; esac
}

# Unpacked beside, then the two change names. Where the folder cannot be renamed (a mount, a parent of somebody else's) what lies
# in it changes places, but for the file system's own. Nothing is changed before all of it is unpacked.
engine_restore() (
  : >"$work/untouched"
  new=$p_path.slipway-new old=$p_path.slipway-old inside=
  if [ -e "$p_path" ] && { [ ! -w "${p_path%/*}" ] || [ "$(stat -c %d "$p_path")" != "$(stat -c %d "${p_path%/*}")" ] || files_lost "$p_path"; }; then
    inside=$p_path/.slipway-restore
    wipe "$inside" || exit 1
    new=$inside/new old=$inside/old
  fi
  wipe "$old" && files_unpack "$new" || exit 1
  rm -f "$work/untouched"
  if [ ! -e "$p_path" ] || { [ -z "$inside" ] && mv -T "$p_path" "$old" 2>/dev/null; }; then
    mv -T "$new" "$p_path" || exit 1
  else
    mkdir "$old" && files_move "$p_path" "$old" && files_move "$new" "$p_path" || exit 1
    chmod --reference="$new" "$p_path" 2>/dev/null || :
    wipe "$new" || :
  fi
  wipe "$old" || printf 'slipway: what was there before could not be deleted, and is in %s\n' "$old" >&2
  [ -z "$inside" ] || rmdir "$inside" || :
)
# files_unpack FOLDER: the archive on stdin, in a new folder. Who is not root gives no files away: they get at least the group
# of the live folder, as a web server's has it, by way of the set-group-ID bit; tar sets modes at the end.
files_unpack() {
  wipe "$1" && mkdir -p "$1" || return 1
  if [ -d "$p_path" ] && chgrp --reference="$p_path" "$1" 2>/dev/null; then chmod g+s "$1"; fi
  tar -C "$1" -xpf - && return 0
  wipe "$1"
  return 1
}
# files_move FROM TO: everything in it. A folder is moved by who may write to it.
files_move() {
  if files_lost "$p_path"; then stays=lost+found; else stays=.slipway-restore; fi
  find "$1" -mindepth 1 -maxdepth 1 ! -name .slipway-restore ! -name "$stays" -exec sh -c '
    to=$1
    shift
    for one; do
      mode=
      if [ -d "$one" ] && [ ! -L "$one" ] && [ ! -w "$one" ]; then mode=$(stat -c %a "$one") && chmod u+w "$one"; fi
      mv "$one" "$to/" || exit 1
      [ -z "$mode" ] || chmod "$mode" "$to/${one##*/}"
    done' files_move "$2" {} +
}

engine_facts() {
  files_there || return 1
  printf 'size\t%s\nencrypted\tlocal\nanonymous\trefused\nprivileges\t%s\n' "$(engine_size)" "$(stat -c '%U:%G %a' "$p_path")"
  case $(stat -c %a "$p_path") in *[2367]) printf 'excess\teverybody may write to the folder\n' ;; esac
  printf 'integrity\tnot asked\n'
}
