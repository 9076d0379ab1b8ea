# shellcheck shell=sh
# Common ground of every script Slipway runs on a host. Sent in front of each of them, over one SSH channel.
# POSIX sh; the tools are those of Debian and Ubuntu (GNU find, sort, comm, tar, xargs; util-linux flock, setsid).
#
# Exit codes the client knows:
#   3  refused: the folder is not ours or not safe      4  the lease is not ours (any more)
#   5  the host lacks something                          6  another script of Slipway is still at work here
#  10  some files could not be taken from the last release; their paths were printed
#   7  the folder cannot be written                      8  another release is live than the caller thinks
#  20  the services did not start: gone back            21  … and going back failed too
#  22  … and there was nothing to go back to: stopped   23  they did not start in the free slot: nothing was switched
set -eu
locale=${LC_ALL-unset}
LC_ALL=C
export LC_ALL
umask 022

# A lost link must not kill a script between two steps: it goes on, silently, to a state the journal names.
trap '' PIPE HUP

# as_at_login: in a subshell, before somebody else's command is started there: the locale and the signals it would have had.
as_at_login() {
  trap - PIPE HUP
  own_locale
}
own_locale() { if [ "$locale" = unset ]; then unset LC_ALL; else LC_ALL=$locale; fi; }

say() { printf '%s\n' "$*" 2>/dev/null || :; }
fail() {
  code=$1
  shift
  printf 'slipway: %s\n' "$*" >&2 2>/dev/null || :
  exit "$code"
}

# Refuses folders no release may ever be put into or deleted from.
guard_root() {
  case $1 in
    '' | / | /home | /root | /srv | /var | /var/lib | /var/www | /etc | /usr | /usr/local | /opt | /tmp | /bin | /sbin | /lib | /boot | /dev | /proc | /sys | /run | /mnt | /media)
      fail 3 "refusing to work in '$1': give the app a folder of its own" ;;
    */../* | */.. | */./* | */. | *//* | */) fail 3 "refusing to work in '$1': the path must be plain" ;;
    /*) : ;;
    *) fail 3 "refusing to work in '$1': the path must be absolute" ;;
  esac
  home=$(cd "${HOME:-/}" 2>/dev/null && pwd -P) || home=/
  case $home in
    "$1" | "$(cd "$1" 2>/dev/null && pwd -P)") fail 3 "refusing to work in '$1': it is the home folder itself" ;;
  esac
}

# enter ROOT: everything below refers to $root, $real_root and its private folder $state.
enter() {
  root=${1%/}
  guard_root "$root"
  state=$root/.slipway
  [ -f "$state/app" ] || fail 3 "$root is not a folder of Slipway's"
  cd "$root"
  # What the kernel calls it, when a part of the path is a link.
  # shellcheck disable=SC2034
  real_root=$(pwd -P)
}

# lock SECONDS: one changing script at a time on this host; released when this shell ends, however it ends.
# Whatever we start must close descriptor 9, or a daemon would keep the lock for ever.
lock() {
  exec 9>"$state/lock"
  flock -w "$1" 9 || fail 6 "another step of Slipway has been at work in $root for more than $1 s"
}

lease_field() { sed -n "s/^$1=//p" "$state/lease" 2>/dev/null | head -n 1; }
now() { date +%s; }
boot() { cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown; }

# How long the lease is still in force, in seconds. Counted by the uptime, which does not jump when the clock is set;
# by the clock when the host was started anew since, and then for a day at most: it may have been set back. A lease that
# was not kept has lost its run with the connection then.
lease_left() {
  if [ "$(lease_field boot)" = "$(boot)" ]; then
    left=$(($(lease_field until) - $(uptime_s)))
  else
    left=$(($(lease_field expires) - $(now)))
    if [ "$left" -gt 86400 ] || [ "$(lease_field kept)" = no ]; then left=0; fi
  fi
  printf '%s' "$left"
}

# A script that changes anything first proves that its run still owns the lease.
own_lease() {
  if [ -z "$1" ] || [ "$(lease_field token)" != "$1" ]; then
    fail 4 "the lease of $root is no longer this run's (now: $(lease_field owner | head -c 200))"
  fi
}

# Appends one line to the journal and puts it on the disk. A torn last line (power cut, full disk) is closed first.
# Fails when it could not be written; whoever calls it in a condition decides what that means.
journal() {
  [ -n "$1" ] || return 0
  if { journal_line "$1" && sync "$state/journal"; } 2>/dev/null; then return 0; fi
  printf 'slipway: the journal %s cannot be written: is the disk full?\n' "$state/journal" >&2 2>/dev/null || :
  return 1
}
journal_line() {
  if [ -s "$state/journal" ] && [ "$(tail -c 1 "$state/journal" | wc -l)" -eq 0 ]; then
    printf '\n' >>"$state/journal" || return 1
  fi
  printf '%s\n' "$1" >>"$state/journal"
}

valid_id() {
  case $1 in
    '' | .* | *[!A-Za-z0-9._-]*) fail 3 "'$1' is no release id" ;;
  esac
}

current_id() {
  target=$(readlink "$root/current" 2>/dev/null) || return 0
  printf '%s' "${target##*/}"
}

# Uptime does not jump when the clock is set.
uptime_s() { cut -d. -f1 /proc/uptime; }

# Lists a folder as the manifest does: one NUL-ended record each, sorted by bytes.
#   tree: type, mode, path//target   (directories without their missing owner bits: Slipway must be able to enter)
#   sums: sha256, two spaces, path
list_tree() { (cd "$1" && find . -mindepth 1 \( -type l -printf 'l 777 %P//%l\0' -o -type d -printf 'd %m %P//\0' -o -printf '%y %m %P//\0' \) | sort -z); }
list_sums() { (cd "$1" && find . -mindepth 1 -type f -printf '%P\0' | xargs -0 -r sha256sum -z -- | sort -z); }

# newest_whole: the newest release in the journal that is verified and still here.
newest_whole() {
  [ -f "$state/journal" ] || return 0
  sed -n 's/^{"event":"staged","release":"\([A-Za-z0-9._-]*\)".*/\1/p' "$state/journal" | tac | while IFS= read -r id; do
    if [ -f "$state/manifests/$id/sums" ] && [ -d "releases/$id" ]; then
      printf '%s' "$id"
      break
    fi
  done
}
