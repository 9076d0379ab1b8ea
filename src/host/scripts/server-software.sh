# shellcheck shell=sh
# Steps of `server` that bring software. What is there already, from wherever, is taken as it is when it does what is needed.

# --- nginx ---
nginx_tokens=/etc/nginx/conf.d/slipway-server-tokens.conf
nginx_default=/etc/nginx/sites-enabled/default
# Who listens on port 80 and is not nginx: "name (pid N, unit)".
stranger_on_80() {
  has ss || return 1
  ss -ltnpH 'sport = :80' 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 \2/p' | sort -u | while read -r who pid; do
    [ "$who" != nginx ] || continue
    printf '%s (process %s, %s)\n' "$who" "$pid" "$(sed -n 's,.*/\([^/]*\.\(service\|scope\)\).*,\1,p' "/proc/$pid/cgroup" 2>/dev/null | tail -n 1)"
  done | grep .
}
port_80_held() {
  unit=$(printf '%s\n' "$1" | sed -n 's/.*, \([^ ()]*\.service\))$/\1/p' | head -n 1)
  printf 'port 80 is held by %s: the site needs nginx there, so stop and disable it first%s' "$(printf '%s\n' "$1" | one_line)" "${unit:+ (sudo systemctl disable --now $unit)}"
}
tokens_text() { printf '# Slipway: nginx does not tell its version.\nserver_tokens off;\n'; }
# Somebody else says it already: twice is an error of nginx's.
tokens_elsewhere() { grep -lsE '^[[:space:]]*server_tokens[[:space:]]' /etc/nginx/nginx.conf /etc/nginx/conf.d/*.conf 2>/dev/null | grep -qvxF "$nginx_tokens"; }
plain_default() { [ -L "$nginx_default" ] && [ "$(readlink -f "$nginx_default")" = /etc/nginx/sites-available/default ] && untouched /etc/nginx/sites-available/default; }

check_nginx() {
  if ! has nginx; then
    if stranger=$(stranger_on_80); then
      refused=$(port_80_held "$stranger")
      return 1
    fi
    lacks_packages nginx || :
    tokens_text | differs "$nginx_tokens" 0644 || :
    return 1
  fi
  good=0
  if plain_default; then
    good=1
    printf -- '- %s (the page of the package, unchanged)\n' "$nginx_default"
  fi
  if ! tokens_elsewhere; then
    tokens_text | differs "$nginx_tokens" 0644 || good=1
  elif [ -e "$nginx_tokens" ]; then
    # As after an upgrade to Debian 13, whose nginx.conf says it: nginx does not take it twice.
    good=1
    printf -- '- %s (said elsewhere too)\n' "$nginx_tokens"
    return 1
  fi
  if ! nginx -t >"$work/nginx" 2>&1; then
    refused="nginx does not take its own configuration: $(grep -F emerg "$work/nginx" | head -n 1 | cut -c 1-300)"
    return 1
  fi
  if ! systemctl is-active --quiet nginx.service && stranger=$(stranger_on_80); then
    refused=$(port_80_held "$stranger")
    return 1
  fi
  unit_on nginx.service || good=1
  observed=$(nginx -v 2>&1 | sed 's/^nginx version: //')
  return "$good"
}
apply_nginx() {
  has nginx || install_packages nginx
  loaded=no
  if plain_default; then rm -f "$nginx_default"; loaded=changed; fi
  if tokens_elsewhere && [ -e "$nginx_tokens" ]; then
    rm -f "$nginx_tokens"
    loaded=changed
    nginx -t -q
  fi
  if ! tokens_elsewhere && ! tokens_text | differs "$nginx_tokens" 0644 >/dev/null; then
    tokens_text | put_file "$nginx_tokens" 0644
    loaded=changed
    nginx -t -q || { rm -f "$nginx_tokens"; fail 1 'nginx does not take server_tokens; the file is gone again'; }
  fi
  systemctl enable --quiet nginx.service
  if ! systemctl is-active --quiet nginx.service; then
    systemctl start nginx.service
  elif [ "$loaded" = changed ]; then
    nginx -s reload
  fi
}

# --- Node.js: of the major version that is wanted; one that is there is not renewed ---
node_folder=/usr/local/lib/slipway
check_node() {
  now=$(node --version 2>/dev/null) || now=''
  case $now in
    "v$p_node".*)
      if has npm; then
        observed="$now ($(command -v node))"
        return 0
      fi
      ;;
  esac
  for name in node npm npx; do
    [ -e "/usr/local/bin/$name" ] || continue
    case $(readlink -f "/usr/local/bin/$name") in
      "$node_folder"/*) : ;;
      *)
        refused="/usr/local/bin/$name is not Slipway's, and node is ${now:-absent}: take it away first, for Node.js $p_node to come there"
        return 1
        ;;
    esac
  done
  if ! node_machine >/dev/null; then
    refused="Node.js is not built for $(uname -m)"
    return 1
  fi
  printf -- '- node %s\n+ node v%s, the newest of %s/latest-v%s.x, in %s, linked in /usr/local/bin\n' "${now:-absent}" "$p_node" "$p_node_mirror" "$p_node" "$node_folder"
  return 1
}
node_machine() {
  case $(uname -m) in
    x86_64) printf x64 ;;
    aarch64) printf arm64 ;;
    armv7l | ppc64le | s390x) uname -m ;;
    *) return 1 ;;
  esac
}
fetch() { curl -q --fail --silent --show-error --location --retry 3 --connect-timeout 20 --max-time 900 --output "$2" "$1"; }
not_this_node() {
  rm -rf "$node_folder/new"
  fail 1 "$1; nothing in the path was changed"
}
apply_node() {
  from=${p_node_mirror%/}/latest-v$p_node.x
  fetch "$from/SHASUMS256.txt" "$work/sums" || fail 1 "$from cannot be fetched: may this host reach it? server.node-mirror names another"
  archive=$(awk '{ print $2 }' "$work/sums" | grep -xE "node-v$p_node\.[0-9]+\.[0-9]+-linux-$(node_machine)\.tar\.xz" | head -n 1)
  [ -n "$archive" ] || fail 1 "$from has nothing for $(node_machine)"
  name=${archive%.tar.xz}
  mkdir -p "$node_folder"
  if [ ! -x "$node_folder/$name/bin/node" ]; then
    fetch "$from/$archive" "$work/$archive" || fail 1 "$from/$archive did not arrive whole: nothing was unpacked"
    (cd "$work" && grep -F "  $archive" sums | sha256sum --check --status) || fail 1 "$archive is not what $from/SHASUMS256.txt says: nothing was unpacked"
    rm -rf "$node_folder/new"
    mkdir "$node_folder/new"
    tar --extract --xz --no-same-owner --directory "$node_folder/new" --file "$work/$archive" || not_this_node "$archive cannot be unpacked, though its sum is right: the mirror has it so"
    # Before anything in the path leads to it: a system may be too old for it.
    version=${name#node-}
    version=${version%%-*}
    "$node_folder/new/$name/bin/node" --version | grep -qxF "$version" || not_this_node "$archive holds no $version that runs on this host"
    rm -rf "${node_folder:?}/$name"
    mv "$node_folder/new/$name" "$node_folder/$name"
    rmdir "$node_folder/new"
  fi
  for command in "$node_folder/$name"/bin/*; do
    ln -sfn "$command" "/usr/local/bin/.slipway-new"
    mv -fT /usr/local/bin/.slipway-new "/usr/local/bin/${command##*/}"
  done
  say "$name from $from"
}

# --- Python ---
check_python() {
  if lacks_packages python3 python3-venv python3-pip; then return 1; fi
  observed=$(python3 --version 2>&1)
}
apply_python() { install_packages python3 python3-venv python3-pip; }

# --- PM2 ---
# Its logs are rotated by logrotate, copied and cut: the module pm2-logrotate must be fetched by the deploy user's PM2, which a host
# without a registry cannot, and runs inside PM2's own process.
pm2_names() { pm2_unit=pm2-$p_user.service pm2_rule=/etc/logrotate.d/slipway-pm2-$p_user; }
# As `pm2 startup systemd` writes it (pm2/lib/templates/init-scripts/systemd.tpl), but nothing is run for it.
pm2_unit_text() {
  printf '[Unit]\nDescription=PM2 process manager\nDocumentation=https://pm2.keymetrics.io/\nAfter=network.target\n\n[Service]\nType=forking\nUser=%s\n' "$p_user"
  printf 'LimitNOFILE=infinity\nLimitNPROC=infinity\nLimitCORE=infinity\nEnvironment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n'
  printf 'Environment=PM2_HOME=%s/.pm2\nPIDFile=%s/.pm2/pm2.pid\nRestart=on-failure\n\n' "$1" "$1"
  printf 'ExecStart=%s resurrect\nExecReload=%s reload all\nExecStop=%s kill\n\n[Install]\nWantedBy=multi-user.target\n' "$2" "$2" "$2"
}
pm2_rule_text() {
  printf '# Slipway: server.log-days in slipway.yml.\n"%s/.pm2/pm2.log" "%s/.pm2/logs/*.log" {\n    su %s %s\n' "$1" "$1" "$p_user" "$(group_of "$p_user" 2>/dev/null || printf '%s' "$p_user")"
  printf '    daily\n    maxsize 100M\n    rotate %s\n    maxage %s\n    dateext\n    dateformat -%%Y%%m%%d-%%s\n    missingok\n    notifempty\n    compress\n    delaycompress\n    copytruncate\n}\n' "$p_log_days" "$p_log_days"
}
pm2_home() { home=$(home_of "$p_user"); printf '%s' "${home:-/home/$p_user}"; }
check_pm2() {
  pm2_names
  good=0
  if has pm2; then
    observed="pm2 $(sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$(dirname "$(dirname "$(readlink -f "$(command -v pm2)")")")/package.json" 2>/dev/null | head -n 1)"
  else
    good=1
    printf '+ npm install --global pm2@7\n'
    if ! has npm && [ -z "${p_node:-}" ]; then
      refused='PM2 needs npm, which this host has not: set server.node'
      return 1
    fi
  fi
  home=$(pm2_home)
  if [ -f "/etc/systemd/system/$pm2_unit" ] && ! grep -q 'ExecStart=/usr/local/bin/pm2 resurrect$' "/etc/systemd/system/$pm2_unit"; then
    observed="$observed, $pm2_unit as it was"
  else
    pm2_unit_text "$home" /usr/local/bin/pm2 | sed "s,/usr/local/bin/pm2,$(command -v pm2 || printf /usr/local/bin/pm2)," | differs "/etc/systemd/system/$pm2_unit" 0644 || good=1
  fi
  if [ "$(systemctl is-enabled "$pm2_unit" 2>/dev/null)" != enabled ]; then
    good=1
    printf '+ %s is enabled\n' "$pm2_unit"
  fi
  pm2_rule_text "$home" | differs "$pm2_rule" 0644 || good=1
  return "$good"
}
apply_pm2() {
  pm2_names
  if ! has pm2; then
    has npm || fail 1 'there is no npm on this host'
    (cd / && npm install --global --prefix /usr/local --ignore-scripts --no-audit --no-fund pm2@7)
  fi
  home=$(pm2_home)
  if [ ! -f "/etc/systemd/system/$pm2_unit" ] || grep -q 'ExecStart=/usr/local/bin/pm2 resurrect$' "/etc/systemd/system/$pm2_unit"; then
    pm2_unit_text "$home" "$(command -v pm2)" | put_file "/etc/systemd/system/$pm2_unit" 0644
    systemctl daemon-reload
  fi
  # Not started: the deploy starts PM2 itself, and it is saved then for the next boot.
  systemctl enable --quiet "$pm2_unit"
  pm2_rule_text "$home" | put_file "$pm2_rule" 0644
}

# --- Docker with Compose 2 ---
docker_key=/etc/apt/keyrings/slipway-docker.asc
# https://docs.docker.com/engine/install/debian/ ; the fingerprint is that of "Docker Release (CE deb)".
docker_fingerprint=9DC858229FC7DD38854AE2D88D81803C0EBFCD88
docker_packages() {
  case $system_id:$system_version in
    debian:12) if has_package docker.io; then printf 'docker.io docker-compose-plugin docker-buildx-plugin'; else printf 'docker-ce docker-ce-cli containerd.io docker-compose-plugin docker-buildx-plugin'; fi ;;
    debian:13) printf 'docker.io docker-cli docker-compose' ;;
    *) printf 'docker.io docker-compose-v2' ;;
  esac
}
# Whoever has Docker's archive already keeps his own entry: apt takes no second one with another key file.
docker_archive_known() { grep -rqsF download.docker.com/linux/debian /etc/apt/sources.list /etc/apt/sources.list.d; }
# lacks_buildx: Compose builds with buildx alone from 2.40.2 on (github.com/docker/compose/pull/13295); Ubuntu only recommends it.
lacks_buildx() {
  if docker buildx version >/dev/null 2>&1; then return 1; fi
  docker compose version --short 2>/dev/null | sed 's/^v//' | awk -F. '{ exit !($1 > 2 || ($1 == 2 && $2 >= 40)) }'
}
buildx_package() { if has_package docker-compose-plugin; then printf docker-buildx-plugin; else printf docker-buildx; fi; }
# The deploy user's own systemd takes a release back by itself: one that began before the user was in the group does not reach Docker.
late_manager() {
  if [ "$p_user" = root ] || ! manager=$(systemctl show --value -p MainPID "user@$(id -u "$p_user").service" 2>/dev/null) || [ "${manager:-0}" = 0 ]; then return 1; fi
  ! sed -n 's/^Groups://p' "/proc/$manager/status" 2>/dev/null | tr -s '[:space:]' '\n' | grep -qx "$(getent group docker | cut -d: -f3)"
}
# What of the user's would stop with it.
runs_there() {
  # shellcheck disable=SC2016
  as_user "$p_user" sh -c 'XDG_RUNTIME_DIR=/run/user/$(id -u) systemctl --user list-units --type=service,scope --state=running --plain --no-legend' 2>/dev/null |
    awk '$1 != "dbus.service" && $1 != "init.scope" { print $1 }' | one_line
}
check_docker() {
  good=0
  if has docker && docker compose version >"$work/compose" 2>&1; then
    observed="$(docker --version | cut -d, -f1), $(head -n 1 "$work/compose")"
    unit_on docker.service || good=1
    if lacks_buildx; then
      good=1
      printf '+ package %s\n' "$(buildx_package)"
    fi
  else
    good=1
    # shellcheck disable=SC2046
    lacks_packages $(docker_packages) || :
    if [ "$system_id:$system_version" = debian:12 ] && ! docker_archive_known; then printf '+ the repository download.docker.com/linux/debian, as Debian 12 has no Compose 2\n'; fi
  fi
  if [ "$p_user" != root ] && ! in_group "$p_user" docker; then
    good=1
    printf '+ %s in group docker, which is as much as root\n' "$p_user"
  elif [ "$good" = 0 ] && late_manager; then
    running=$(runs_there)
    if [ -n "$running" ]; then
      observed="$observed; the systemd of $p_user is older than its group docker, and runs $running: restart the server once"
    else
      good=1
      printf '+ the systemd of %s begins anew, to be in group docker\n' "$p_user"
    fi
  fi
  return "$good"
}
apply_docker() {
  if ! has docker || ! docker compose version >/dev/null 2>&1; then
    if [ "$system_id:$system_version" = debian:12 ] && ! docker_archive_known; then docker_repository; fi
    # shellcheck disable=SC2046
    install_packages $(docker_packages)
  fi
  if lacks_buildx; then install_packages "$(buildx_package)"; fi
  systemctl enable --quiet --now docker.service
  if [ "$p_user" != root ]; then usermod --append --groups docker "$p_user"; fi
  if late_manager && [ -z "$(runs_there)" ]; then systemctl restart "user@$(id -u "$p_user").service"; fi
}
docker_repository() {
  install_packages gnupg
  fetch https://download.docker.com/linux/debian/gpg "$work/docker.asc"
  found=$(gpg --homedir "$work" --show-keys --with-colons "$work/docker.asc" 2>/dev/null | awk -F: '$1 == "fpr" { print $10; exit }')
  [ "$found" = "$docker_fingerprint" ] || fail 1 "download.docker.com gave a key that is not Docker's (${found:-none}): nothing was changed"
  put_file "$docker_key" 0644 <"$work/docker.asc"
  printf '# Slipway: Docker with Compose 2, which Debian 12 has not.\ndeb [arch=%s signed-by=%s] https://download.docker.com/linux/debian bookworm stable\n' "$(dpkg --print-architecture)" "$docker_key" |
    put_file /etc/apt/sources.list.d/slipway-docker.list 0644
  rm -f /var/lib/slipway/apt-updated
}

# --- clients of the databases: for backups, restores and migrations ---
client_package() {
  case $1 in
    postgres) has pg_dump || printf 'postgresql-client\n' ;;
    mysql) has mysqldump || has mariadb-dump || printf 'default-mysql-client\n' ;;
    sqlite) has sqlite3 || printf 'sqlite3\n' ;;
  esac
}
client_packages() { for engine in $p_engines; do client_package "$engine" || :; done; }
check_database_clients() {
  observed=$p_engines
  case " $p_engines " in
    *' mongodb '*)
      if ! has mongodump || ! has mongosh; then
        refused='no system has packages of mongosh and the MongoDB database tools: bring them from https://www.mongodb.com/try/download/database-tools and https://www.mongodb.com/try/download/shell'
        return 1
      fi
      ;;
  esac
  # shellcheck disable=SC2046
  if [ -n "$(client_packages)" ] && lacks_packages $(client_packages); then return 1; fi
}
apply_database_clients() {
  # shellcheck disable=SC2046
  install_packages $(client_packages)
}

# --- certbot ---
certbot_packages() {
  printf 'certbot\n'
  if [ "${p_tls_mode:-}" = nginx ]; then printf 'python3-certbot-nginx\n'; fi
}
certbot_timer() {
  if systemctl cat snap.certbot.renew.timer >/dev/null 2>&1; then printf snap.certbot.renew.timer; else printf certbot.timer; fi
}
check_certbot() {
  good=0
  PATH=$PATH:/snap/bin
  if has certbot && ! has_package certbot; then
    observed="$(certbot --version 2>/dev/null), not of the system's packages"
  else
    # shellcheck disable=SC2046
    if lacks_packages $(certbot_packages); then return 1; fi
    observed=$(certbot --version 2>/dev/null)
  fi
  unit_on "$(certbot_timer)" || good=1
  return "$good"
}
apply_certbot() {
  PATH=$PATH:/snap/bin
  # shellcheck disable=SC2046
  if ! has certbot || has_package certbot; then install_packages $(certbot_packages); fi
  systemctl enable --quiet --now "$(certbot_timer)"
}
