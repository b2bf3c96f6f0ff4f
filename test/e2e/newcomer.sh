#!/usr/bin/env bash
# README's first command as a newcomer runs it; its output must have the promised shape.
set -euo pipefail
cd "$(dirname "$0")/../.."
log="$(mktemp)"
started=$(date +%s%N)
npm run --silent demo >"$log" 2>&1 || { cat "$log"; echo "the demo failed"; exit 1; }
cat "$log"
took_ms=$((($(date +%s%N) - started) / 1000000))
expect() { grep -Eq "$1" "$log" || { echo "missing in the demo's output: $1"; exit 1; }; }
[ "$(grep -c ' DENIED ' "$log")" -eq 2 ] || { echo "the demo must show exactly two denials"; exit 1; }
expect 'DENIED +EGRESS_DENIED'
expect 'DENIED +DLP_BLOCKED'
expect 'books balance \(declared ([0-9]+) = gate \1 · network ([0-9]+) = egress \2\)'
tail -n 3 "$log" | head -n 1 | grep -q 'chain VALID' || { echo "the last lines must say chain VALID"; exit 1; }
tail -n 2 "$log" | head -n 1 | grep -q 'head LOGGED' || { echo "the last lines must say head LOGGED"; exit 1; }
tail -n 1 "$log" | grep -q 'replay IDENTICAL' || { echo "the last line must say replay IDENTICAL"; exit 1; }
[ "$took_ms" -lt 10000 ] || { echo "the demo took ${took_ms} ms, promised under 10 s"; exit 1; }
echo "demo: ${took_ms} ms"
