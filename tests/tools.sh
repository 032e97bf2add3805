# shellcheck shell=bash
#
# What the tests need beside Rust, installed where it is missing. Sourced by tests/run and
# tests/long; everything that isn't a Debian package goes into .tools/ and node_modules/.
#
# Debian packages come from apt-get, as root or through sudo; on other systems they are named and
# the run stops. What is there already is left alone, so that a second run needs no network.

BROTLI_VERSION=1.2.1
FUZZ_VERSION=0.13.2
KOSOKU_VERSION=0.1.0
NODE_VERSION=22.23.3
ZSTANDARD_VERSION=0.25.0

export PATH="$PWD/.tools/bin:$PWD/.tools/venv/bin:$PATH"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

has() { command -v "$1" >/dev/null 2>&1; }

# The last words of a run that can't go on.
stop() {
  echo "$*" >&2
  exit 1
}

# apt COMMAND...: apt-get with the rights that it needs.
apt() {
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >/dev/null
}

# install_debian PACKAGE...
install_debian() {
  has apt-get || stop "missing, and this is not Debian; install what these Debian packages hold: $*"
  [ "$(id -u)" -eq 0 ] || has sudo ||
    stop "missing, and neither root nor sudo is there; install the Debian packages: $*"
  echo "Debian packages: $*"
  apt update
  apt install -y --no-install-recommends "$@"
}

# Chromium where Debian puts it, or where AGNT_CHROMIUM says.
has_chromium() { [ -x "${AGNT_CHROMIUM:-/usr/bin/chromium}" ]; }

need_system() {
  local packages=()
  if ! has cc || ! has c++; then packages+=(build-essential); fi
  has_chromium || packages+=(chromium)
  # The package starts a server of its own where there is an init system; the tests use none of it.
  has redis-server || packages+=(redis-server)
  has node || packages+=(nodejs)
  has npm || packages+=(npm)
  has curl || packages+=(curl)
  has openssl || packages+=(openssl)
  if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    packages+=(python3 python3-venv)
  fi
  [ ${#packages[@]} -eq 0 ] || install_debian "${packages[@]}"
}

need_rust() {
  has cargo || stop "cargo is missing: install Rust by rustup, https://rustup.rs"
  if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    has rustup || stop "rustfmt or clippy is missing: install them with the Rust toolchain"
    rustup component add rustfmt clippy
  fi
}

# Python packages in an environment of their own: the RFC 6455 suite, the libraries that inflate
# what the server compresses, and what examples/ import.
need_python() {
  [ -x .tools/venv/bin/pip ] || python3 -m venv .tools/venv
  .tools/venv/bin/pip install --quiet "kosoku==$KOSOKU_VERSION" "brotli==$BROTLI_VERSION" \
    "zstandard==$ZSTANDARD_VERSION" -r examples/requirements.txt -r tests/tls/requirements.txt
  export AGNT_PYTHON="$PWD/.tools/venv/bin/python"
  export AGNT_KOSOKU="$PWD/.tools/venv/bin/kosoku"
}

# The tests' fake clock is that of Node.js 20.11 and later; a distribution may have an older one.
node_is_new() {
  has node && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 20 || (major === 20 && minor >= 11) ? 0 : 1);'
}

need_node() {
  node_is_new && return
  mkdir -p .tools/node .tools/bin
  npm install --prefix .tools/node --no-audit --no-fund --loglevel=error "node@$NODE_VERSION"
  ln -sf ../node/node_modules/node/bin/node .tools/bin/node
  hash -r
  node_is_new || stop "Node.js 20.11 or later is needed; found: $(node --version)"
}

# need_node_modules FOLDER
need_node_modules() {
  if [ ! -e "$1/node_modules/.package-lock.json" ] ||
    [ "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]; then
    npm ci --prefix "$1" --no-audit --no-fund --loglevel=error
  fi
}

# What reads the descriptions of the protocol: Wireshark, Kaitai, validators of schemas. Behind
# need_python, whose environment it shares.
need_descriptions() {
  has tshark || install_debian tshark
  .tools/venv/bin/pip install --quiet -r tests/descriptions/requirements.txt
  need_node_modules tests/descriptions
}

# What reads the OpenAPI documents, makes clients of them and tries the server by them. Behind
# need_python, whose environment it shares.
need_openapi() {
  .tools/venv/bin/pip install --quiet -r tests/openapi/requirements.txt
  need_node_modules tests/openapi/clients/typescript
}

# What judges the files of deploy/. Behind need_python, whose environment it shares.
need_deploy() { .tools/venv/bin/pip install --quiet -r tests/deploy/requirements.txt; }

# The libraries of the clients beside which a server is changed. Behind need_python, whose environment
# they share.
need_change() { .tools/venv/bin/pip install --quiet -r tests/change/requirements.txt; }

# What the clients of document C import. Behind need_python, whose environment they share.
need_clients() {
  .tools/venv/bin/pip install --quiet -r tests/clients/python/requirements.txt
  need_node_modules tests/clients/node
}

need_fuzz() {
  has cargo-fuzz || cargo install --quiet --locked cargo-fuzz --version "$FUZZ_VERSION" --root .tools
}

# Prometheus and promtool alone, out of the package prometheus: installing that would start a server.
need_prometheus() {
  has promtool && has prometheus && return
  if ! has apt-get || ! has dpkg-deb; then
    stop "promtool or prometheus is missing; the Debian package prometheus holds it"
  fi
  local folder
  folder=$(mktemp -d)
  mkdir -p .tools/bin
  download() { (cd "$folder" && apt-get -qq download -o APT::Sandbox::User=root prometheus); }
  # A machine that is new has no lists of packages yet.
  download 2>/dev/null || { apt update && download; }
  dpkg-deb -x "$folder"/*.deb "$folder"
  mv "$folder/usr/bin/promtool" "$folder/usr/bin/prometheus" .tools/bin/
  rm -rf "$folder"
}

# Runs a command without the variables that only these scripts know: the server, which takes every
# AGNT_ variable for a setting, would warn of them.
without_own_names() {
  env -u AGNT_BIN -u AGNT_LOAD -u AGNT_FORGETFUL -u AGNT_PYTHON -u AGNT_KOSOKU -u AGNT_CHROMIUM "$@"
}

# The folder that cargo builds into, wherever the environment or a configuration puts it.
target_folder() {
  cargo metadata --format-version 1 --no-deps --locked |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'
}
