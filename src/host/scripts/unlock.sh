# shellcheck shell=sh
# Removes the lease: the one with this token, or without a token whoever holds it (a person has decided that its run is
# dead).
#
# $1 root  $2 token or ''
if [ ! -e "${1%/}/.slipway/app" ]; then
  say none
  exit 0
fi
enter "$1"
exec 8>"$state/lease.lock"
flock -w 10 8 || fail 6 "the lease of $root cannot be read: another process holds it"
if [ -f "$state/lease" ] && { [ -z "$2" ] || [ "$(lease_field token)" = "$2" ]; }; then
  owner=$(lease_field owner)
  rm -f "$state/lease"
  say "freed $owner"
else
  say none
fi
