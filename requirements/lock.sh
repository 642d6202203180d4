#!/bin/sh
# Resolves the dependencies of pyproject.toml into hash-locked files for Python 3.11 and newer on Linux and macOS.
# Usage: lock.sh UV [--upgrade]      No address of a package index is written.
set -eu
uv=$1
shift
compile() {
  "$uv" pip compile ../pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$@"
}
compile --extra build -o run.txt "$@"
compile --extra build --extra dev -c run.txt -o dev.txt "$@"
