# shellcheck shell=sh
# Lists the backups of a database, oldest first; changes nothing.
#   $1 root  $2 database;  parameter: folder
# Says what describe says of each, and `restoring<TAB>ID<TAB>SAFETY-ID` when a restore was interrupted.
read_parameters
if [ ! -f "${1%/}/.slipway/app" ]; then exit 0; fi
enter "$1"
place_of "$2"
for one in $(ids); do describe "$one"; done
if [ -f "$folder/restoring" ]; then printf 'restoring\t%s\t%s\n' "$(manifest_field "$folder/restoring" id)" "$(manifest_field "$folder/restoring" safety)"; fi
