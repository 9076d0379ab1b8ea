# shellcheck shell=sh
# Folders of files, such as uploads. Files come and go while they are read, so a backup of them is not one moment.
engine_tools() { printf '%s\n' tar; }
engine_kind() { echo tar; }
# Between the two renames of a restore there is no folder.
engine_atomic() { return 1; }
engine_open() { :; }
engine_exists() { [ -d "$p_path" ]; }

files_there() {
  if [ -d "$p_path" ]; then return 0; fi
  printf 'slipway: there is no folder %s\n' "$p_path" >&2
  return 1
}
files_in() { if [ -n "${1:-}" ]; then printf '%s' "$work/$1"; else printf '%s' "$p_path"; fi; }

engine_version() {
  files_there || return 1
  version=$(tar --version | sed -n '1s/.* //p')
  printf '%s\t%s\n' "$version" "$version"
}
engine_size() { files_there && du -sb "$p_path" | cut -f 1; }

# GNU tar ends with 1 when a file changed or went away meanwhile, and with 2 when one could not be read.
engine_dump() {
  files_there || return 1
  tar_code=0
  tar -C "$p_path" --format=posix --index-file="$work/listed" -cvf - . 2>"$work/tar-said" || tar_code=$?
  if [ "$tar_code" -gt 1 ] || grep -q 'Cannot open\|Cannot stat: Permission' "$work/tar-said"; then
    cat "$work/tar-said" >&2
    return 2
  fi
  printf '%s\tfiles\n' "$(grep -vc '/$' "$work/listed")" >"$work/rows"
  if [ "$tar_code" = 0 ]; then printf 'consistent\tyes no file changed meanwhile\n'; else printf 'consistent\tno files changed meanwhile\n'; fi >"$work/notes"
}
engine_scan() { tar -tf - >/dev/null && cat >/dev/null; }
engine_rows() {
  if [ -z "${1:-}" ]; then files_there || return 1; fi
  printf '%s\tfiles\n' "$(find "$(files_in "${1:-}")" -mindepth 1 ! -type d | wc -l)"
}
engine_scratch() { mkdir "$work/$1" && tar -C "$work/$1" -xpf -; }
engine_drop() { rm -rf "${work:?}/$1"; }
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

# Unpacked beside, then the two change names. A folder that cannot be renamed (a mount) is emptied and filled.
engine_restore() (
  real=$(readlink -m "$p_path") || exit 1
  rm -rf "$real.slipway-new"
  mkdir -p "$real.slipway-new" || exit 1
  if ! tar -C "$real.slipway-new" -xpf -; then
    rm -rf "$real.slipway-new"
    exit 1
  fi
  rm -rf "$real.slipway-old"
  if [ ! -e "$real" ] || mv -T "$real" "$real.slipway-old" 2>/dev/null; then
    mv -T "$real.slipway-new" "$real" || exit 1
    rm -rf "$real.slipway-old"
  else
    find "$real" -mindepth 1 -delete && cp -a "$real.slipway-new/." "$real/" || exit 1
    rm -rf "$real.slipway-new"
  fi
)

engine_facts() {
  files_there || return 1
  printf 'size\t%s\nencrypted\tlocal\nanonymous\trefused\nprivileges\t%s\n' "$(engine_size)" "$(stat -c '%U:%G %a' "$p_path")"
  case $(stat -c %a "$p_path") in *[2367]) printf 'excess\teverybody may write to the folder\n' ;; esac
  printf 'integrity\tnot asked\n'
}
