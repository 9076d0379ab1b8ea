# shellcheck shell=sh
# The certificate of the site: what there is, the way for the authority's question, certbot itself, its renewals.
# Each call is one of these steps; what certbot does is certbot's, so a failure leaves the certificate before it in place.
#
# $1 root  $2 token (- where nothing is changed)  $3 step  $4… its arguments
#   look                  what there is; needs no folder of ours
#   open NONCE NAME…      port 80 serves the folder of the authority's questions for these names, and a file to be fetched
#   ask ARGUMENT…         certbot with these arguments
#   serve NAME            nginx has the certificate that lies on the host
#   renewal plan|apply    the timer, and the hook that reloads nginx
#   close keep|undo       what `open` put is taken away; with undo also the block that was put for want of a site
# stdin: parameters (`read_parameters`): sudo_password, certificate and key (paths), name (certbot's), ca, key_id, key_secret
# Says, tabs between: certbot, nginx, running, not-root, port NAME PID UNIT, certificate BASE64, key, key-mode, managed SERVER MODE, unmanaged;
#   put block, here NAME STATUS (not answered); said, log, code; served (same, reloaded, other: nginx answers with another one, unnamed: the live site is for another certificate); lacks, timer
#
# Until the first deploy the site's file of nginx is a small one of ours: same name, same first line as site.sh's.
root=$1 token=$2 step=$3
shift 3
read_parameters
password=${p_sudo_password:-}
PATH=$PATH:/usr/sbin:/sbin:/snap/bin
tab=$(printf '\t')
umask 077
work=$(mktemp -d "${TMPDIR:-/tmp}/slipway-certbot-XXXXXX") || fail 1 'there is no room for a temporary folder'
trap 'rm -rf "$work"' EXIT

has() { command -v "$1" >/dev/null 2>&1; }
need_root() {
  as_root true 2>"$work/said" && return 0
  fail 1 "$(id -un) may not become root, which certificates need: allow it sudo, or pass sudo-password ($(tail -n 1 "$work/said" | head -c 200))"
}
own() {
  enter "$root"
  own_lease "$token"
  need_root
}
with_systemd() { [ -d /run/systemd/system ]; }

# --- what there is -----------------------------------------------------------------------------------------------
master() {
  if with_systemd; then pid=$(systemctl show --value -p MainPID nginx.service 2>/dev/null); else pid=$(cat /run/nginx.pid 2>/dev/null) || pid=; fi
  if [ "${pid:-0}" != 0 ] && [ -d "/proc/$pid" ]; then printf '%s' "$pid"; fi
}

# Who listens on port 80: "name pid unit", one line each.
holders() {
  has ss || return 0
  as_root ss -ltnpH 'sport = :80' 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 \2/p' | sort -u | while read -r who pid; do
    printf '%s %s %s\n' "$who" "$pid" "$(sed -n 's,.*/\([^/]*\.\(service\|scope\)\).*,\1,p' "/proc/$pid/cgroup" 2>/dev/null | tail -n 1)"
  done
}

serial_of() { openssl x509 -noout -serial 2>/dev/null | sed 's/^serial=//'; }

look_at_certificate() {
  as_root test -f "$p_certificate" || return 0
  say "certificate$tab$(as_root cat "$p_certificate" | base64 -w 0)"
  if ! as_root test -f "$p_key"; then
    say "key${tab}absent"
  elif has openssl; then
    ours=$(as_root cat "$p_certificate" | openssl x509 -noout -pubkey 2>/dev/null) || ours=
    # An empty password: a key that has one cannot be read by nginx either.
    theirs=$(as_root openssl pkey -in "$p_key" -pubout -passin pass: 2>/dev/null) || theirs=
    if [ -z "$theirs" ]; then say "key${tab}unreadable"; elif [ "$ours" = "$theirs" ]; then say "key${tab}matches"; else say "key${tab}other"; fi
    say "key-mode$tab$(as_root stat -L -c %a "$p_key")"
  fi
}

look() {
  if has certbot; then say "certbot$tab$(certbot --version 2>/dev/null | sed 's/^[^0-9]*//')"; fi
  if has nginx; then say "nginx$tab$(nginx -v 2>&1 | sed -n 's,.*/\([0-9][0-9.]*\).*,\1,p')"; fi
  if [ -n "$(master)" ]; then say 'running'; fi
  if ! as_root true 2>/dev/null; then
    say 'not-root'
    return 0
  fi
  holders | sed "s/^/port$tab/"
  look_at_certificate
  conf=/etc/letsencrypt/renewal/$p_name.conf
  if as_root test -f "$conf"; then
    say "managed$tab$(as_root sed -n 's/^server *= *//p' "$conf")$tab$(as_root sed -n 's/^authenticator *= *//p' "$conf")"
  elif as_root test -e "/etc/letsencrypt/live/$p_name"; then
    say 'unmanaged'
  fi
}

# --- port 80 -----------------------------------------------------------------------------------------------------
# The block for new names comes last in the alphabet: left by a dead run, it must not take a name from the site.
site_paths() {
  name=slipway-$(tr ' ' '-' <"$state/app").conf
  if [ -d /etc/nginx/sites-enabled ]; then
    file=/etc/nginx/sites-available/$name link=/etc/nginx/sites-enabled/$name
    extra=/etc/nginx/sites-enabled/zz-${name%.conf}-acme.conf
  elif [ -d /etc/nginx/conf.d ]; then
    file=/etc/nginx/conf.d/$name link='' extra=/etc/nginx/conf.d/zz-${name%.conf}-acme.conf
  else
    fail 5 'nginx has neither /etc/nginx/sites-enabled nor /etc/nginx/conf.d: Slipway does not know where its site belongs'
  fi
  # certbot puts its answers there as root: into no folder of ours, where a path can be exchanged below its hands.
  acme=/var/lib/slipway-acme/$(tr ' ' '-' <"$state/app")
  head="# Slipway: $(cat "$state/app") $root"
  mark='# Until the first deploy: answers the authority that issues the certificate, and nothing else.'
  if [ -e "$file" ] && [ "$(head -n 1 "$file")" != "$head" ]; then
    fail 3 "$file was not written for this app: move it away, or rename the app or the environment"
  fi
}

# acme_block NAME…: a server that serves the folder of questions, and nothing else.
acme_block() {
  printf '%s\n' "$head" "$mark" 'server {' '    listen 80;'
  if [ -e /proc/net/if_inet6 ]; then printf '%s\n' '    listen [::]:80;'; fi
  # shellcheck disable=SC2016
  printf '%s\n' "    server_name $*;" '    server_tokens off;' '    location ^~ /.well-known/acme-challenge/ {' "        root $root/.slipway/acme;" \
    '        default_type text/plain;' '        try_files $uri =404;' '    }' '    location / { return 404; }' '}'
}

# put FILE TARGET LINK: in place with one rename.
put() {
  # shellcheck disable=SC2016
  as_root sh -c 'install -m 0644 "$1" "$2.new" && mv -f "$2.new" "$2" || exit 1
    if [ -n "$3" ] && [ ! -e "$3" ]; then ln -sfn "../sites-available/${2##*/}" "$3"; fi' slipway "$1" "$2" "$3"
}
take_away() { as_root rm -f "$@"; }

tested() { as_root nginx -t >"$work/said" 2>&1; }
show_said() { grep -v 'syntax is ok$' "$work/said" | tail -n 10 >&2 || :; }
# After a reload old workers go on taking connections for a moment, and would answer as before: it is waited for them to stop.
# nginx says nothing when it cannot take a configuration it was told to load: it keeps the old workers.
reload() {
  old=$(pgrep -P "$1" 2>/dev/null) || old=
  as_root nginx -s reload >"$work/said" 2>&1 || return 1
  waited=0
  for worker in $old; do
    while tr '\0' ' ' 2>/dev/null <"/proc/$worker/cmdline" | grep -q 'worker process *$'; do
      if [ "$waited" -ge 80 ]; then
        as_root tail -n 20 /var/log/nginx/error.log 2>/dev/null | grep -F '[emerg]' | tail -n 2 >>"$work/said" || :
        return 1
      fi
      sleep 0.1
      waited=$((waited + 1))
    done
  done
  sleep 0.1
}
load_nginx() {
  running=$(master)
  if [ -n "$running" ]; then
    reload "$running"
  elif with_systemd; then
    as_root systemctl enable --quiet nginx.service >"$work/said" 2>&1 || :
    as_root systemctl start nginx.service >>"$work/said" 2>&1 || { as_root journalctl -q -u nginx.service -n 5 --no-pager -o cat >>"$work/said" 2>&1 || :; return 1; }
  else
    as_root nginx >"$work/said" 2>&1
  fi
}

# fetched NAME NONCE: asks this host's own port 80; $status is what it answered.
fetched() {
  path=/.well-known/acme-challenge/slipway-$2
  : >"$work/answer"
  if has curl; then
    status=$(curl -q -s -m 5 --noproxy '*' -H "Host: $1" -o "$work/answer" -w '%{http_code}' "http://127.0.0.1$path" 2>/dev/null) || :
  else
    # shellcheck disable=SC2016
    timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/80 && printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$2" "$1" >&3 && cat <&3' slipway "$1" "$path" >"$work/answer" 2>/dev/null || :
    status=$(head -n 1 "$work/answer" | cut -d ' ' -f 2)
  fi
  [ "${status:-000}" = 200 ] && grep -qxF "$2" "$work/answer"
}
# A reload takes a moment: what nginx does not answer yet is asked again.
lacking() {
  nonce=$1
  shift
  for tries in 1 2 3 4 5 6 7 8 9 10; do
    lacked=''
    for one in "$@"; do
      if ! fetched "$one" "$nonce"; then lacked="$lacked $one=${status:-000}"; fi
    done
    if [ -z "$lacked" ]; then return 0; fi
    if [ "$tries" -ge "${patience:-1}" ]; then return 0; fi
    sleep 0.3
  done
}

without_block() {
  if [ -e "$work/before" ]; then put "$work/before" "$file" "$link"; else take_away "$file" "${link:-$file}"; fi
  # A file that somebody has unlinked stays so.
  if [ -n "$link" ] && [ "$linked" = no ]; then take_away "$link"; fi
}
# taken_names NAME…: those of the names that nginx has just said two sites have on port 80.
taken_names() {
  printf '%s\n' "$@" >"$work/names"
  sed -n 's/^.*conflicting server name "\([^"]*\)" on .*:80, ignored.*/\1/p' "$work/said" | sort -u | grep -xF -f "$work/names" | tr '\n' ' ' | sed 's/ $//' || :
}
# files_with NAME: files of other sites that have the name.
files_with() { grep -lsF -e "$1" /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*.conf | grep -vF -e "/$name" -e "$extra" | tr '\n' ' ' | sed 's/ $//' || :; }

# The folder that the site serves leads to certbot's.
make_acme() {
  # shellcheck disable=SC2016
  as_root sh -c 'install -d -m 0755 "${1%/*}" "$1" "$1/.well-known" && install -d -m 1775 -g "$2" "$1/.well-known/acme-challenge"' slipway "$acme" "$(id -gn)"
  if [ "$(readlink "$state/acme/.well-known/acme-challenge" 2>/dev/null)" = "$acme/.well-known/acme-challenge" ]; then return 0; fi
  rm -rf "$state/acme/.well-known"
  mkdir -p "$state/acme/.well-known"
  ln -s "$acme/.well-known/acme-challenge" "$state/acme/.well-known/acme-challenge"
}

open_way() {
  nonce=$1
  shift
  own
  lock 120
  case $nonce in '' | *[!a-z0-9]*) fail 3 "'$nonce' is no name of a file" ;; esac
  site_paths
  umask 022
  make_acme
  printf '%s\n' "$nonce" >"$acme/.well-known/acme-challenge/slipway-$nonce"
  if ! tested && ! grep -qF "$name" "$work/said"; then
    show_said
    fail 1 "nginx's configuration on this host is broken, by the file named above: mend that first"
  fi
  acme_block "$@" >"$work/block"
  if [ ! -e "${link:-$file}" ] || { [ "$(sed -n 2p "$file")" = "$mark" ] && ! cmp -s "$work/block" "$file"; }; then
    if [ -e "$file" ]; then cp "$file" "$work/before"; fi
    linked=no
    if [ -e "$link" ]; then linked=yes; fi
    put "$work/block" "$file" "$link"
    taken=''
    if tested; then taken=$(taken_names "$@"); fi
    if [ -n "$taken" ]; then
      without_block
      # Nothing was loaded: nginx goes on as it was.
      fail 1 "another site of this host answers for $taken ($(files_with "${taken%% *}")), and would answer no more until the first deploy. Name the files of its certificate below site.tls.certificate and key: then the deploy takes the name over as it is; or take the name out of that file and run this again"
    fi
    if ! tested || ! load_nginx; then
      show_said
      without_block
      fail 1 'nginx did not take the block that answers the authority; what was there before is back'
    fi
    if [ ! -e "$work/before" ]; then say "put${tab}block"; fi
    patience=10
  elif [ -z "$(master)" ]; then
    if ! load_nginx; then
      show_said
      fail 1 'nginx did not run and cannot be started (systemctl status nginx)'
    fi
    patience=10
  fi
  lacking "$nonce" "$@"
  if [ -n "$lacked" ] && [ "$(sed -n 2p "$file")" != "$mark" ]; then
    # The site of the live release does not know these names yet: a block of their own, for as long as the authority asks.
    new=''
    for one in $lacked; do new="$new ${one%%=*}"; done
    acme_block "${new# }" >"$work/block"
    put "$work/block" "$extra" ''
    if ! tested || ! load_nginx; then
      show_said
      take_away "$extra"
      fail 1 'nginx did not take the block that answers the authority for the new names; it is gone again'
    fi
    patience=10
    lacking "$nonce" "$@"
  fi
  for one in $lacked; do say "here$tab${one%%=*}$tab${one##*=}"; done
}

close_extra() {
  find "$acme/.well-known/acme-challenge" -maxdepth 1 -type f -name 'slipway-*' -delete 2>/dev/null || :
  if [ -e "$extra" ]; then take_away "$extra"; gone=yes; fi
}
reload_if_gone() { if [ "$gone" = yes ] && [ -n "$(master)" ] && tested; then as_root nginx -s reload >/dev/null 2>&1 || :; fi; }
close_way() {
  how=$1
  own
  lock 120
  site_paths
  gone=no
  close_extra
  if [ "$how" = undo ] && [ -e "$file" ] && [ "$(sed -n 2p "$file")" = "$mark" ]; then take_away "$file" "${link:-$file}"; gone=yes; fi
  reload_if_gone
}

# --- certbot -----------------------------------------------------------------------------------------------------
# Python's requests takes one file of roots: the system's and the one of a private authority are put together for it.
roots=/etc/letsencrypt/slipway-roots.pem
make_roots() {
  [ -n "${p_ca:-}" ] || return 0
  as_root test -f "$p_ca" || fail 5 "the host has no $p_ca, which site.tls.ca names: put the root of the authority's server there"
  { cat /etc/ssl/certs/ca-certificates.crt 2>/dev/null || :; as_root cat "$p_ca"; } >"$work/roots"
  if ! as_root cmp -s "$work/roots" "$roots"; then
    as_root mkdir -p /etc/letsencrypt
    as_root install -m 0644 "$work/roots" "$roots"
  fi
}

ask() {
  own
  make_roots
  : >"$work/cli.ini"
  if [ -n "${p_key_id:-}" ]; then printf 'eab-kid = %s\neab-hmac-key = %s\n' "$p_key_id" "$p_key_secret" >"$work/cli.ini"; fi
  code=0
  if [ -n "${p_ca:-}" ]; then
    as_root env "REQUESTS_CA_BUNDLE=$roots" certbot "$@" --config "$work/cli.ini" >"$work/out" 2>&1 || code=$?
  else
    as_root certbot "$@" --config "$work/cli.ini" >"$work/out" 2>&1 || code=$?
  fi
  sed "s/^/said$tab/" "$work/out"
  if [ "$code" != 0 ]; then
    # What the authority answered stands in the log word for word. Debian has certbot add to its log: only the last run counts.
    as_root tail -n 2000 /var/log/letsencrypt/letsencrypt.log 2>/dev/null |
      awk '/:certbot version: / { count = 0 } { line[++count] = $0 } END { for (at = 1; at <= count; at++) print line[at] }' |
      grep -E 'acme:error:|"detail":|^Retry-After:|retry after' | tail -n 40 | head -c 20000 | sed "s/^/log$tab/" || :
  fi
  say "code$tab$code"
}

# --- nginx and renewals ------------------------------------------------------------------------------------------
served() { timeout 5 openssl s_client -connect 127.0.0.1:443 -servername "$1" </dev/null 2>/dev/null | serial_of; }

serve() {
  own
  lock 120
  has openssl || fail 5 'the host lacks openssl (apt-get install openssl)'
  site_paths
  if ! grep -qF "\"$p_certificate\"" "$file" 2>/dev/null; then
    say "served${tab}unnamed"
    return 0
  fi
  wanted=$(as_root cat "$p_certificate" | serial_of)
  if [ "$(served "$1")" = "$wanted" ]; then
    say "served${tab}same"
    return 0
  fi
  if ! tested; then
    show_said
    fail 1 'nginx does not take the certificate; it goes on with the one before'
  fi
  load_nginx || { show_said; fail 1 'nginx did not load the certificate; it goes on with the one before'; }
  tries=0
  while [ "$tries" -lt 40 ]; do
    if [ "$(served "$1")" = "$wanted" ]; then
      say "served${tab}reloaded"
      return 0
    fi
    sleep 0.25
    tries=$((tries + 1))
  done
  say "served${tab}other"
}

# What is asked of as_root, and this text, as-root.sh knows word for word.
hook=/etc/letsencrypt/renewal-hooks/deploy/slipway-nginx
hook_text() {
  # shellcheck disable=SC2016
  printf '%s\n' '#!/bin/sh' '# Slipway: after a renewal nginx serves the new certificate. A configuration it does not take is never loaded.' \
    'PATH=$PATH:/usr/sbin:/sbin' 'nginx -t -q && nginx -s reload'
}
unit=/etc/systemd/system/certbot.service.d/slipway-roots.conf
unit_text() { printf '%s\n' '# Slipway: the certificate authority of this host is a private one.' '[Service]' "Environment=REQUESTS_CA_BUNDLE=$roots"; }

# same_as FILE: whether it holds what stands on standard input.
same_as() { cat >"$work/text"; as_root cmp -s "$work/text" "$1"; }

find_timer() {
  timer=''
  if with_systemd; then
    for timer in certbot.timer snap.certbot.renew.timer certbot-renew.timer; do
      if systemctl cat "$timer" >/dev/null 2>&1; then return 0; fi
    done
    timer=''
  elif [ -f /etc/cron.d/certbot ]; then
    timer=cron
  fi
}

renewal() {
  if [ "$1" = plan ]; then
    need_root
  else
    own
    make_roots
    if has nginx; then
      # What a dead run has left.
      site_paths
      gone=no
      close_extra
      reload_if_gone
    fi
  fi
  if ! hook_text | same_as "$hook"; then
    say "lacks${tab}the hook that reloads nginx after a renewal"
    if [ "$1" = apply ]; then
      as_root mkdir -p "${hook%/*}"
      hook_text >"$work/hook"
      as_root install -m 0755 "$work/hook" "$hook"
    fi
  fi
  find_timer
  if [ -n "${p_ca:-}" ] && [ "$timer" = certbot.timer ] && ! unit_text | same_as "$unit"; then
    say "lacks${tab}the private authority's root for the timer"
    if [ "$1" = apply ]; then
      as_root mkdir -p "${unit%/*}"
      unit_text >"$work/unit"
      as_root install -m 0644 "$work/unit" "$unit"
      as_root systemctl daemon-reload
    fi
  fi
  case $timer in
    '' | cron) : ;;
    *)
      if ! systemctl is-enabled --quiet "$timer" 2>/dev/null || ! systemctl is-active --quiet "$timer"; then
        say "lacks$tab$timer, which was not enabled"
        if [ "$1" = apply ]; then as_root systemctl enable --quiet --now "$timer" || fail 1 "$timer cannot be enabled"; fi
      fi ;;
  esac
  say "timer$tab${timer:-none}"
}

case $step in
  look) look ;;
  open) open_way "$@" ;;
  ask) ask "$@" ;;
  serve) serve "$@" ;;
  renewal) renewal "$@" ;;
  close) close_way "$@" ;;
  *) fail 3 "there is no step '$step'" ;;
esac
