#!/usr/bin/env bash
# Runs the tests of the operations on CUDA devices without one: the product opens libraries that compute on the CPU in the place of
# the driver, NVRTC and cuDNN.
#
#   tests/reference/emulated_device/run.sh [FILTER]      with a filter: these tests once
#
# Needs the CUDA toolkit to build `--features cudnn`, and g++. Runs everything once; then the convolutions and whole trainings with bias
# and ReLU apart, and with the algorithms refused one after the other, when they are planned and when they are run; at last compiles the
# kernels with the real NVRTC (on LIBRARY_PATH), which needs no device.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
tests=$(cargo test --release --no-run --locked --message-format json -p worker --features cudnn --lib |
  python3 -c 'import json, sys; print([m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable")][-1])')
libraries=$(mktemp -d)
trap 'rm -rf "$libraries"' EXIT
for part in driver cudnn nvrtc; do
  g++ -O2 -fPIC -std=c++17 -c -o "$libraries/$part.o" "$here/$part.cpp"
done
# what else the product may call is never called here, and says so and stops
called() { grep -oE '\b(cu|nvrtc)[A-Za-z0-9]*[A-Z][A-Za-z0-9_]*' worker/src/ops/cuda/entries.rs | grep -v '^cuda' | sort -u; }
defined=$(nm --defined-only --format=just-symbols "$libraries"/*.o)
called | grep -vxF "$defined" | while read -r name; do
  echo "void $name(void) { fprintf(stderr, \"$name is not emulated\\n\"); abort(); }"
done | cat <(printf '#include <stdio.h>\n#include <stdlib.h>\n') - >"$libraries/others.c"
gcc -fPIC -c -o "$libraries/others.o" "$libraries/others.c"
g++ -shared -o "$libraries/device.so" "$libraries"/{driver,cudnn,others}.o -ldl
mkdir "$libraries/emulated" "$libraries/driver"
for name in libcuda.so.1 libcudart.so.13 libcublasLt.so.13 libcublas.so.13 libcurand.so.10 libcudnn.so.9; do ln -s ../device.so "$libraries/emulated/$name"; done
g++ -shared -o "$libraries/emulated/libnvrtc.so.13" "$libraries/nvrtc.o"
# beside the real libraries, a driver that is never called
called | grep -E '^cu[A-Z]' | sed 's/.*/void &(void) {}/' |
  gcc -w -shared -fPIC -o "$libraries/driver/libcuda.so.1" -x c -

run() {
  LD_LIBRARY_PATH=$libraries/emulated EMULATED_DEVICE=$here EMULATED_FOLDER=$libraries "$tests" --test-threads 1 "$@"
}
convolutions=(ops::cuda::tests::convolutions a_device_trains_as_the_cpu_does)
run "${1:-cuda}"
[[ $# == 0 ]] || exit 0
EMULATED_CUDNN=unfused run "${convolutions[@]}"
for moment in planned run; do
  for count in 1 2; do EMULATED_REFUSALS="$count when $moment" run "${convolutions[@]}"; done
  EMULATED_REFUSALS="3 when $moment" run --ignored without_a_deterministic_algorithm
done
LD_LIBRARY_PATH=$libraries/driver:$LIBRARY_PATH "$tests" ops::cuda::tests::kernels_compile
