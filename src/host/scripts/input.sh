# shellcheck shell=sh
# What a script is told on standard input, for scripts that are told more than a few words. Sent behind lib.sh.

# read_parameters: the lines `name=value` of standard input up to a line `.` become the variables p_name.
read_parameters() {
  while IFS= read -r line; do
    if [ "$line" = . ]; then return 0; fi
    case ${line%%=*} in
      '' | *[!a-z0-9_]*) fail 3 "'${line%%=*}' is no parameter" ;;
    esac
    eval "p_${line%%=*}=\${line#*=}"
  done
  fail 1 'the parameters ended half-way'
}
