# shellcheck shell=sh
# Containers: the functions of the manager compose. Sent behind services.sh.
