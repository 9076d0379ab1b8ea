#!/usr/bin/env bash
# Holds every workflow, template and action against zizmor (security) and actionlint (correctness). Both are fetched once, at
# pinned versions, below ~/.cache/slipway-test. Exit code 77: they cannot be had here (no Python, no Go).
set -euo pipefail
cd "$(dirname "$0")/.."

zizmor_version=1.32.0
actionlint_version=v1.7.7
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/slipway-test
mkdir -p "$cache"

zizmor=$cache/zizmor-$zizmor_version/bin/zizmor
if [ ! -x "$zizmor" ]; then
  python3 -c 'import venv, ensurepip' 2>/dev/null || { echo 'workflows: not checked: zizmor needs python3 with venv'; exit 77; }
  python3 -m venv "$cache/zizmor-$zizmor_version"
  "$cache/zizmor-$zizmor_version/bin/pip" --quiet --disable-pip-version-check install "zizmor==$zizmor_version"
fi
actionlint=$cache/actionlint-$actionlint_version/actionlint
if [ ! -x "$actionlint" ]; then
  command -v go >/dev/null || { echo 'workflows: not checked: actionlint needs Go to be built'; exit 77; }
  GOBIN=$cache/actionlint-$actionlint_version GOFLAGS=-modcacherw go install "github.com/rhysd/actionlint/cmd/actionlint@$actionlint_version"
fi

# No exceptions for zizmor. Offline: what it asks of GitHub's API (are the pins on the branches they claim) needs a token.
"$zizmor" --offline --no-progress --quiet .github/workflows templates actions action.yml

# What this version of actionlint does not know yet; each is in reference to GitHub's own documentation in docs/workflows.md.
ignored=(
  # `$/…`: an action beside the workflow (runner 2.336.0).
  -ignore 'specifying action "\$/.*" in invalid format'
  # `environment.deployment: false`: the rules without a deployment record.
  -ignore 'unexpected key "deployment" for "environment" section'
  # `concurrency.queue: max`: those that wait keep their order.
  -ignore 'unexpected key "queue" for "concurrency" section'
  # `job.workflow_repository`: whose reusable workflow this is.
  -ignore 'property "workflow_repository" is not defined in object type'
  # The templates name OWNER and COMMIT, for people to fill in.
  -ignore 'reusable workflow call "OWNER/slipway'
)
"$actionlint" -shellcheck= -pyflakes= "${ignored[@]}" .github/workflows/*.yml templates/*.yml
echo 'workflows: zizmor and actionlint have nothing to say'
