#!/bin/sh
# Every target for some seconds, one after the other. usage: fuzz/run.sh [SECONDS] [TARGET...]
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=${*:-$(cargo +nightly fuzz list)}
evtx=
if [ -n "${WATCHFLOOR_CORPUS:-}" ]; then
    evtx=$(mktemp -d)
    trap 'rm -rf "$evtx"' EXIT
    tar --zstd -xf "$WATCHFLOOR_CORPUS/sigma/regression_dev.tar.zst" -C "$evtx"
    mkdir "$evtx/flat"
    find "$evtx" -name '*.evtx' -size -80k -exec cp {} "$evtx/flat/" \;
fi
for target in $targets; do
    mkdir -p "corpus/$target"
    seeds=
    [ -d "seeds/$target" ] && seeds=seeds/$target
    [ "$target" = format_evtx ] && [ -n "$evtx" ] && seeds="$seeds $evtx/flat"
    longest=4096
    [ "$target" = format_evtx ] && longest=135168
    # shellcheck disable=SC2086
    nice -n 19 cargo +nightly fuzz run "$target" "corpus/$target" $seeds -- \
        -max_total_time="$seconds" -max_len=$longest -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        2>&1 | grep -E 'stat::number_of_executed|SUMMARY|panicked|ERROR|Test unit' | sed "s/^/$target: /" || true
done
