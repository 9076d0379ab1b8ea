# shellcheck shell=sh
# What the host's own timer runs, with nobody there: the steps of .slipway/backups/<database>/.schedule/job, as
# backup-schedule.sh has put them there. Each step is one of the scripts a run sends, with its arguments and its input.
#   $1 root  $2 database
# `ran` tells how it ended, `log` what it said; the exit code is that of the first step that failed.
enter "$1"
schedule=$state/backups/$2/.schedule
running=$schedule/.running
umask 077
if [ -f "$schedule/path" ]; then PATH=$(cat "$schedule/path"); fi
export PATH

exec 8>"$schedule/lock"
# Who looks at it holds the lock for a moment.
flock -w 10 8 || fail 6 "the backup of $2 that the timer began before is still at work"

# Its own copy: the job may be renewed meanwhile.
exec 6>"$schedule/swap"
flock -w 30 6 || fail 6 "the timer's job is being renewed for more than 30 s"
rm -rf "$running"
trap 'rm -rf "$running"' EXIT
cp -R "$schedule/job" "$running"
exec 6>&-

began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
since=$(uptime_s)
code=0
failed=
text=
: >"$schedule/log"

# run_step NAME: its output to the log; $text is the last line it said when it fails.
run_step() {
  step=$1
  set --
  while IFS= read -r arg; do set -- "$@" "$arg"; done <"$running/$step.args"
  printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$step" >>"$schedule/log"
  result=0
  sh "$running/$step.sh" "$@" <"$running/$step.in" >>"$schedule/log" 2>"$running/said" 8>&- || result=$?
  cat "$running/said" >>"$schedule/log"
  if [ "$result" = 0 ]; then return 0; fi
  if [ "$code" = 0 ]; then
    code=$result
    failed=$step
    text=$(grep -v '^$' "$running/said" | tail -n 1 | tr '\t' ' ' | cut -c 1-500) || :
  fi
  return 1
}

while IFS= read -r name <&4; do
  # Nothing is copied or deleted when no good backup was made.
  if [ "$name" = create ]; then run_step create || break; else run_step "$name" || :; fi
done 4<"$running/steps"

{
  printf 'at\t%s\ntook\t%s\n' "$began" "$(($(uptime_s) - since))"
  if [ "$code" = 0 ]; then printf 'result\tok\n'; else printf 'result\tfailed\nstep\t%s\ncode\t%s\ntext\t%s\n' "$failed" "$code" "${text#slipway: }"; fi
} >"$schedule/ran.new"
mv "$schedule/ran.new" "$schedule/ran"

# For the journal of whoever started this; cron mails what stands on standard error.
cat "$schedule/log"
if [ "$code" != 0 ]; then fail "$code" "the scheduled backup of $2 failed in its step $failed: ${text#slipway: }"; fi
