#!/usr/bin/env bash
# Runs each fuzz target of the module for a bounded time: fuzz.sh 10s
# go test -fuzz takes one target of one package at a time, hence the loop.
set -euo pipefail
fuzztime=${1:-10s}

# Asking go list for the files leaves out what a build constraint excludes.
files='{{$p := .}}{{range .TestGoFiles}}{{$p.ImportPath}} {{$p.Dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$p.ImportPath}} {{$p.Dir}}/{{.}}{{"\n"}}{{end}}'
list=$(go list -f "$files" ./...)

count=0
while read -r package file; do
	[ -n "$file" ] || continue
	while read -r target; do
		echo "== fuzz: $target in $package for $fuzztime"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" "$package" </dev/null
		count=$((count + 1))
	done < <(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$file")
done <<<"$list"

[ "$count" -gt 0 ] || { echo "fuzz: no fuzz target found" >&2; exit 1; }
echo "== fuzz: $count targets, none failed"
