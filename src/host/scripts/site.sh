# shellcheck shell=sh
# Brings the site of a release to nginx: installs its file, has nginx test the whole installation, reloads. When the test or
# the reload fails, the file that was there before is put back, and nginx goes on as it was. Files of other sites are not touched.
#
# $1 root  $2 token  $3 release
# stdin: one line, the password for sudo (may be empty)
# Says: "site none" (the release has none), "site same plain|tls", "site installed plain|tls"; "warn …"
#
# .slipway/site: sum of the installed file, sum of the text it was made from, the file, its link; .slipway/site.previous: the
# file before; .slipway/site.unproven: a file was put in place and nginx has not taken it yet.
enter "$1"
token=$2 release=$3
IFS= read -r password || password=''
lock 120
own_lease "$token"
valid_id "$release"
from=$state/manifests/$release/site
if [ ! -f "$from/info" ]; then
  say 'site none'
  exit 0
fi
PATH=$PATH:/usr/sbin:/sbin
command -v nginx >/dev/null || fail 5 "the host lacks nginx (apt-get install nginx)"

name=slipway-$(tr ' ' '-' <"$state/app").conf
if [ -d /etc/nginx/sites-enabled ]; then
  file=/etc/nginx/sites-available/$name link=/etc/nginx/sites-enabled/$name
elif [ -d /etc/nginx/conf.d ]; then
  file=/etc/nginx/conf.d/$name link=''
else
  fail 5 'nginx has neither /etc/nginx/sites-enabled nor /etc/nginx/conf.d: Slipway does not know where its site belongs'
fi
head="# Slipway: $(cat "$state/app") $root"
if [ -e "$file" ] && [ "$(head -n 1 "$file")" != "$head" ]; then
  fail 3 "$file was not written for this app: move it away, or rename the app or the environment"
fi

trap 'rm -f "$state/site.new" "$state/site.said"' EXIT
certificate='' key=''
# shellcheck disable=SC1091
. "$from/info"
# What this nginx and this kernel take: HTTP/2 is a directive of its own from 1.25.1 on; IPv6 may be switched off.
version=$(nginx -v 2>&1 | sed -n 's,.*/\([0-9][0-9.]*\).*,\1,p')
edits=''
if [ "$(printf '%s\n1.25.1\n' "${version:-0}" | sort -V | head -n 1)" = 1.25.1 ]; then
  edits='/listen \[::\]:443 ssl http2;/a\
    http2 on;
s/ ssl http2;/ ssl;/'
fi
if [ ! -e /proc/net/if_inet6 ]; then edits="$edits
s/^\( *\)listen \[::\].*;$/\1# no IPv6 here/"; fi

# choose plain|tls: the text that is to be installed.
choose() {
  kind=$1
  source=$(sha256sum <"$from/$kind.conf" | cut -c 1-64)
  sed "$edits" "$from/$kind.conf" >"$state/site.new"
  installed=$(sha256sum <"$state/site.new" | cut -c 1-64)
}

# The master process, or nothing. Of processes by that name others may run in containers.
master() {
  if [ -d /run/systemd/system ]; then pid=$(systemctl show --value -p MainPID nginx.service 2>/dev/null); else pid=$(cat /run/nginx.pid 2>/dev/null) || pid=; fi
  if [ "${pid:-0}" != 0 ] && [ -d "/proc/$pid" ]; then printf '%s' "$pid"; fi
}
workers() { pgrep -P "$1" 2>/dev/null | sort || :; }
tested() { as_root nginx -t >"$state/site.said" 2>&1; }
show_said() { grep -v 'syntax is ok$' "$state/site.said" | tail -n 10 >&2 || :; }

# nginx says nothing when it cannot take a configuration it was told to load (a port that is taken): it keeps the old workers.
reload() {
  old=$(workers "$1")
  as_root nginx -s reload >"$state/site.said" 2>&1 || return 1
  waited=0
  while [ "$waited" -lt 80 ]; do
    for worker in $(workers "$1"); do
      case "
$old
" in *"
$worker
"*) : ;; *) return 0 ;; esac
    done
    sleep 0.1
    waited=$((waited + 1))
  done
  as_root tail -n 20 /var/log/nginx/error.log 2>/dev/null | grep -F '[emerg]' | tail -n 2 >>"$state/site.said" || :
  return 1
}

start() {
  if [ -d /run/systemd/system ]; then
    as_root systemctl enable --quiet nginx.service >"$state/site.said" 2>&1 || :
    as_root systemctl start nginx.service >>"$state/site.said" 2>&1 && return 0
    as_root journalctl -q -u nginx.service -n 5 --no-pager -o cat >>"$state/site.said" 2>&1 || :
    return 1
  fi
  as_root nginx >"$state/site.said" 2>&1
}

# put FILE: in place with one rename, and linked where only what is linked counts.
put() {
  # shellcheck disable=SC2016
  as_root sh -c 'install -m 0644 "$1" "$2.new" && mv -f "$2.new" "$2" || exit 1
    if [ -n "$3" ] && [ ! -e "$3" ]; then ln -sfn "../sites-available/${2##*/}" "$3"; fi' slipway "$1" "$file" "$link"
}

# put_back: as it was before this script.
put_back() {
  if [ -f "$state/site.previous" ]; then
    put "$state/site.previous"
  else
    # shellcheck disable=SC2016
    as_root sh -c 'rm -f "$1" "$2" "$1.new"' slipway "$file" "${link:-$file}"
  fi
}

record() {
  printf '%s\n%s\n%s\n%s\n' "$installed" "$source" "$file" "$link" >"$state/site.record" && mv "$state/site.record" "$state/site"
  rm -f "$state/site.unproven"
}

pid=$(master)
end_if_same() {
  if [ ! -f "$state/site.unproven" ] && [ -n "$pid" ] && [ -e "${link:-$file}" ] && cmp -s "$state/site.new" "$file"; then
    record
    say "site same $kind"
    exit 0
  fi
}
choose tls
if [ -z "$certificate" ]; then kind=plain; fi
end_if_same
if ! as_root true 2>"$state/site.said"; then
  show_said
  fail 1 "$(id -un) may not become root, which nginx's files need: allow it sudo, or pass sudo-password"
fi
# Only root sees into the folders of private keys.
if [ -n "$certificate" ] && ! { as_root test -f "$certificate" && as_root test -f "$key"; }; then
  choose plain
  end_if_same
fi

# What was broken before is not ours to break further; what is broken in our own file, the new one may mend.
ours() { grep -qF -e "/$name:" "$state/site.said" || { [ -n "$certificate" ] && grep -qF -e "$certificate" -e "$key" "$state/site.said"; }; }
if ! tested && ! ours; then
  show_said
  fail 1 "nginx's configuration on this host was broken before Slipway touched it, by the file named above: mend that first"
fi

mkdir -p "$state/acme"
if [ -f "$file" ]; then
  # What a dead run left unproven is no way back.
  if [ ! -f "$state/site.unproven" ]; then cp "$file" "$state/site.previous"; fi
else
  rm -f "$state/site.previous"
fi
: >"$state/site.unproven"
put "$state/site.new" || { put_back; fail 1 "the site's file cannot be written: $file"; }
at site-put
if ! tested; then
  show_said
  put_back
  rm -f "$state/site.unproven"
  fail 1 'nginx does not take the site; the file before it is back, and nothing was reloaded'
fi
sed -n 's/^.*conflicting server name "\([^"]*\)" on \([^ ]*\), ignored.*/\1 \2/p' "$state/site.said" | sort -u | while read -r other where; do
  also=$(grep -lsF -e "$other" /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*.conf | grep -vF -e "/$name" | tr '\n' ' ' | sed 's/ $//') || also=''
  say "warn another site has the name \"$other\" on $where${also:+: $also}. nginx answers with the one it reads first (conf.d before sites-enabled, each in the order of the alphabet): take the name out of the other"
done

if [ -n "$pid" ]; then
  if ! reload "$pid"; then
    show_said
    put_back
    as_root nginx -s reload >/dev/null 2>&1 || :
    rm -f "$state/site.unproven"
    fail 1 'nginx did not load the site; the file before it is back'
  fi
elif ! start; then
  show_said
  put_back
  rm -f "$state/site.unproven"
  fail 1 'nginx did not run and cannot be started (systemctl status nginx)'
fi
at site-loaded
record
say "site installed $kind"
