#!/usr/bin/env bash
# Builds what an end-to-end run needs of Rust into a folder, so that the run itself compiles nothing: the programs of the images, the
# demo, and the end-to-end tests as `e2e-tests`. Argument: the folder.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:?the folder to put the programs into}
mkdir -p "$folder"
cargo build --release --locked --bins --workspace
find target/release -maxdepth 1 -type f -executable -exec cp {} "$folder/" \;
tests=$(cargo test --workspace --locked --test e2e --no-run --message-format json |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
cp "$tests" "$folder/e2e-tests"
