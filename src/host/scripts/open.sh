# shellcheck shell=sh
# The first call on a host, and the only one that lives as long as the run: takes the lease, tells what is here,
# then keeps the lease alive for as long as the runner says so.
#
# $1 root  $2 app  $3 environment  $4 take|look  $5 token  $6 owner (one line)  $7 seconds the lease lives without a beat
# $8 manifest|none: whether the newest release's manifest is wanted
#
# Says: "taken" or "looked" or "held SECONDS-LEFT BEAT OWNER" or "absent"; then "current", "free BYTES INODES", "has-env",
# "armed", "paused AT PAGE WHY", "site SUM", "rewritten", "j JSON" …,
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
  # A run that died while it made the folder has left an empty one of ours at most.
  foreign() { [ -n "$(find "$1/" -mindepth 1 -maxdepth 1 ! -name "$2" -print -quit 2>/dev/null)" ]; }
  # Somebody else may have made it ours in this very moment: then it says so by now.
  if { foreign "$root" .slipway || foreign "$state" 'app.new.*'; } && [ ! -f "$state/app" ]; then
    fail 3 "$root exists, is not empty and was not made by Slipway: choose another root, or empty it"
  fi
  if [ "$mode" = look ]; then
    say absent
    say ready
    exit 0
  fi
  mkdir -p "$root" 2>/dev/null || fail 7 "$(id -un) cannot make $root"
  [ -w "$root" ] || fail 7 "$(id -un) cannot write $root"
  mkdir -p "$state"
  chmod 0755 "$root" "$state"
  printf '%s %s\n' "$app" "$environment" >"$state/app.new.$$"
  # A link, not a rename: of two who come first at the same moment one wins.
  ln "$state/app.new.$$" "$state/app" 2>/dev/null || [ -f "$state/app" ] || fail 7 "$(id -un) cannot write $state"
  rm -f "$state"/app.new.*
fi
[ "$(cat "$state/app")" = "$app $environment" ] || fail 3 "$root belongs to '$(cat "$state/app")', not to '$app $environment': give each environment its own root"
cd "$root" || exit 1

if [ "$mode" = look ]; then
  if [ -f "$state/lease" ]; then say "held $(lease_left) $(lease_field beat) $(lease_field owner)"; fi
  say looked
else
  [ -w "$state" ] || fail 7 "$(id -un) cannot write $state"
  exec 8>"$state/lease.lock"
  # write_lease SECONDS [kept]: must be called under the lease lock. On a full disk the lease stays as it was.
  write_lease() {
    printf 'token=%s\nowner=%s\nkept=%s\nboot=%s\nuntil=%s\nexpires=%s\nbeat=%s\n' "$token" "$owner" "${2:-no}" "$(boot)" \
      "$(($(uptime_s) + $1))" "$(($(now) + $1))" "$(date +%s%N)" 2>/dev/null >"$state/lease.new" && mv "$state/lease.new" "$state/lease" && return 0
    rm -f "$state/lease.new"
    return 1
  }
  take_lease() { write_lease "$life" || fail 1 "the lease cannot be written in $state: is the disk full?"; }
  ours() { [ "$(lease_field token)" = "$token" ]; }
  lock_lease() { flock -w 10 8 || fail 6 "the lease of $root cannot be read: another process holds it"; }
  lost() { fail 4 "the lease of $root was taken by another run: $(lease_field owner | head -c 200)"; }
  lock_lease
  if [ -f "$state/lease" ] && ! ours && [ "$(lease_left)" -gt 0 ]; then
    say "held $(lease_left) $(lease_field beat) $(lease_field owner)"
    exit 0
  fi
  # Whatever ends this script from here on, the lease goes with it, unless it is to be kept.
  keep=no
  leave() {
    if [ "$keep" = no ] && flock -w 10 8 && ours; then rm -f "$state/lease"; fi
  }
  trap leave EXIT
  trap 'exit 143' TERM INT
  take_lease
  flock -u 8
  # A script of a run that died may still be finishing; wait for it before looking at anything.
  lock 120
  exec 9>&-
  lock_lease
  ours || lost
  take_lease
  flock -u 8
  mkdir -p "$root/releases" "$root/shared"
  rm -rf "$state/staging"
  say taken
  at lease-taken
fi

say "current $(current_id)"
say "free $(df --block-size=1 --output=avail,iavail . | tail -n 1)"
if [ -f "$state/manifests/$(current_id)/has-env" ]; then say has-env; fi
if [ -f "$state/revert/armed" ]; then
  armed_field() { sed -n "s/^$1=//p" "$state/revert/armed" | head -n 1; }
  if [ "$(armed_field boot)" = "$(boot)" ]; then left=$(($(armed_field until) - $(uptime_s))); else left=$(($(armed_field expires) - $(now))); fi
  say "armed $(armed_field release) $(armed_field target) $left"
fi
if [ -f "$state/paused" ]; then
  paused_field() { sed -n "s/^$1=//p" "$state/paused" | head -n 1; }
  say "paused $(paused_field at) $(paused_field page) $(paused_field why)"
fi
# The site nginx has loaded, by the sum of the text it was made from; nothing when it is not what site.sh left there.
if [ -f "$state/site" ] && [ ! -f "$state/site.unproven" ]; then
  { read -r sum && read -r source && read -r file && IFS= read -r link; } <"$state/site" || :
  if [ -e "${link:-$file}" ] && [ "$(sha256sum <"$file" | cut -c 1-64)" = "$sum" ] &&
    { [ ! -d /run/systemd/system ] || systemctl is-active --quiet nginx.service; }; then
    say "site $source"
  fi
fi
if [ -s "$state/rewritten" ]; then say "rewritten $(base64 -w 0 <"$state/rewritten")"; fi
if [ -f "$state/journal" ]; then
  tail -n 2000 "$state/journal" | sed 's/^/j /'
  # The last line may be torn: it must not run into the next.
  say ''
fi
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
while IFS= read -r line; do
  flock -w 10 8 || continue
  ours || lost
  case $line in
    beat) if write_lease "$life"; then say beat; fi ;;
    keep\ *)
      if write_lease "${line#keep }" yes; then
        keep=yes
        say kept
      fi
      break ;;
    free) break ;;
  esac
  flock -u 8
done
