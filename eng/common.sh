# What the scripts of this folder share; they source it. Each tests the library on another system than the one it is built on: it
# publishes two programs for that system and runs them there. tests/AotSmoke, compiled by the JIT compiler here, runs the conformance
# suite and the stresses with a runner of its own, and tests/Hakmem.Tests is the whole suite.
#
#   eng/test-SYSTEM                 both programs
#   eng/test-SYSTEM --conformance   the core of the first one, which .ci/run has time for
#
# The last line printed is `N passed, N failed, N skipped`. The lines before it name what failed, and say why tests were skipped.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
export MSBUILDDISABLENODEREUSE=1   # leave no build servers behind

# A clone of a directory, or none at all, has no address on the web to link sources to; that is no reason to fail.
remote=$(git config --get remote.origin.url 2>/dev/null || true)
if [[ ! $remote =~ ^(https?|ssh|git):// && ! $remote =~ ^[^/]+@[^/]+: ]]; then
  export EnableSourceLink=false EnableSourceControlManagerQueries=false
fi

conformance_only=false
case ${1:-} in
  '') ;;
  --conformance) conformance_only=true ;;
  *)
    printf 'usage: %s [--conformance]\n' "$0" >&2
    exit 2
    ;;
esac

scratch=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-eng.XXXXXX")
held=true
passed=0 failed=0 skipped=0
notes=""
counts='^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$'

# Scripts add to it what has to be ended.
clean_up() { :; }

finish() {
  local code=$?
  clean_up
  rm -rf "$scratch"
  printf '\n%s%d passed, %d failed, %d skipped\n' "$notes" "$passed" "$failed" "$skipped"
  [[ $code -ne 0 || $held == true ]] || code=1
  exit "$code"
}
trap finish EXIT

# Adds lines to those in front of the last one.
note() {
  [[ -z $1 ]] || notes+=$1$'\n'
}

# Installs Debian packages that are missing. Needs to be root, or sudo.
install_packages() {
  local missing=() name as_root=()
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  [[ $EUID -eq 0 ]] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Publishes a project with its runtime for a system, to $scratch/<project>.
publish() {
  local project=$1 system=$2
  shift 2
  printf '\n=== %s for %s\n' "$project" "$system"
  dotnet publish "tests/$project" -c Release -r "$system" --self-contained -p:PublishAot=false -o "$scratch/$project" \
    -warnaserror -v quiet -nodeReuse:false "$@" </dev/null
}

# Runs a test program, shows what it prints, and adds up what it counted on its last line. A program that ended without a count and printed
# what $retry_on matches, a fault of what runs it, or that `timeout` ended while $retry_on is set, is started again, twice at most.
retry_on=""
run_tests() {
  local log="$scratch/tests.log" try code last
  for try in 1 2 3; do
    code=0
    "$@" </dev/null 2>&1 | tr -d '\r' | tee "$log" || code=$?
    last=$(tail -n 1 "$log")
    [[ ! $last =~ $counts && -n $retry_on && $try -lt 3 ]] || break
    if [[ $code -eq 124 ]]; then
      note "Started again after it had hung: $*"
    elif grep -Eq -- "$retry_on" "$log"; then
      note "Started again after: $(grep -Em 1 -- "$retry_on" "$log")"
    else
      break
    fi
  done
  note "$(grep -E '^(FAILED|SKIPPED) ' "$log" || true)"
  if [[ $last =~ $counts ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
    [[ $((BASH_REMATCH[1] + ${BASH_REMATCH[4]:-0})) -gt 0 && ${BASH_REMATCH[2]} -eq 0 && $code -eq 0 ]] || held=false
  else
    note "FAILED without a count of tests: $*"
    failed=$((failed + 1))
    held=false
  fi
}

# Fails unless the program that ran last, AotSmoke, was one for a processor: a system may run what was built for another one, and say nothing.
require_processor() {
  if ! grep -q "The processor is $1\.$" "$scratch/tests.log"; then
    note "FAILED: the program was not one for $1"
    held=false
  fi
}

# Runs the whole suite by the command given, each namespace in a process of its own, so that what goes wrong in one costs the others nothing.
run_suite() {
  local folder namespace
  for folder in tests/Hakmem.Tests/*/; do
    namespace=$(basename "$folder")
    if [[ $namespace != Support && $namespace != bin && $namespace != obj ]]; then
      printf '\n=== %s\n' "$namespace"
      run_tests "$@" -namespace "Hakmem.Tests.$namespace"
    fi
  done
}
