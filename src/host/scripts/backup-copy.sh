# shellcheck shell=sh
# Copies a backup to S3 by the AWS CLI, and reads the copy back: only then it counts. Also notes copies made elsewhere.
#   $1 root  $2 database  $3 id ('' for the newest good one)  $4 s3 | note
# Parameters: s3 (s3://bucket/prefix), endpoint, region, access_key, secret_key; without keys the host's own are used
# (an instance's role, ~/.aws). For note: target, what is noted.
# In the bucket: <prefix>/<environment>/<database>/<id>/archive, then manifest: a copy without its manifest is half.
read_parameters
s3_place=${p_s3:-} target=${p_target:-}
enter_backups "$1" "$2" 'a copy'
choose "${3:-}"
[ ! -e "$backup/bad" ] || fail 32 "the backup $id of $database is bad, so it is not copied: $(head -n 1 "$backup/bad")"

noted() { cut -f 2- "$backup/copied" 2>/dev/null | grep -qxF -- "$1"; }
note() {
  if noted "$1"; then return 0; fi
  {
    if [ -f "$backup/copied" ]; then cat "$backup/copied"; fi
    printf '%s\t%s\n' "$(now_iso)" "$1"
  } | mark_backup "$id" copied || fail 36 "the copy to $1 is made, and that could not be written down"
}

if [ "$4" = note ]; then
  note "$target"
  exit 0
fi

command -v aws >/dev/null 2>&1 || fail 5 "the AWS CLI is not on this host (aws): it makes the copies to $s3_place"
place=${p_s3#s3://}
bucket=${place%%/*}
prefix=${place#"$bucket"}
prefix=${prefix#/}
prefix=${prefix%/}
environment=$(cut -d ' ' -f 2 "$state/app")
key=${prefix:+$prefix/}$environment/$database/$id

# Secrets are read from a file of the owner's, never from the command line or the environment.
if [ -n "${p_access_key:-}" ]; then
  printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$p_access_key" "${p_secret_key:-}" >"$work/aws-keys"
  unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  AWS_SHARED_CREDENTIALS_FILE=$work/aws-keys
  AWS_CONFIG_FILE=$work/aws-config
  : >"$work/aws-config"
  export AWS_SHARED_CREDENTIALS_FILE AWS_CONFIG_FILE
fi
if [ -n "${p_region:-}" ]; then AWS_DEFAULT_REGION=$p_region AWS_REGION=$p_region; fi
if [ -n "${p_endpoint:-}" ]; then
  # Newer versions of the CLI send sums in a form that other services than Amazon's refuse. The copy is read back anyway.
  : "${AWS_DEFAULT_REGION:=us-east-1}"
  AWS_REQUEST_CHECKSUM_CALCULATION=when_required AWS_RESPONSE_CHECKSUM_VALIDATION=when_required
fi
export AWS_DEFAULT_REGION AWS_REGION AWS_REQUEST_CHECKSUM_CALCULATION AWS_RESPONSE_CHECKSUM_VALIDATION 2>/dev/null || :
AWS_PAGER=
export AWS_PAGER
[ -n "${AWS_REGION:-}" ] || unset AWS_REGION
[ -n "${AWS_DEFAULT_REGION:-}" ] || unset AWS_DEFAULT_REGION
[ -n "${AWS_REQUEST_CHECKSUM_CALCULATION:-}" ] || unset AWS_REQUEST_CHECKSUM_CALCULATION AWS_RESPONSE_CHECKSUM_VALIDATION

# s3 COMMAND …: with the service's own words when it fails. In a file, as its standard output may be the copy itself.
s3() {
  if [ -n "${p_endpoint:-}" ]; then set -- --endpoint-url "$p_endpoint" "$@"; fi
  aws "$@" 2>"$work/aws-said"
}
refused() { fail 1 "$1: $(grep -v '^ *$' "$work/aws-said" | tail -n 1 | cut -c 1-400)"; }

# size_there NAME: the size of the object, or nothing when it is not there.
size_there() { s3 s3api head-object --bucket "$bucket" --key "$key/$1" --query ContentLength --output text || :; }

size=$(manifest_field "$backup/manifest" stored)
sum=$(manifest_field "$backup/manifest" sum)
if noted "$s3_place" && [ "$(size_there archive)" = "$size" ] && [ -n "$(size_there manifest)" ]; then
  printf 'copied\t%s\tthere\t%s\t0\t%s\n' "$id" "$size" "s3://$bucket/$key"
  exit 0
fi

since=$(ms)
s3 s3 cp --only-show-errors "$backup/archive" "s3://$bucket/$key/archive" || refused "the copy to s3://$bucket/$key failed"
there=$(size_there archive)
[ "$there" = "$size" ] || refused "the copy in s3://$bucket/$key has ${there:-no} bytes instead of $size"
# What came back decides: the sum is of all bytes, however many parts they went up in.
back=$(s3 s3 cp --only-show-errors "s3://$bucket/$key/archive" - | sha256sum | cut -d ' ' -f 1)
if [ "$back" != "$sum" ]; then
  grep -q . "$work/aws-said" || printf 'its sum is not that of the archive\n' >"$work/aws-said"
  refused "the copy in s3://$bucket/$key was read back and is not the backup"
fi
s3 s3 cp --only-show-errors "$backup/manifest" "s3://$bucket/$key/manifest" || refused "the manifest could not be copied to s3://$bucket/$key"
note "$s3_place"
printf 'copied\t%s\tmade\t%s\t%s\t%s\n' "$id" "$size" "$(($(ms) - since))" "s3://$bucket/$key"
