#!/usr/bin/env bash
# Checks and times a worker on a machine with a GPU, beside PyTorch. That machine needs neither cargo nor a network: only python3,
# best with PyTorch, whose CUDA libraries the worker uses too. In the root of the checkout:
#
#   tests/reference/device.sh prepare [PH2]           here: makes .device, which holds all that the other machine needs
#   tests/reference/device.sh check   WORKER [DATA]   there: is it right, and which kernels run? 5 minutes at most
#   tests/reference/device.sh time    WORKER [DATA]   there: how fast, and how many jobs at once? 7 minutes at most
#
# prepare builds a worker with cuDNN, strips and compresses it to .device/worker.xz, and makes .device/ph2 of the PH2 data set. It
# needs a CUDA build toolkit in ~/.cuda-toolkit (env.sh) or one that is on PATH, and, for PH2, a $PYTHON (python3) with numpy and
# pillow. WORKER is .device/worker.xz or a binary; DATA a folder with images/ and masks/, else synthetic images take its place.
#
# Every stage has a budget, says what it found at once, and does not stop the next one if it fails. What does not fit into $LIMIT
# seconds is listed at the end. $OUT gets report.md, which is what is printed, and raw.tar.gz, rewritten after every stage; each
# call needs an $OUT of its own. $REFERENCE is where device/, bench_torch.py and networks.py are, by default beside this file.
# The exit code is 0 if nothing failed. device/settings.py lists what else can be chosen, such as $DEVICE.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
reference=${REFERENCE:-$here}

fail() {
  echo "error: $1" >&2
  exit 2
}

prepare() {
  local ph2=${1:-} python=${PYTHON:-python3} linked
  [[ -z $ph2 || -d $ph2 ]] || fail "$ph2 is not a folder"
  [[ -z $ph2 ]] || ph2=$(cd "$ph2" && pwd)
  cd "$here/../.."
  [[ -z $ph2 ]] || "$python" -c 'import numpy, PIL' 2>/dev/null ||
    fail "$python has no numpy or no pillow: install them, or set \$PYTHON to one that has both"
  # shellcheck disable=SC1090,SC1091
  [[ -f ~/.cuda-toolkit/env.sh ]] && . ~/.cuda-toolkit/env.sh
  command -v nvcc >/dev/null ||
    fail 'there is no nvcc: run the installer of the CUDA build toolkit (~/.cuda-toolkit/env.sh), or put a toolkit on PATH'
  mkdir -p .device
  exclude
  if [[ -n $ph2 && ! -d .device/ph2 ]]; then
    cargo run --release --locked -p worker -- prepare --format ph2 --data "$ph2" --image-size 256 --out .device/ph2.safetensors
    PYTHONPATH=$here "$python" -m device.export_png .device/ph2.safetensors .device/ph2.part
    mv .device/ph2.part .device/ph2
    rm -f .device/ph2.safetensors*
  fi
  cargo build --release --locked -p worker --features cudnn
  strip -o .device/worker "${CARGO_TARGET_DIR:-target}/release/worker"
  # the worker opens CUDA's libraries itself, so that it starts without them
  linked=$(ldd .device/worker | grep -oE 'lib(cu|nv)[a-zA-Z]*\.so\.[0-9]+' | sort -u | paste -sd ' ' || true)
  [[ -z $linked ]] || fail "the worker does not start without $linked: worker/src/ops/cuda/entries.rs lacks a function that it calls"
  nm -D --defined-only .device/worker | grep -E ' (__cuda|cu[A-Z]|cudnn|cublas|curand|nvrtc)' >&2 &&
    fail "CUDA's libraries would call these functions of the worker instead of their own: hide them in worker/src/ops/cuda/entries.rs"
  echo "worker: $(size .device/worker) stripped, needs $(grep -aoE 'GLIBC_2\.[0-9]+' .device/worker | sort -Vu | tail -1), no CUDA library"
  compress .device/worker
  cp "$here/device.sh" .device/
  echo "worker.xz: $(size .device/worker.xz)"
  echo ".device: $(du -sm .device | cut -f1) MiB, $(find .device -type f | wc -l) files"
  echo "tracked files: $(git ls-files -z | du -cm --files0-from=- | tail -1 | cut -f1) MiB"
}

exclude() { # .device is nobody else's business: it is kept out of git here, not in .gitignore
  local file
  file=$(git rev-parse --git-path info/exclude)
  mkdir -p "$(dirname "$file")"
  grep -qsxF /.device/ "$file" || echo /.device/ >>"$file"
}

size() { awk -v bytes="$(wc -c <"$1")" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }

compress() {
  if command -v xz >/dev/null; then
    xz -9 -f "$1"
  else
    python3 -c 'import lzma, sys; name = sys.argv[1]; lzma.open(name + ".xz", "wb", preset=9).write(open(name, "rb").read())' "$1"
    rm "$1"
  fi
}

case ${1:-} in
prepare) prepare "${@:2}" ;;
check | time)
  [[ $# -ge 2 ]] || fail "usage: $0 $1 WORKER [DATA]"
  command -v python3 >/dev/null || fail 'there is no python3'
  [[ -f $reference/device/__main__.py ]] ||
    fail "no device/ in $reference: set \$REFERENCE to the folder tests/reference of the checkout"
  export PYTHONPATH=$reference${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 REFERENCE=$reference
  exec python3 -m device "$@"
  ;;
*) fail "usage: $0 prepare [PH2] | check WORKER [DATA] | time WORKER [DATA]" ;;
esac
