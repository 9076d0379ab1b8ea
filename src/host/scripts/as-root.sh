#!/bin/sh
# shellcheck shell=sh
# What the deploy user may do as root, on a host with people who have a login of their own (`server.admins`). sudo lets that user
# run this file and nothing else; it does what Slipway's scripts ask of `as_root`, for the user's own apps, and refuses the rest.
# Files are read as the user, judged as a copy that the user cannot change any more, and only then put in place.
#
# /etc/slipway/as-root.d/<app>-<environment>, written by `slipway server`: user, app, environment, root, service_users, certificate, key, ca,
# dns_authenticate, dns_clean_up, domains
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin
LC_ALL=C
export PATH LC_ALL
unset IFS ENV CDPATH
umask 022

refuse() {
  printf 'slipway: as-root does not do this for %s: %s\n' "${SUDO_USER:-nobody}" "$*" >&2
  exit 126
}
[ "$(id -u)" = 0 ] || refuse 'it is run by sudo'
case ${SUDO_USER:-} in '' | root) refuse 'it is run by sudo, by the deploy user' ;; esac

# The limits of who called come along through sudo: a file cut off, or a program that dies half-way, must not pass for a judgement.
# shellcheck disable=SC3045  # dash, bash and busybox have it
for limit in f v t d s; do ulimit -"$limit" unlimited || refuse 'it may not lift the limits it was called with'; done
# shellcheck disable=SC3045
[ "$(ulimit -n)" -ge 256 ] 2>/dev/null || ulimit -n 1024 || refuse 'it may not lift the limits it was called with'

work=$(mktemp -d /run/slipway-as-root.XXXXXX)
trap 'rm -rf "$work"' EXIT

# text_only FILE: other programs end a line at other bytes than awk and grep do (systemd at a NUL): a text has none of them.
# shellcheck disable=SC2094  # both only read
text_only() { tr -cd '\11\12\40-\176\200-\377' <"$1" | cmp -s - "$1"; }
# copy FILE NAME: what the user may read, where the user cannot write. A process of the user's gets a pipe, never the file itself: it
# could keep that open and write after the judgement.
copy() {
  { runuser -u "$SUDO_USER" -- cat -- "$1" 2>/dev/null || : >"$work/unread"; } | head -c 1048576 >"$work/$2"
  [ ! -e "$work/unread" ] || refuse "$1 cannot be read, or is more than a MiB"
  text_only "$work/$2" || refuse "$1 holds bytes that no text has"
}

# put MODE NAME TARGET: a judged copy, with one rename, so that no half of it is ever taken for the whole.
put() {
  new=${3%/*}/.${3##*/}.new
  install -m "$1" "$work/$2" "$new" && mv -f "$new" "$3"
}

# --- units of systemd's ---
# own_unit NAME: a unit of this app's, which no package brought and no other hand wrote.
own_unit() {
  case $1 in *[!A-Za-z0-9_.@-]*) return 1 ;; esac
  case $1 in
    "$app"-*.service | "slipway-$app-$environment-revert.service" | "slipway-$app-$environment-revert.timer") : ;;
    "slipway-backup-$app-$environment-"*.service | "slipway-backup-$app-$environment-"*.timer) : ;;
    *) return 1 ;;
  esac
  # `shop` of one user and `shop-admin` of another: the longer name has its units for itself.
  for others in /etc/slipway/as-root.d/*; do
    other=$(sed -n 's/^app=//p' "$others" | head -n 1)
    if grep -qx "user=$SUDO_USER" "$others"; then continue; fi
    case $1 in "$other"-*) case $other in "$app"-*) return 1 ;; esac ;; esac
  done
  for place in /lib/systemd/system /usr/lib/systemd/system /usr/local/lib/systemd/system /run/systemd/system; do
    if [ -e "$place/$1" ] || [ -e "$place/${1%@*}@.service" ]; then return 1; fi
  done
  [ ! -e "/etc/systemd/system/${1%@*}@.service" ] || return 1
  [ ! -e "/etc/systemd/system/$1" ] || { [ ! -L "/etc/systemd/system/$1" ] && grep -qE '^(# Written by Slipway|Description=Slipway: )' "/etc/systemd/system/$1"; }
}

# plain_unit FILE NAME: only what Slipway's units say; it runs as the deploy user, or as a user a service of slipway.yml names.
plain_unit() {
  awk -v users=" $SUDO_USER $service_users " -v root="$root" -v kind="${2##*.}" '
    function bad() { wrong = 1; exit }
    /\\$/ || /\r/ { bad() }
    /^#/ || /^$/ { next }
    /^\[(Unit|Service|Timer|Install)\]$/ { part = $0; next }
    !/=/ { bad() }
    {
      name = substr($0, 1, index($0, "=") - 1); value = substr($0, index($0, "=") + 1)
      if (part == "[Unit]") { if (name !~ /^(Description|After|StartLimitIntervalSec)$/) bad() }
      else if (part == "[Timer]") { if (kind != "timer" || name !~ /^(OnCalendar|OnActiveSec|Persistent|RandomizedDelaySec|AccuracySec)$/) bad() }
      else if (part == "[Install]") { if (name != "WantedBy" || value !~ /^(multi-user|timers)\.target$/) bad() }
      else if (part == "[Service]" && kind == "service") {
        if (name == "User") { if (index(users, " " value " ") == 0 || value == "root" || value ~ / / || value == "") bad(); named++ }
        # One command: systemd takes a word ; as the beginning of the next, that may be run by root (+).
        else if (name == "ExecStart") { if (value !~ /^\/bin\/sh [^-]/ || value ~ /(^|[ \t]);([ \t]|$)/) bad(); started++ }
        else if (name == "EnvironmentFile") { sub(/^-/, "", value); gsub(/%%/, "%", value); if (index(value, root "/") != 1 || value ~ /\.\./) bad() }
        else if (name !~ /^(Type|WorkingDirectory|Restart|RestartSec|TimeoutStopSec|KillMode|MemoryMax|Nice|UMask)$/) bad()
      } else bad()
    }
    END { exit (wrong || (kind == "service" && (named != 1 || started != 1))) }' "$1"
}

systemctl_of() {
  verb=${1:-}
  case $verb in
    daemon-reload) [ $# = 1 ] || return 1 ;;
    start | stop | restart | reset-failed | enable | disable)
      shift
      while [ "${1:-}" = --quiet ] || [ "${1:-}" = --now ]; do shift; done
      [ $# = 1 ] || return 1
      case $verb:$1 in
        start:nginx.service | enable:nginx.service) : ;;
        enable:certbot.timer | enable:certbot-renew.timer | enable:snap.certbot.renew.timer) : ;;
        *) own_unit "$1" || return 1 ;;
      esac
      ;;
    *) return 1 ;;
  esac
}

# --- nginx ---
own_site() {
  case $1 in
    "/etc/nginx/sites-available/$site" | "/etc/nginx/sites-enabled/$site" | "/etc/nginx/conf.d/$site") : ;;
    "/etc/nginx/sites-enabled/zz-${site%.conf}-acme.conf" | "/etc/nginx/conf.d/zz-${site%.conf}-acme.conf") : ;;
    *) return 1 ;;
  esac
  [ ! -e "$1" ] || [ "$(head -n 1 "$1")" = "$head_line" ]
}

# plain_site FILE: only directives that Slipway's sites have, read in the words in which nginx reads them (ngx_conf_read_token in its
# src/core/ngx_conf_file.c). Of what nginx does as root, before its workers drop that, logs are left: only where nginx's logs are.
plain_site() {
  [ "$(head -n 1 "$1")" = "$head_line" ] || return 1
  awk -v known=" $(printf '%s' "$site_directives" | tr '\n' ' ') " '
    function bad() { wrong = 1; exit }
    function take() { if (begun) words[++count] = word; word = ""; begun = closed = dollar = 0 }
    function statement(mark,    name) {
      take()
      name = words[1]
      if (!count) bad()
      if (kind[depth] ~ /^(map|geo|types)$/) { if (name == "include" || mark == "{") bad() }
      else if (index(known, " " name mark " ") == 0) bad()
      if (name ~ /^(access|error)_log$/ && words[2] != "off" && words[2] !~ /^\/var\/log\/nginx\/[A-Za-z0-9_.-]+$/) bad()
      # Not engine:… , a library that OpenSSL would load into the root process.
      if (name ~ /^ssl_certificate(_key)?$/ && words[2] !~ /^\//) bad()
      if (name == "listen" && words[2] !~ /^(\[::\]:)?[0-9]+$/) bad()
      count = 0
      if (mark == "{") kind[++depth] = name
    }
    {
      text = $0 "\n"
      for (at = 1; at <= length(text); at++) {
        char = substr(text, at, 1)
        if (comment) { if (char == "\n") comment = 0; continue }
        if (escaped) { word = word "\\" char; escaped = 0; continue }
        if (closed) {
          if (char !~ /[ \t\n;{)]/) bad()
          if (char == ")") take()
        }
        if (quote != "") {
          if (char == "\\") escaped = 1
          else if (char == quote) { quote = ""; closed = 1 }
          else word = word char
        }
        else if (char ~ /[ \t\n]/) take()
        else if (!begun && char == "#") comment = 1
        else if (!begun && char == "}") { if (count || !depth) bad(); depth-- }
        else if (!begun && (char == "\"" || char == "\047")) { begun = 1; quote = char }
        else if (char == ";" || (char == "{" && !dollar)) statement(char)
        else if (char == "\\") { begun = escaped = 1; dollar = 0 }
        else { begun = 1; word = word char; dollar = char == "$" || (char == "{" && dollar) }
      }
    }
    END { exit (wrong || count || begun || depth || quote != "" || !NR) }' "$1"
}
# What src/site renders; with { where a block follows. Inside map, geo and types stand patterns.
site_directives='upstream{ server{ map{ geo{ location{ if{ types{ limit_req_zone; log_format;
 server; keepalive; keepalive_requests; keepalive_timeout; listen; http2; server_name; server_tokens; absolute_redirect; open_file_cache;
 ssl_certificate; ssl_certificate_key; ssl_protocols; ssl_ciphers; ssl_prefer_server_ciphers; ssl_session_timeout; ssl_session_cache; ssl_session_tickets;
 access_log; error_log; root; set; return; rewrite; try_files; error_page; default_type; add_header; client_max_body_size; limit_req; limit_req_status;
 gzip; gzip_vary; gzip_proxied; gzip_comp_level; gzip_min_length; gzip_types; set_real_ip_from; real_ip_header; real_ip_recursive;
 proxy_pass; proxy_http_version; proxy_set_header; proxy_hide_header; proxy_next_upstream; proxy_connect_timeout; proxy_send_timeout; proxy_read_timeout;
 proxy_buffering; proxy_request_buffering; proxy_buffer_size; proxy_buffers; proxy_busy_buffers_size;'

put_site() {
  own_site "$2" || return 1
  case $3 in '' | "/etc/nginx/sites-enabled/$site") : ;; *) return 1 ;; esac
  copy "$1" site
  plain_site "$work/site" || refuse "the site has a directive that no site of Slipway's has (include, a log elsewhere, …), or is not this app's"
  put 0644 site "$2" || exit 1
  if [ -n "$3" ] && [ ! -e "$3" ]; then ln -sfn "../sites-available/${2##*/}" "$3"; fi
}

# --- certbot ---
hook=/etc/letsencrypt/renewal-hooks/deploy/slipway-nginx
roots=/etc/letsencrypt/slipway-roots.pem
roots_unit=/etc/systemd/system/certbot.service.d/slipway-roots.conf
# shellcheck disable=SC2016
hook_text() {
  printf '%s\n' '#!/bin/sh' '# Slipway: after a renewal nginx serves the new certificate. A configuration it does not take is never loaded.' \
    'PATH=$PATH:/usr/sbin:/sbin' 'nginx -t -q && nginx -s reload'
}
unit_text() { printf '%s\n' '# Slipway: the certificate authority of this host is a private one.' '[Service]' "Environment=REQUESTS_CA_BUNDLE=$roots"; }

# root_alone COMMAND: what it runs, and each file that it names by its path, can be changed by root alone, and so can every folder
# and link on the way there.
root_alone() {
  case $1 in /*) : ;; *) return 1 ;; esac
  set -f
  # shellcheck disable=SC2086
  set -- $1
  set +f
  for file in "$@"; do
    case $file in
      /*) namei -l -- "$file" 2>/dev/null | awk 'NR > 1 && ($2 != "root" || ($1 !~ /^l/ && $1 ~ /^.....w|^........w/)) { wrong = 1 } END { exit (wrong || NR < 2) }' || return 1 ;;
    esac
  done
}
# hook_command WORD COMMAND: a command for the DNS as slipway.yml had it when an admin prepared the host.
hook_command() {
  why="certbot runs '$1' as root, which slipway.yml did not name when an admin last ran \`slipway server\`"
  [ -n "$2" ] && [ "$1" = "$2" ] || return 1
  why="certbot runs '$1' as root: name it by its path, and let it belong to root, writable by nobody else, with every folder above it"
  root_alone "$1" || return 1
  why=''
}

# for_own_names ARGUMENT…: the team's commands for the DNS can prove any name of their zones: they do it for this app's alone.
for_own_names() {
  asked=''
  for word in "$@"; do
    case $asked in -d | --cert-name) case " $domains " in *" $word "*) : ;; *) why="certbot asks for $word, which slipway.yml did not name when an admin last ran \`slipway server\`"; return 1 ;; esac ;; esac
    asked=$word
  done
}
# No plug-in, hook or folder but those Slipway names: certbot would run them as root.
certbot_of() {
  case ${1:-} in certonly | renew) : ;; *) return 1 ;; esac
  takes=''
  for word in "$@"; do
    case $takes in
      '')
        case $word in
          certonly | renew | --non-interactive | --agree-tos | --no-eff-email | --webroot | --nginx | --standalone | --manual | --dry-run | --expand) : ;;
          --renew-with-new-domains | --force-renewal | --no-random-sleep-on-renew) : ;;
          --email | --server | --cert-name | -d | --key-type | --webroot-path | --pre-hook | --post-hook | --config) takes=$word ;;
          --preferred-challenges | --manual-auth-hook | --manual-cleanup-hook) takes=$word ;;
          *) return 1 ;;
        esac
        continue
        ;;
      --webroot-path) [ "$word" = "$acme" ] || return 1 ;;
      --pre-hook) [ "$word" = 'systemctl stop nginx' ] || return 1 ;;
      --post-hook) [ "$word" = 'systemctl start nginx' ] || return 1 ;;
      --preferred-challenges) [ "$word" = dns ] || return 1 ;;
      --manual-auth-hook) hook_command "$word" "$dns_authenticate" || return 1 ;;
      --manual-cleanup-hook) hook_command "$word" "$dns_clean_up" || return 1 ;;
      --server) case $word in https://*) : ;; *) return 1 ;; esac ;;
      --config)
        copy "$word" cli.ini
        [ "$(grep -cvE '^eab-(kid|hmac-key) = [A-Za-z0-9_=-]+$' "$work/cli.ini")" = 0 ] || return 1
        ;;
      *) case $word in -* | *[!A-Za-z0-9@._+*-]*) return 1 ;; esac ;;
    esac
    takes=''
  done
  [ -z "$takes" ] || return 1
  case " $* " in *' --manual '*) for_own_names "$@" || return 1 ;; esac
}
# make_acme FOLDER: where certbot, as root, puts its answers to the authority. In a folder of the user's it would make folders and
# give them away, by a path that the user can exchange meanwhile; here the user can add files, and no more (sticky).
make_acme() {
  [ "$1" = "$acme" ] || return 1
  install -d -m 0755 "${1%/*}" "$1" "$1/.well-known" && install -d -m 1775 -g "$(id -gn "$SUDO_USER")" "$1/.well-known/acme-challenge"
}
# The last two words are the file with the account: the copy is what counts.
run_certbot() {
  count=$#
  for word in "$@"; do
    shift
    if [ "$word" = --config ]; then after=yes; elif [ "${after:-}" = yes ]; then word=$work/cli.ini after=''; fi
    set -- "$@" "$word"
  done
  [ "$count" = "$#" ] || return 1
  certbot "$@"
}

certificate_file() { case $1 in /etc/letsencrypt/live/*/fullchain.pem) case $1 in *..*) return 1 ;; esac ;; *) [ -n "$1" ] && { [ "$1" = "$certificate" ] || [ "$1" = "$ca" ]; } ;; esac; }
key_file() { case $1 in /etc/letsencrypt/live/*/privkey.pem) case $1 in *..*) return 1 ;; esac ;; *) [ -n "$key" ] && [ "$1" = "$key" ] ;; esac; }
number() { case $1 in '' | *[!0-9]*) return 1 ;; esac; }

# install_of MODE SOURCE… TARGET
install_of() {
  mode=$1
  shift
  case $mode:$# in 0644:2 | 0644:3 | 0755:2) : ;; *) return 1 ;; esac
  case $mode:$2 in
    "0755:$hook")
      copy "$1" hook
      hook_text | cmp -s - "$work/hook" || return 1
      put 0755 hook "$hook"
      return
      ;;
    "0644:$roots_unit")
      copy "$1" unit
      unit_text | cmp -s - "$work/unit" || return 1
      put 0644 unit "$roots_unit"
      return
      ;;
    "0644:$roots")
      copy "$1" roots
      put 0644 roots "$roots"
      return
      ;;
  esac
  [ "$mode" = 0644 ] || return 1
  if [ $# = 3 ]; then
    [ "$3" = /etc/systemd/system/ ] || return 1
    install_unit "$1" "${1##*/}" && install_unit "$2" "${2##*/}"
  else
    case $2 in /etc/systemd/system/*/*) return 1 ;; /etc/systemd/system/*) install_unit "$1" "${2##*/}" ;; *) return 1 ;; esac
  fi
}
install_unit() {
  own_unit "$2" || return 1
  copy "$1" unit
  plain_unit "$work/unit" "$2" || refuse "$2 is not a unit as Slipway writes them, run by $SUDO_USER${service_users:+ or $service_users}"
  put 0644 unit "/etc/systemd/system/$2"
}

remove_of() {
  for file in "$@"; do
    case $file in
      /etc/systemd/system/*/*) return 1 ;;
      /etc/systemd/system/*) own_unit "${file##*/}" || return 1 ;;
      *) own_site "${file%.new}" || return 1 ;;
    esac
  done
  rm -f "$@"
}

# attempt COMMAND…: for one app. Ends this script when it is done; returns when the app is not meant, or it is nothing we do.
attempt() {
  case $1 in
    true) [ $# = 1 ] || return 1 ;;
    systemctl) shift; systemctl_of "$@" || return 1; systemctl "$@" || exit ;;
    install) [ "${2:-}" = -m ] && [ $# -ge 5 ] || return 1; shift 2; install_of "$@" || return 1 ;;
    rm) [ "${2:-}" = -f ] && [ $# -ge 3 ] || return 1; shift 2; remove_of "$@" || return 1 ;;
    journalctl)
      case $* in
        "journalctl -q -u nginx.service -n 5 --no-pager -o cat") : ;;
        "journalctl -u ${3:-} --since ${5:-} -n 60 --no-pager -o cat") own_unit "$3" && case $5 in @*) number "${5#@}" ;; *) false ;; esac || return 1 ;;
        *) return 1 ;;
      esac
      "$@" || exit
      ;;
    readlink) [ $# = 2 ] || return 1; case $2 in /proc/*/cwd) pid=${2#/proc/}; number "${pid%/cwd}" || return 1 ;; *) return 1 ;; esac; "$@" || exit ;;
    nginx) case $* in nginx | 'nginx -t' | 'nginx -s reload') "$@" || exit ;; *) return 1 ;; esac ;;
    tail) case $* in 'tail -n 20 /var/log/nginx/error.log' | 'tail -n 2000 /var/log/letsencrypt/letsencrypt.log') "$@" || exit ;; *) return 1 ;; esac ;;
    ss) [ "$*" = 'ss -ltnpH sport = :80' ] || return 1; ss -ltnpH 'sport = :80' || exit ;;
    # What preflight reads.
    ufw | nft | iptables | fail2ban-client | firewall-cmd)
      case $* in 'ufw status verbose' | 'nft -t list ruleset' | 'iptables -S INPUT' | 'fail2ban-client banned' | 'firewall-cmd --list-all') "$@" || exit ;; *) return 1 ;; esac
      ;;
    /usr/sbin/sshd | sshd) [ "${2:-}" = -T ] && [ $# = 2 ] || return 1; /usr/sbin/sshd -T || exit ;;
    test)
      [ $# = 3 ] || return 1
      case $3 in *..*) return 1 ;; esac
      case $2 in -f | -e) : ;; *) return 1 ;; esac
      certificate_file "$3" || key_file "$3" || case $3 in "$certificate" | "$key" | /etc/letsencrypt/live/* | /etc/letsencrypt/renewal/*.conf) : ;; *) return 1 ;; esac
      test "$2" "$3" || exit
      ;;
    cat) [ $# = 2 ] && certificate_file "$2" || return 1; openssl crl2pkcs7 -nocrl -certfile "$2" 2>/dev/null | openssl pkcs7 -print_certs 2>/dev/null || exit ;;
    openssl) [ "$*" = "openssl pkey -in ${4:-} -pubout -passin pass:" ] && key_file "$4" || return 1; openssl pkey -in "$4" -pubout -passin pass: || exit ;;
    stat) [ "$*" = "stat -L -c %a ${5:-}" ] && key_file "$5" || return 1; "$@" || exit ;;
    sed)
      case "${2:-} ${3:-}" in '-n s/^server *= *//p' | '-n s/^authenticator *= *//p') : ;; *) return 1 ;; esac
      case ${4:-} in *..*) return 1 ;; /etc/letsencrypt/renewal/*.conf) : ;; *) return 1 ;; esac
      [ $# = 4 ] || return 1
      "$@" || exit
      ;;
    cmp)
      [ $# = 4 ] && [ "$2" = -s ] || return 1
      case $4 in "$hook" | "$roots" | "$roots_unit") : ;; *) return 1 ;; esac
      copy "$3" text
      cmp -s "$work/text" "$4" || exit
      ;;
    mkdir)
      [ $# = 3 ] && [ "$2" = -p ] || return 1
      case $3 in /etc/letsencrypt | "${hook%/*}" | "${roots_unit%/*}") "$@" || exit ;; *) return 1 ;; esac
      ;;
    sh)
      [ "${2:-}" = -c ] && [ "${4:-}" = slipway ] || return 1
      # The text is not run: what it does is done here.
      # shellcheck disable=SC2016
      case $#:$3 in
        '7:install -m 0644 "$1" "$2.new" && mv -f '*) put_site "$5" "$6" "$7" || return 1 ;;
        '6:install -d -m 0755 "${1%/*}" '*) make_acme "$5" || return 1 ;;
        '6:rm -f "$1" "$2" "$1.new"') remove_of "$5" "$6" "$5.new" || return 1 ;;
        *) return 1 ;;
      esac
      ;;
    certbot) shift; certbot_of "$@" || return 1; run_certbot "$@" || exit ;;
    env)
      [ "${2:-}" = "REQUESTS_CA_BUNDLE=$roots" ] && [ "${3:-}" = certbot ] || return 1
      shift 3
      certbot_of "$@" || return 1
      REQUESTS_CA_BUNDLE=$roots
      export REQUESTS_CA_BUNDLE
      run_certbot "$@" || exit
      ;;
    *) return 1 ;;
  esac
  exit 0
}

[ $# -ge 1 ] || refuse 'nothing was asked'
fact() { sed -n "s/^$1=//p" "$facts" | head -n 1; }
for facts in /etc/slipway/as-root.d/*; do
  if [ ! -f "$facts" ] || [ "$(fact user)" != "$SUDO_USER" ]; then continue; fi
  app=$(fact app) environment=$(fact environment) root=$(fact root) service_users=$(fact service_users)
  certificate=$(fact certificate) key=$(fact key) ca=$(fact ca)
  dns_authenticate=$(fact dns_authenticate) dns_clean_up=$(fact dns_clean_up) domains=$(fact domains)
  acme=/var/lib/slipway-acme/$app-$environment
  site=slipway-$app-$environment.conf head_line="# Slipway: $app $environment $root"
  attempt "$@" || :
done
refuse "${why:-$1}"
