# shellcheck shell=sh
# Keeps the copy of a backup on another server than the app's. Nothing of Slipway's need be there.
#   $1 the folder for copies  $2 environment  $3 database  $4 id  $5 ask | take
# Standard input for take: parameters (size, sum, manifest_b64), then the archive to its end.
# Kept as <folder>/<environment>/<database>/<id>/{archive,manifest}; half a copy has another name and never counts.
case $1 in
  /*[!/]*) : ;;
  *) fail 3 "refusing to keep copies in '$1': name a folder of their own by its full path" ;;
esac
guard_root "${1%/}"
umask 077
place=${1%/}/$2/$3
copy=$place/$4
half=$place/.half-$4

if [ "$5" = ask ]; then
  if [ -f "$copy/manifest" ]; then printf 'there\t%s\n' "$(sha256sum <"$copy/archive" | cut -d ' ' -f 1)"; else printf 'absent\n'; fi
  exit 0
fi

read_parameters
size=${p_size:-0} sum=${p_sum:-}
mkdir -p "$place" 2>/dev/null || fail 7 "$(id -un) may not make $place"
# What another run has left half; a copy that is under way is not as old.
find "$place" -maxdepth 1 -name '.half-*' -mmin +1440 -exec rm -rf {} +
rm -rf "$half"
trap 'rm -rf "$half"' EXIT
mkdir "$half"
free=$(df -P -B1 "$place" | awk 'NR == 2 { print $4 }')
if [ "${free:-0}" -lt "$size" ]; then fail 36 "$place has room for ${free:-0} bytes, and the archive has $size"; fi
cat >"$half/archive" || fail 36 "the archive could not be written to $place"
got=$(wc -c <"$half/archive")
[ "$got" = "$size" ] || fail 31 "only $got of $size bytes arrived in $place"
sync "$half/archive" 2>/dev/null || :
[ "$(sha256sum <"$half/archive" | cut -d ' ' -f 1)" = "$sum" ] || fail 31 "what arrived in $place is not the backup: its sum differs"
printf '%s' "${p_manifest_b64:-}" | base64 -d >"$half/manifest"
rm -rf "$copy"
mv "$half" "$copy"
printf 'copied\t%s\n' "$got"
