# shellcheck shell=sh
# One file of a backup to standard output.
#   $1 root  $2 database  $3 id  $4 archive | manifest;  parameter: folder
read_parameters
enter "$1"
place_of "$2"
choose "$3"
cat "$backup/$4" || fail 31 "the $4 of $id cannot be read"
