# The stages that ./hob and ./check share, to be sourced by bash: packages, builds, the default
# model.
#
# Every stage is silent where there is nothing to do, safe to interrupt and safe to repeat. A person
# sees one updating line per stage on a terminal and a line at its begin and end elsewhere, all on
# stderr; the whole output goes to build/NAME.log, and where a stage fails its part that matters is
# shown. Functions return non-zero on failure.

stages_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
stages_program=hob  # how messages begin
stages_python=/usr/bin/python3  # Debian's, which has pip beside it, wherever there is one
[ -e /etc/debian_version ] || stages_python=python3
export CARGO_TARGET_DIR=$stages_root/build/cargo  # one for all builds and cargo's own tests
. "$stages_root/tools/default-model"

say() { printf '%s: %s\n' "$stages_program" "$*" >&2; }
fail() { say "$*"; return 1; }
trap '[ -t 2 ] && echo >&2; say "stopped; the next call goes on from here"; exit 130' INT

# --- showing work ---

# with_progress TITLE LOG COMMAND...: runs COMMAND without stdin, all its output into LOG.
with_progress() {
  local title=$1 log=$2 began=$SECONDS status=0
  shift 2
  [ -t 2 ] || say "$title ..."
  "$@" </dev/null 2>&1 9>&- | show_lines "$title" "$log" || status=$?
  if [ $status -ne 0 ]; then
    say "$title failed (the whole log: $log)"
    what_matters "$log" | cut -c1-300 | sed 's/^/  | /' >&2
    return 1
  fi
  say "$title: done in $(spell_seconds $((SECONDS - began)))"
}

# Copies stdin to LOG; the newest line is shown after TITLE: at once on a terminal, cut to its
# width, and elsewhere once a minute.
show_lines() {
  local title=$1 log=$2 line width=80 shown=$SECONDS
  if [ -t 2 ]; then
    width=$(tput cols 2>/dev/null || echo 80)
    printf '%s: %s ...' "$stages_program" "$title" >&2
  fi
  width=$((width - ${#stages_program} - ${#title} - 5))
  [ "$width" -gt 0 ] || width=1
  while IFS= read -r line; do
    printf '%s\n' "$line"
    if [ -t 2 ]; then
      printf '\r\033[K%s: %s: %s' "$stages_program" "$title" "${line:0:width}" >&2
    elif [ $((SECONDS - shown)) -ge 60 ]; then
      shown=$SECONDS
      say "$title: ${line:0:width}"
    fi
  done >"$log"
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}

# The lines of a failed stage's log that say why: the first compiler error, or else the end.
what_matters() {
  awk '/^FAILED:|error:|^CMake Error|^E: /{found=1} found && shown++ < 30' "$1" | grep . ||
    tail -n 20 "$1"
}

spell_seconds() {
  if [ "$1" -lt 60 ]; then echo "$1 s"; else echo "$(($1 / 60)) min $(($1 % 60)) s"; fi
}

# --- one at a time ---

# Waits until no other set-up works in this checkout; the turn ends with this process.
take_turn() {
  mkdir -p "$stages_root/build" 2>/dev/null && : 2>/dev/null >>"$stages_root/build/.turn" ||
    fail "$stages_root/build cannot be written, and hob is built there:" \
      "use a checkout that you may write to" || return
  exec 9>>"$stages_root/build/.turn"
  flock --nonblock 9 && return
  say "another set-up is at work here; waiting for it"
  flock 9
}

# --- packages ---

# The packages of packages.txt that are not installed, on one line.
missing_packages() {
  local name unless program
  while read -r name unless program; do
    [ -n "$name" ] && [ "${name:0:1}" != '#' ] || continue
    [ "$unless" = unless ] && serves "$program" && continue
    printf '%s\n' "$name"
  done <"$stages_root/packages.txt" | not_installed | paste -sd ' '
}

not_installed() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
  grep -vxF "${installed:-none}" || true
}

# Whether PROGRAM is there and good enough. A cargo too old for the Cargo.lock, or a rustup without
# a toolchain, is not.
serves() {
  [ "$1" != cargo ] || find_cargo
}

find_cargo() {
  local cargo version
  for cargo in cargo "$HOME/.cargo/bin/cargo" /usr/bin/cargo; do
    version=$("$cargo" --version 2>/dev/null </dev/null | sed -nE 's/^cargo 1\.([0-9]+)\..*/\1/p')
    [ "${version:-0}" -ge 87 ] || continue
    [ "$cargo" = cargo ] || export PATH="${cargo%/*}:$PATH"
    return 0
  done
  return 1
}

install_packages() {
  command -v apt-get dpkg-query >/dev/null || { without_apt; return; }
  local missing as_root=()
  missing=$(missing_packages)
  find_cargo || true
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
    can_sudo || fail "these Debian packages are missing and only root can install them:
  apt-get install --no-install-recommends $missing" || return
  fi
  # shellcheck disable=SC2086  # one word per package
  with_progress "installing $(wc -w <<<"$missing") Debian packages" "$stages_root/build/packages.log" \
    apt_install $missing || return
  find_cargo || fail "cargo does not work although its package is installed"
}

# apt_install PACKAGES...: uses its caller's as_root.
apt_install() {
  local get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120)
  "${get[@]}" update || true  # a source out of reach matters only if it has what is missing
  "${get[@]}" install -y --no-install-recommends "$@"
}

# Whether sudo works: asked for a password on a terminal, never elsewhere.
can_sudo() {
  command -v sudo >/dev/null || return 1
  if [ -t 0 ] && [ -t 2 ]; then sudo -v; else sudo -n true 2>/dev/null; fi
}

# Not Debian: nothing is installed, and what is needed is named where something is plainly missing.
without_apt() {
  local program missing=()
  for program in cmake ninja pkg-config c++ python3; do
    command -v $program >/dev/null || missing+=($program)
  done
  find_cargo || missing+=("cargo 1.87 or newer")
  [ ${#missing[@]} -eq 0 ] || fail "this system has no apt-get, so hob cannot install what it needs.
  Not found: ${missing[*]}. The whole list, by Debian's names, is packages.txt."
}

# --- builds ---

# build_tree NAME TARGET CMAKE-OPTIONS...: brings build/NAME up to date. Its stamp .built is older
# than every source that the build may have missed.
build_tree() {
  local name=$1 target=$2 tree=$stages_root/build/$1
  shift 2
  forget_if_moved "$tree"
  mkdir -p "$tree" && touch "$tree/.begun" || fail "$tree cannot be written" || return
  use_ccache
  if ! [ -f "$tree/build.ninja" ]; then
    with_progress "configuring the $name build" "$stages_root/build/$name-configure.log" \
      cmake --no-warn-unused-cli -S "$stages_root" -B "$tree" -G Ninja -DCARGO="$(command -v cargo)" \
      -DHOB_CARGO_TARGET_DIR="$CARGO_TARGET_DIR" "$@" || return
  fi
  with_progress "building ($name)" "$stages_root/build/$name-build.log" ninja -C "$tree" "$target" || return
  mv "$tree/.begun" "$tree/.built"
}

# CMake refuses a build folder that came here from another place; such a one is made anew.
forget_if_moved() {
  [ -f "$1/CMakeCache.txt" ] || return 0
  grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$stages_root" "$1/CMakeCache.txt" || rm -rf "$1"
}

# Paths relative to the checkout let its clones share what was compiled. Where there can be no
# cache, none is used.
use_ccache() {
  export CCACHE_BASEDIR=$stages_root CCACHE_NOHASHDIR=1
  local folder=${CCACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ccache}
  mkdir -p "$folder" 2>/dev/null || export CCACHE_DISABLE=1
}

# --- the default model ---

# fetch_model [RECORD]: prints the path of the default model, or of RECORD's (tools/RECORD), after
# fetching it where it is not there yet.
fetch_model() {
  "$stages_python" "$stages_root/tools/fetch-model" --record "$stages_root/tools/${1-default-model}"
}
