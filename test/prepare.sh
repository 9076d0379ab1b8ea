#!/usr/bin/env bash
# Installs the programs the unit tests compare Slipway with, where they are missing and may be installed: the shells the
# quoting is held against, a real OpenSSH server, nginx, SQLite, the tools of backups, sudo, shellcheck. `npm test` runs it; says nothing when all is there.
set -euo pipefail

missing=()
for program in dash:dash busybox:busybox sshd:openssh-server ssh-keygen:openssh-client sudo:sudo shellcheck:shellcheck git:git curl:curl openssl:openssl unshare:util-linux nginx:nginx sqlite3:sqlite3 zstd:zstd age:age; do
  PATH=$PATH:/usr/sbin type "${program%%:*}" > /dev/null 2>&1 || missing+=("${program#*:}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! type apt-get > /dev/null 2>&1; then
  echo "tests: missing here, with no apt to install them: ${missing[*]}"
  exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
  as_root=()
elif sudo -n true 2> /dev/null; then
  as_root=(sudo -n)
else
  echo "tests: missing here, and only root can install them: ${missing[*]}"
  exit 0
fi
echo "tests: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "${missing[@]}"; } > "$log" 2>&1; then
  tail -n 5 "$log"
  echo "tests: apt could not install ${missing[*]}"
  exit 1
fi
