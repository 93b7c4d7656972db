#!/usr/bin/env bash
# Build images here: `make images`. NAMES are folders beside this file; each becomes mlops-NAME:REVISION.
#   ENGINE         docker, podman or buildah; the first that works is taken
#   BASE           another image with Python 3.11 and pip, for machines that reach no registry (see README.md)
#   REVISION       the commit; becomes the tag and a label
#   BUILD_OPTIONS  further options of the engine's build
set -euo pipefail
cd "$(dirname "$0")/.."

works() { case $1 in docker) docker info >/dev/null 2>&1 ;; *) command -v "$1" >/dev/null ;; esac; }

engine=${ENGINE:-}
if [ -z "$engine" ]; then
  for each in docker podman buildah; do
    if works "$each"; then engine=$each && break; fi
  done
fi
[ -n "$engine" ] || { echo "error: no docker that runs, no podman and no buildah here; install one" >&2; exit 2; }

for name in "$@"; do
  file=images/$name/Dockerfile
  options=(--file "$file" --tag "mlops-$name:${REVISION:?}" --build-arg "REVISION=$REVISION")
  [ -z "${BASE:-}" ] || options+=(--build-arg "PYTHON=$BASE")
  # Docker finds the list of what is sent by its name; OCI's own format has no health check.
  [ "${engine##*/}" = docker ] || options+=(--format docker --layers --ignorefile "$file.dockerignore")
  # shellcheck disable=SC2086 # several options in one variable
  DOCKER_BUILDKIT=1 "$engine" build "${options[@]}" ${BUILD_OPTIONS:-} .
done
