#!/usr/bin/env bash
# Trubka's one entry point, for people and for CI. `./build.sh help` lists its words.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Every pin that no lock file holds. wasm-bindgen's command must be of exactly the library's version in Cargo.toml.
readonly WASM_PACK=0.15.1
readonly WASM_BINDGEN=0.2.130
readonly GECKODRIVER=0.37.1

# What the optimized wasm may weigh, in bytes.
readonly RAW_BUDGET=1000000
readonly GZIP_BUDGET=366000

readonly TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/trubka"
readonly CARGO_OUT="${CARGO_TARGET_DIR:-target}"
readonly WEB=target/web
readonly WASM="$WEB/wasm/trubka_bg.wasm"
# Debian keeps servers in /usr/sbin, which is not on everybody's way.
PATH="$TOOLS/wasm-bindgen-cli-$WASM_BINDGEN/bin:$TOOLS/wasm-pack-$WASM_PACK/bin:$TOOLS/geckodriver-$GECKODRIVER/bin:$PATH:/usr/sbin"
export PATH

main() {
    local word="${1:-build}"
    [[ $# -eq 0 ]] || shift
    case "$word" in
        setup) setup ;;
        build) build && say "Load dist/chrome or dist/firefox into the browser (see README.md), or try ./build.sh run" ;;
        run) run "$@" ;;
        test) run_tests ;;
        e2e) end_to_end "$@" ;;
        bench) bench ;;
        search) search "$@" ;;
        soak) soak "$@" ;;
        relay) relay ;;
        screenshots) screenshots ;;
        package) package ;;
        icons) icons ;;
        help | -h | --help) help ;;
        *)
            help >&2
            exit 2
            ;;
    esac
}

help() {
    cat <<'END'
Usage: ./build.sh [WORD]

  (no word)         build the extension: dist/chrome and dist/firefox, unpacked and loadable
  run [--headless]  open it in Chromium on the sandbox's CRM page; headless, play a short tour instead
                    (--browser firefox for Firefox)
  test              everything that can be checked: formatting, lints, types, tests natively and in both browsers
  e2e [NAME]        only the tests in both browsers, or those whose name holds NAME, such as killing:: or firefox::
  bench             the benchmarks, beside peers that are installed for them alone (about 10 minutes)
  search MINUTES    the tests that draw at random, with one new seed after another, until one fails or the time is over
  soak MINUTES      lets calls come for so long and says whether memory and database stay flat (--browser firefox)
  relay             the relay, for a server: target/relay/trubka-relay (docs/relay.md)
  screenshots       take the pictures of docs/tour anew, in both browsers
  package           dist/*.zip for the stores
  icons             draw the PNGs of extension/icons anew from their SVGs
  setup             install what the other words need; each of them also does it by itself
  help              this text
END
}

say() { printf '%s\n' "$*"; }

die() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

# ---- What is needed ----------------------------------------------------------------------------------------------

setup() {
    need_build_tools
    need_lints
    need_wasm_pack
    need_browsers
    need_nats
    need_zip
    say "Everything is installed. Next: ./build.sh, ./build.sh run or ./build.sh test"
}

need_build_tools() {
    need_rust
    need_bindgen
    need_node_modules
}

need_rust() {
    command -v cargo >/dev/null || die "Rust is missing: install it from https://rustup.rs and run this again"
    [[ ! -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ]] || return 0
    command -v rustup >/dev/null || die "the wasm32-unknown-unknown target is missing: install rustup from https://rustup.rs"
    quietly "Installing Rust's wasm32 target" rustup target add wasm32-unknown-unknown
}

need_lints() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
    quietly "Installing rustfmt and clippy" rustup component add rustfmt clippy
}

need_bindgen() {
    grep -q "^wasm-bindgen = \"=$WASM_BINDGEN\"" Cargo.toml || die "Cargo.toml does not pin wasm-bindgen to =$WASM_BINDGEN"
    need_cargo_tool wasm-bindgen-cli "$WASM_BINDGEN" wasm-bindgen "about 3 minutes, once"
}

need_wasm_pack() { need_cargo_tool wasm-pack "$WASM_PACK" wasm-pack "about 2 minutes, once"; }

need_cargo_tool() {
    local crate="$1" version="$2" binary="$3" duration="$4"
    local root="$TOOLS/$crate-$version"
    [[ ! -x "$root/bin/$binary" ]] || return 0
    quietly "Installing $crate $version ($duration)" cargo_install "$crate" "$version" "$root"
}

# --locked where it works: some of these crates' lock files name dependencies that can no longer be had.
cargo_install() {
    local install=(cargo install --target-dir "$3/target" --root "$3" --version "=$2" "$1")
    { "${install[@]}" --locked || "${install[@]}"; } && rm -rf "$3/target"
}

need_node_modules() {
    if ! command -v npm >/dev/null; then
        need_packages "Node.js with npm" nodejs npm
    fi
    need_npm_packages .
}

need_browsers() {
    if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
        need_packages "Chromium with chromedriver" chromium chromium-driver chromium-l10n
    fi
    if ! command -v firefox-esr >/dev/null && ! command -v firefox >/dev/null; then
        need_packages "Firefox" firefox-esr
    fi
    need_cargo_tool geckodriver "$GECKODRIVER" geckodriver "about 2 minutes, once"
}

# What several instances of the relay share.
need_nats() { command -v nats-server >/dev/null || need_packages "the NATS server" nats-server; }

# Pages of real React for the tests in browsers, bundled from tests/react.
need_react_pages() {
    local pages=target/lab/react
    need_npm_packages tests/react
    [[ ! -d $pages || -n "$(find tests/react/{bundle.js,src,package-lock.json} -newer $pages)" ]] || return 0
    (cd tests/react && node bundle.js "$OLDPWD/$pages")
}

# The benchmark's pages and the peers on them: each peer in the build that it ships itself.
need_bench_pages() {
    local pages=target/lab/bench modules=bench/page/node_modules
    need_npm_packages bench/page
    mkdir -p $pages
    cp -R bench/page/{*.html,*.css,*.js,peers} $pages
    cp $modules/ringcentral-c2d/build/index.js $pages/ringcentral-c2d.js
    cp $modules/libphonenumber-js/bundle/libphonenumber-min.js $pages/libphonenumber-js.js
    build_wasm trubka-bench $pages/finder
}

need_npm_packages() {
    [[ ! "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ]] || return 0
    quietly "Installing the pinned npm packages of $1" npm --prefix "$1" ci
}

need_zip() { command -v zip >/dev/null || need_packages "zip" zip; }

need_packages() {
    local what="$1"
    shift
    if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
        die "$what is missing: install it (on Debian: apt-get install $*) and run this again"
    fi
    quietly "Installing $what" apt_install "$@"
}

apt_install() {
    apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
}

# Runs a command with its output kept back, and shown when it fails.
quietly() {
    local what="$1" log
    shift
    say "$what…"
    log="$(mktemp)"
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "failed: $what (it needs the network; is there one?)"
    fi
    rm -f "$log"
}

# ---- Build ---------------------------------------------------------------------------------------------------------

build() {
    need_build_tools
    build_wasm trubka "$WEB/wasm"
    check_size
    assemble chrome
    assemble firefox
    say "Built dist/chrome and dist/firefox"
}

# Tests in browsers, the tour and the benchmark start it as it stands beside them.
build_relay() { cargo build --quiet --package trubka-relay "$@"; }

# Makes a package's wasm and its glue in a folder.
build_wasm() {
    local package="$1" folder="$2" name="${1//-/_}"
    local built="$CARGO_OUT/wasm32-unknown-unknown/release/$name.wasm" wasm="$folder/${name}_bg.wasm" input="$folder.input"
    # The paths of this machine's crates would stand in the wasm, in the text of panics.
    RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=" \
        cargo build --quiet --release --target wasm32-unknown-unknown --package "$package" --lib
    if [[ "$wasm" -nt build.sh ]] && cmp -s "$built" "$input"; then
        return
    fi
    rm -rf "$folder"
    mkdir -p "$folder"
    wasm-bindgen --target web --remove-name-section --remove-producers-section --out-dir "$folder" "$built"
    optimize "$wasm"
    cp "$built" "$input"
}

# The features are those that rustc's wasm32-unknown-unknown turns on by default. No inlining: it would save 1 % of the wasm, and
# cost 5 % of what travels, the wasm compressed.
optimize() {
    node_modules/.bin/wasm-opt -Oz --converge --always-inline-max-function-size=0 --flexible-inline-max-function-size=0 \
        --one-caller-inline-max-function-size=0 --enable-bulk-memory --enable-bulk-memory-opt \
        --enable-call-indirect-overlong --enable-multivalue --enable-mutable-globals --enable-nontrapping-float-to-int \
        --enable-reference-types --enable-sign-ext "$1" --output "$1.opt"
    mv "$1.opt" "$1"
}

check_size() {
    local raw gzipped
    raw="$(wc -c <"$WASM")"
    gzipped="$(gzip -9 --no-name --stdout "$WASM" | wc -c)"
    say "wasm: $((raw / 1000)) of $((RAW_BUDGET / 1000)) kB, gzipped $((gzipped / 1000)) of $((GZIP_BUDGET / 1000)) kB"
    ((raw <= RAW_BUDGET && gzipped <= GZIP_BUDGET)) || die "the wasm is over its budget"
}

# Makes dist/<browser> beside the old one and swaps them, so that a browser never loads a half.
assemble() {
    local browser="$1" fresh="dist/.$1"
    rm -rf "$fresh"
    mkdir -p "$fresh/wasm"
    cp -R extension/. "$fresh"
    find "$fresh" \( -name '*.d.ts' -o -path '*/icons/*.svg' \) -delete
    derive_tokens >"$fresh/content/tokens.js"
    cp "$WEB/wasm/trubka.js" "$WASM" "$fresh/wasm"
    derive_manifest "$browser" >"$fresh/manifest.json"
    [[ "$browser" != chrome ]] || derive_managed_schema >"$fresh/managed.json"
    rm -rf "dist/$browser"
    mv "$fresh" "dist/$browser"
}

# Content scripts cannot link a stylesheet of ours without giving it to the page, too: they get the design's tokens as a script.
derive_tokens() {
    node --input-type=module <<'END'
import { readFileSync } from "node:fs";
const css = readFileSync("extension/common/tokens.css", "utf8").replace(/\/\*.*?\*\/\s*/gs, "");
const [usual, ...special] = css.split("@media ");
const valuesIn = (part) => Object.fromEntries([...part.matchAll(/--([\w-]+): ([^;]+);/g)].map(([, name, value]) => [name, value]));
const light = valuesIn(usual);
const dark = { ...light, ...valuesIn(special.find((part) => part.startsWith("(prefers-color-scheme: dark)"))) };
console.log(`const tokens = ${JSON.stringify({ css, light, dark }, null, 2)};`);
END
}

# Each browser gets the one manifest without what only the other knows.
derive_manifest() {
    node --input-type=module - "$1" <<'END'
import { readFileSync } from "node:fs";
const manifest = JSON.parse(readFileSync("manifest.json", "utf8"));
if (process.argv[2] === "chrome") {
  delete manifest.background.scripts;
  delete manifest.browser_specific_settings;
} else {
  delete manifest.background.service_worker;
  delete manifest.minimum_chrome_version;
  manifest.permissions = manifest.permissions.filter((permission) => permission !== "offscreen");
  delete manifest.storage;
}
console.log(JSON.stringify(manifest, null, 2));
END
}

# Chrome takes only what this schema lets through from an administrator: the settings' own, twice, in the words that Chrome knows.
derive_managed_schema() {
    node --input-type=module - <<'END'
import { readFileSync } from "node:fs";
const schema = JSON.parse(readFileSync("docs/settings.schema.json", "utf8"));
function plain(node) {
  if (node.$ref) return { ...plain(schema.$defs[node.$ref.split("/").pop()]), description: node.description };
  const { description, enum: values, properties, items, additionalProperties: others, minimum, maximum } = node;
  const type = node.type ?? (properties ? "object" : typeof (node.const ?? values?.[0]) === "number" ? "integer" : "string");
  return {
    type,
    description,
    ...(values && { enum: values }),
    ...(minimum !== undefined && { minimum }),
    ...(maximum !== undefined && { maximum }),
    ...(items && { items: plain(items) }),
    ...(properties && { properties: Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, plain(value)])) }),
    ...(others && typeof others === "object" && { additionalProperties: plain(others) }),
  };
}
const settings = plain(schema);
for (const key of ["$schema", "version"]) delete settings.properties[key];
const properties = {
  preset: { ...settings, description: "Settings that users start from and may change." },
  locked: { ...settings, description: "Settings that users see and cannot change." },
};
console.log(JSON.stringify({ $schema: "http://json-schema.org/draft-03/schema#", type: "object", properties }, null, 2));
END
}

# ---- Run, bench, package -------------------------------------------------------------------------------------------

run() {
    build
    need_browsers
    [[ -e "$CARGO_OUT/debug/tour" ]] || say "Compiling the sandbox, the relay and the tour (a few minutes, the first time)…"
    build_relay
    cargo run --quiet --package trubka-e2e --bin tour -- "$@"
}

bench() {
    build
    need_browsers
    need_bench_pages
    need_nats
    say "Compiling and running the benchmarks…"
    build_relay --profile relay
    cargo bench --quiet --package trubka-bench --bench event_to_callback
    cargo bench --quiet --package trubka-bench --bench finder
    cargo bench --quiet --package trubka-bench --bench relay --profile relay
    # These lead a browser and measure nothing of their own.
    cargo bench --quiet --package trubka-bench --bench screens --profile dev
    cargo bench --quiet --package trubka-bench --bench page --profile dev
}

end_to_end() {
    build
    need_browsers
    need_nats
    need_react_pages
    build_relay
    cargo test --package trubka-e2e -- "$@"
}

need_minutes() { [[ "$2" =~ ^[1-9][0-9]*$ ]] || die "say for how many minutes: ./build.sh $1 60"; }

# The random tests with one new seed after another.
search() {
    need_minutes search "${1:-}"
    need_rust
    local end=$((SECONDS + 60 * $1)) seed
    while ((SECONDS < end)); do
        seed=$((RANDOM << 15 | RANDOM))
        say "PROPTEST_RNG_SEED=$seed"
        PROPTEST_RNG_SEED=$seed cargo test --quiet --test day --test finder --test fuzz --test properties --test uis ||
            die "failed; PROPTEST_RNG_SEED=$seed ./build.sh test draws the same again"
    done
}

soak() {
    need_minutes soak "${1:-}"
    local minutes="$1"
    shift
    build
    need_browsers
    cargo run --quiet --package trubka-e2e --bin soak -- --minutes "$minutes" "$@"
}

relay() {
    need_rust
    cargo build --profile relay --package trubka-relay
    say "Built $CARGO_OUT/relay/trubka-relay; docs/relay.md says how to run it"
}

screenshots() {
    build
    need_browsers
    cargo run --quiet --package trubka-e2e --bin screenshots
}

package() {
    build
    need_zip
    local browser version
    version="$(node --print 'JSON.parse(fs.readFileSync("manifest.json")).version')"
    for browser in chrome firefox; do
        pack "dist/$browser" "$PWD/dist/trubka-$browser-$version.zip"
    done
    say "Upload them to the stores; ./build.sh test says whether they are fit for it"
}

# The same files give the same bytes: one order, one time, no owners.
pack() {
    local archive="$2"
    rm -f "$archive"
    (
        cd "$1"
        export LC_ALL=C TZ=UTC
        find . -exec touch -t 198001010000 {} +
        find . -type f | sort | sed 's|^\./||' | zip -X -q "$archive" -@
    )
    say "Packed ${archive#"$PWD"/}"
}

# The stores and the browser's own pages want four sizes, the toolbar two.
icons() {
    command -v rsvg-convert >/dev/null || need_packages "rsvg-convert" librsvg2-bin
    local drawing size
    for drawing in extension/icons/*.svg; do
        for size in 16 32 $([[ $drawing != */icon.svg ]] || echo 48 128); do
            rsvg-convert --width "$size" --height "$size" "$drawing" --output "${drawing%.svg}-$size.png"
        done
    done
}

# ---- Test ----------------------------------------------------------------------------------------------------------

passed=0
failed=0

run_tests() {
    need_build_tools
    need_lints
    need_wasm_pack
    need_browsers
    need_nats
    need_react_pages
    local logs
    logs="$(mktemp -d)"
    # shellcheck disable=SC2064 # the folder is known now, and gone later
    trap "rm -rf '$logs'" EXIT

    # What lands is judged by what it changes, not by the luck of a draw: new seeds are for ./build.sh search.
    export PROPTEST_RNG_SEED="${PROPTEST_RNG_SEED:-1}"

    check "build" ./build.sh
    check "build the relay" build_relay
    check "format" cargo fmt --all --check
    check "lints" cargo clippy --quiet --workspace --all-targets -- -D warnings
    check "lints for wasm" cargo clippy --quiet --package trubka --lib --target wasm32-unknown-unknown -- -D warnings
    check "types of the JavaScript" node_modules/.bin/tsc
    suite "native tests" cargo test --workspace --exclude trubka-e2e --no-fail-fast
    suite "wasm tests in Chromium" wasm_tests chrome CHROMEDRIVER chromedriver Chrome
    suite "wasm tests in Firefox" wasm_tests firefox GECKODRIVER geckodriver Firefox
    suite "end to end in both browsers" cargo test --package trubka-e2e

    say "$passed passed, $failed failed"
    ((failed == 0))
}

# A step that is no test of its own: counted only when it fails.
check() {
    local name="$1" log="$logs/log"
    shift
    timed "$name" "$log" "$@" || failed=$((failed + 1))
}

# A step that runs tests: its tests are counted, and a runner that dies or runs none is one failure.
suite() {
    local name="$1" log="$logs/log" status=0 good bad
    shift
    timed "$name" "$log" "$@" || status=1
    read -r good bad < <(count <"$log")
    if ((bad == 0 && (status != 0 || good == 0))); then
        ((status != 0)) || say "  no test ran"
        bad=1
    fi
    say "  $good passed, $bad failed in: $name"
    passed=$((passed + good))
    failed=$((failed + bad))
}

# Sums up the runners' own "test result: ok. 3 passed; 0 failed; …" lines.
count() {
    awk '/^test result: / { for (i = 2; i <= NF; i++) { if ($i == "passed;") p += $(i-1); if ($i == "failed;") f += $(i-1) } }
         END { print p + 0, f + 0 }'
}

# Prints a step's name and duration, and everything it said when it fails.
timed() {
    local name="$1" log="$2" from=$SECONDS status=0
    shift 2
    printf '%s… ' "$name"
    ("$@") >"$log" 2>&1 || status=$?
    if ((status == 0)); then
        say "ok, $((SECONDS - from)) s"
    else
        say "FAILED, $((SECONDS - from)) s"
        cat "$log"
    fi
    return "$status"
}

# With both drivers' variables set, the runner takes Firefox for both: so only one is, and what it says is checked.
wasm_tests() {
    local browser="$1" variable="$2" driver="$3" name="$4" output status=0
    output="$(env -u CHROMEDRIVER -u GECKODRIVER "$variable=$(command -v "$driver")" \
        wasm-pack test --headless "--$browser" --mode no-install 2>&1)" || status=$?
    say "$output"
    [[ "$output" == *"Running headless tests in $name"* ]] || { say "no test ran in $name" && return 1; }
    return "$status"
}

main "$@"
