# shellcheck shell=sh
# The first call on a host, and the only one that lives as long as the run: takes the lease, tells what is here,
# then keeps the lease alive for as long as the runner says so.
#
# $1 root  $2 app  $3 environment  $4 take|look  $5 token  $6 owner (one line)  $7 seconds the lease lives without a beat
# $8 manifest|none: whether the newest release's manifest is wanted
#
# Says: "taken" or "looked" or "held SECONDS-LEFT BEAT OWNER" or "absent"; then "current", "has-env", "rewritten", "j JSON" …,
# "base ID", base64 of gzip of its sums and tree, "ready". Listens: "beat", "keep SECONDS", "free".
root=${1%/} app=$2 environment=$3 mode=$4 token=$5 owner=$6 life=$7 want=$8
guard_root "$root"
state=$root/.slipway

for tool in find sort comm tar gzip xargs sha256sum base64 flock setsid tac sync; do
  command -v "$tool" >/dev/null || fail 5 "the host lacks '$tool' (Slipway needs GNU coreutils, findutils, tar, gzip and util-linux)"
done
# shellcheck disable=SC2185
find --version 2>/dev/null | grep -q GNU || fail 5 "the host's find is not GNU find (Slipway needs GNU coreutils and findutils)"

if [ ! -f "$state/app" ]; then
  if [ -e "$root" ] && [ -n "$(ls -A "$root")" ]; then
    fail 3 "$root exists, is not empty and was not made by Slipway: choose another root, or empty it"
  fi
  if [ "$mode" = look ]; then
    say absent
    say ready
    exit 0
  fi
  mkdir -p "$root" 2>/dev/null || fail 7 "$(id -un) cannot make $root"
  [ -w "$root" ] || fail 7 "$(id -un) cannot write $root"
  mkdir -p "$state" "$root/releases" "$root/shared"
  chmod 0755 "$root" "$root/releases" "$root/shared"
  printf '%s %s\n' "$app" "$environment" >"$state/app.new"
  mv "$state/app.new" "$state/app"
fi
[ "$(cat "$state/app")" = "$app $environment" ] || fail 3 "$root belongs to '$(cat "$state/app")', not to '$app $environment': give each environment its own root"
cd "$root" || exit 1

if [ "$mode" = look ]; then
  if [ -f "$state/lease" ]; then say "held $(($(lease_field expires) - $(now))) $(lease_field beat) $(lease_field owner)"; fi
  say looked
else
  [ -w "$state" ] || fail 7 "$(id -un) cannot write $state"
  exec 8>"$state/lease.lock"
  write_lease() { # must be called under the lease lock
    printf 'token=%s\nowner=%s\nexpires=%s\nbeat=%s\n' "$token" "$owner" "$(($(now) + $1))" "$(date +%s%N)" >"$state/lease.new"
    mv "$state/lease.new" "$state/lease"
  }
  ours() { [ "$(lease_field token)" = "$token" ]; }
  flock -w 10 8 || fail 6 "the lease of $root cannot be read: another process holds it"
  if [ -f "$state/lease" ] && ! ours && [ "$(lease_field expires)" -gt "$(now)" ]; then
    # A clock set back must not keep a dead lease alive: none may last longer than a day.
    if [ "$(($(lease_field expires) - $(now)))" -lt 86400 ]; then
      say "held $(($(lease_field expires) - $(now))) $(lease_field beat) $(lease_field owner)"
      exit 0
    fi
  fi
  write_lease "$life"
  flock -u 8
  # A script of a run that died may still be finishing; wait for it before looking at anything.
  lock 120
  exec 9>&-
  rm -rf "$state/staging"
  say taken
fi

say "current $(current_id)"
if [ -f "$state/manifests/$(current_id)/has-env" ]; then say has-env; fi
if [ -s "$state/rewritten" ]; then say "rewritten $(base64 -w 0 <"$state/rewritten")"; fi
if [ -f "$state/journal" ]; then tail -n 2000 "$state/journal" | sed 's/^/j /'; fi
if [ "$want" = manifest ]; then
  base=$(newest_whole)
  if [ -n "$base" ]; then
    say "base $base"
    { cat "$state/manifests/$base/sums"; printf '\0'; cat "$state/manifests/$base/tree"; } | gzip -1 | base64 -w 8000
    say .
  fi
fi
say ready
[ "$mode" = take ] || exit 0

# End of file means that the runner is gone (killed, or the link with it): nobody else speaks for this token, so it is freed.
left=free
while IFS= read -r line; do
  flock -w 10 8 || continue
  ours || fail 4 "the lease of $root was taken by another run: $(lease_field owner | head -c 200)"
  case $line in
    beat) write_lease "$life" && say beat ;;
    keep\ *) write_lease "${line#keep }" && left=kept && flock -u 8 && break ;;
    free) flock -u 8 && break ;;
  esac
  flock -u 8
done
if [ "$left" = free ]; then
  flock -w 10 8 && ours && rm -f "$state/lease"
fi
say "$left"
