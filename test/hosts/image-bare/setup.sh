#!/bin/sh
# Runs inside the image while it is built: see Dockerfile.
set -eu

rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
printf 'deb [trusted=yes] file:/opt/mirror/debian ./\n' > /etc/apt/sources.list
apt-get update
# shellcheck disable=SC2046  # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(cat /opt/slipway-image/packages.txt) busybox
rm -rf /var/lib/apt/lists/*

# What containers cannot do, or what would only cost time.
for unit in dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer man-db.timer systemd-tmpfiles-clean.timer systemd-udevd.service systemd-udev-trigger.service \
  systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-modules-load.service \
  systemd-binfmt.service systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-remount-fs.service \
  systemd-firstboot.service systemd-network-generator.service systemd-pstore.service systemd-networkd-wait-online.service \
  sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount \
  getty.target getty-static.service console-getty.service systemd-logind-varlink.socket proc-sys-fs-binfmt_misc.automount; do
  ln -sf /dev/null "/etc/systemd/system/$unit"
done
ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target

# The mirror of Node.js answers on the host itself.
printf '%s\n' '[Service]' 'ExecStart=/bin/busybox httpd -f -p 127.0.0.1:8099 -h /opt/mirror/node' '[Install]' 'WantedBy=multi-user.target' \
  > /etc/systemd/system/test-mirror.service
systemctl enable test-mirror.service

# root's npm finds its packages here.
ln -s /opt/mirror/npm /root/.npm

# Every container has host keys of its own.
rm -f /etc/ssh/ssh_host_*
mkdir -p /etc/systemd/system/ssh.service.d
printf '%s\n' '[Service]' ExecStartPre= 'ExecStartPre=/usr/bin/ssh-keygen -A' 'ExecStartPre=/usr/sbin/sshd -t' \
  > /etc/systemd/system/ssh.service.d/host-keys.conf
printf '%s\n' 'UseDNS no' > /etc/ssh/sshd_config.d/zz-test.conf
: > /etc/machine-id
