# Sourced by the scripts that run ignored tests: a run in which a test was missing, renamed or skipped is a failure.

# expect_tests COUNT ARGUMENTS: runs the ignored tests of one target; fails unless that many passed and none failed.
expect_tests() {
    expected=$1
    shift
    out=$(mktemp)
    trap 'rm -f "$out"' EXIT
    { ${CARGO:-cargo} test --locked "$@" -- --ignored --nocapture --test-threads 1 || echo "FAILED: exit code $?"; } | tee "$out"
    passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed; 0 failed.*/\1/p' "$out")
    if grep -q '^FAILED: exit code' "$out" || [ "${passed:-0}" -ne "$expected" ]; then
        echo "$0: ${passed:-0} of $expected tests passed" >&2
        exit 1
    fi
}
