# shellcheck shell=sh
# As root: makes the app's root folder and gives it to the deploy user. Touches nothing that exists.
#
# $1 root  $2 user
root=${1%/}
guard_root "$root"
if [ -e "$root" ] && [ -n "$(ls -A "$root")" ]; then
  fail 3 "$root exists and is not empty: give it to $2 yourself if that is right"
fi
install -d -m 0755 -o "$2" -g "$(id -gn "$2")" "$root"
