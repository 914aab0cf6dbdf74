# `just` lists the recipes. A recipe that needs root says so, and so does its error.

set positional-arguments

# List the recipes.
default:
    @just --list --unsorted

# Format the code.
fmt:
    cargo fmt --all
    cargo fmt --manifest-path dhcp/kea/Cargo.toml

# Lint the code; a warning is an error. The first time it fetches ruff, for the Python of the tests.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    .ci/ruff

# Run the tests; those that need root are skipped without it.
test:
    cargo test --workspace --locked

# Renew the generated parts of documents, and appliance/openapi.json.
docs:
    UPDATE_GOLDEN=1 cargo test --locked -p transload documents
    UPDATE_GOLDEN=1 cargo test --locked -p transload openapi

# Simulate phones against the decisions; `just sim 1000 42` takes 1,000 phones and seed 42.
sim phones="20000" seed="":
    TRANSLOAD_PHONES={{phones}} {{ if seed == "" { "" } else { "TRANSLOAD_SEED=" + seed } }} \
        cargo test --release --locked -p transload-provision --test simulation

# Rehearse all scenarios against virtual phones.
rehearse *arguments:
    cargo run --release --locked -- rehearse --scenario all "$@"

# Run end-to-end cases, or some: `just e2e -k disk`. Needs root on Debian, and the packages that .ci/run installs.
e2e *arguments: _root
    cargo build --release --locked
    TRANSLOAD="${CARGO_TARGET_DIR:-target}/release/transload" /usr/bin/python3 -m pytest tests/cases -n 3 "$@"

# Build the Raspberry Pi's image and test it emulated, for hours. Needs root on Debian 12, and what .ci/long installs for it.
image: _root
    appliance/packaging/build-image pi
    /usr/bin/python3 -m pytest tests/image.py -v -s

# Run the benchmarks on a machine that does nothing else. Needs root, kea-admin, kea-dhcp4-server, dnsmasq-base, tftpd-hpa, nginx-light.
bench: _root
    cargo build --release --locked
    TRANSLOAD="${CARGO_TARGET_DIR:-target}/release/transload" python3 tests/benchmarks/dhcp.py
    TRANSLOAD="${CARGO_TARGET_DIR:-target}/release/transload" python3 tests/benchmarks/tftp.py
    TRANSLOAD="${CARGO_TARGET_DIR:-target}/release/transload" python3 tests/benchmarks/http.py --rounds 5

_root:
    @[ "$(id -u)" = 0 ] || { echo "this recipe needs root; run it with sudo" >&2; exit 1; }
