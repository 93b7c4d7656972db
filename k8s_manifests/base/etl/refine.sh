# Run `mlops` with the arguments given and keep its exit code: also a run that stops leaves a report to publish.
set -u
work=${WORK:-/work}

code=0
mlops "$@" || code=$?
echo "$code" > "$work/exit-code"
