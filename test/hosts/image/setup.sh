#!/bin/sh
# Runs inside the image while it is built: `setup.sh packages`, then `setup.sh host <npm registry>`.
set -eu

packages() {
  missing=
  while read -r package; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
  done < /opt/slipway-image/packages.txt
  if [ -n "$missing" ]; then
    apt-get update
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing
    # Without the databases that the packages made: a test makes the server it needs.
    rm -rf /var/lib/apt/lists/* /var/lib/mysql/* /var/lib/postgresql/* /etc/postgresql/*
  fi
}

users() {
  # deploy has user id 1000: the npm cache was copied in under it.
  useradd --create-home --uid 1000 --shell /bin/bash deploy
  useradd --create-home --uid 1001 --shell /bin/bash --no-user-group --gid users operator
  useradd --create-home --uid 1002 --shell /bin/bash plain
  cp -rT /etc/skel /home/deploy
  chown -R deploy:deploy /home/deploy
  # Known to test/hosts/harness.ts; the containers are reachable from loopback only.
  printf 'operator:%s\n' 'operator-password' | chpasswd
  printf '%s\n' 'deploy ALL=(ALL:ALL) NOPASSWD: ALL' 'operator ALL=(ALL:ALL) ALL' > /etc/sudoers.d/slipway
  chmod 0440 /etc/sudoers.d/slipway
  adduser --quiet deploy docker
  mkdir -p /var/lib/systemd/linger
  touch /var/lib/systemd/linger/deploy
}

tools() {
  for package in /opt/tools/node_modules/node-linux-*; do
    ln -s "$package/bin/node" /usr/local/bin/node
  done
  for command in npm npx pm2; do
    ln -s "/opt/tools/node_modules/.bin/$command" "/usr/local/bin/$command"
  done
}

# npm and pip install from what lies in the image; nothing else can be had.
offline() {
  printf '%s\n' offline=true audit=false fund=false update-notifier=false "registry=$1" > /opt/tools/node_modules/npm/npmrc
  printf '%s\n' '[global]' 'no-index = true' 'find-links = /opt/wheels' 'disable-pip-version-check = true' > /etc/pip.conf
}

# Down to what a deploy needs: process 1, the journal, logins, D-Bus and sshd. The rest costs start-up time.
services() {
  for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer logrotate.timer man-db.timer systemd-tmpfiles-clean.timer systemd-udevd.service systemd-udev-trigger.service \
    systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-modules-load.service systemd-sysctl.service \
    systemd-binfmt.service systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-remount-fs.service \
    systemd-firstboot.service systemd-network-generator.service systemd-pstore.service systemd-networkd-wait-online.service \
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount \
    getty.target getty-static.service console-getty.service systemd-logind-varlink.socket proc-sys-fs-binfmt_misc.automount; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
  done
  systemctl disable nginx.service docker.service docker.socket containerd.service postgresql.service \
    mariadb.service mariadb.socket \
    certbot.timer ufw.service fail2ban.service unattended-upgrades.service
  ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target

  # Every container has host keys of its own.
  rm -f /etc/ssh/ssh_host_*
  mkdir -p /etc/systemd/system/ssh.service.d
  printf '%s\n' '[Service]' ExecStartPre= 'ExecStartPre=/usr/bin/ssh-keygen -A' 'ExecStartPre=/usr/sbin/sshd -t' \
    > /etc/systemd/system/ssh.service.d/host-keys.conf
  printf '%s\n' 'UseDNS no' 'PasswordAuthentication no' 'PermitRootLogin prohibit-password' > /etc/ssh/sshd_config.d/slipway.conf

  # machine-id is made at each container's start; the journal stays in memory.
  : > /etc/machine-id
  mkdir -p /etc/systemd/journald.conf.d
  printf '%s\n' '[Journal]' Storage=volatile RuntimeMaxUse=32M > /etc/systemd/journald.conf.d/slipway.conf
}

case $1 in
  packages)
    packages
    ;;
  host)
    users
    tools
    offline "$2"
    services
    ;;
esac
