# shellcheck shell=sh
# Steps of `server` that concern the system itself: users, folders, time, updates, logs.

# --- system: what is wanted of it ---
check_system() {
  observed="$system_name, $(uname -m), $(nproc) processors, $(awk '/^MemTotal/ { printf "%d MB", $2 / 1024 }' /proc/meminfo)"
}
