# shellcheck shell=sh
# The hook behind the marker lines `at <step>` of the remote scripts, in the bundles of these tests alone (see faults.ts).
# A script that reaches the step which a test has written down says its process id and waits until the test lets it go on.
at() (
  hook=/run/slipway-fault
  [ -f "$hook/step" ] && [ "$(cat "$hook/step")" = "$1" ] || exit 0
  # The first to come is the one; a test that has forgotten it must not hold it for ever.
  mkdir "$hook/reached" 2>/dev/null || exit 0
  printf '%s\n' "$$" >"$hook/pid.new"
  mv "$hook/pid.new" "$hook/pid"
  polls=3000
  while [ -e "$hook/step" ] && [ "$polls" -gt 0 ]; do
    sleep 0.02
    polls=$((polls - 1))
  done
)
