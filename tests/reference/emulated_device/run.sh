#!/usr/bin/env bash
# Runs the tests of the operations on CUDA devices without one: the product's own code, linked as always, finds libraries that
# compute on the CPU in the place of the driver, NVRTC and cuDNN.
#
#   tests/reference/emulated_device/run.sh [FILTER]      default filter: cuda
#
# Needs the CUDA toolkit to build `--features cudnn`, and g++. Runs once with bias and ReLU inside the convolutions, once without,
# and once compiles the kernels with the real NVRTC (on LIBRARY_PATH), which needs no device.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
tests=$(cargo test --no-run --locked --message-format json -p worker --features cudnn --lib |
  python3 -c 'import json, sys; print([m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable")][-1])')
libraries=$(mktemp -d)
trap 'rm -rf "$libraries"' EXIT
for part in driver cudnn nvrtc; do
  g++ -O2 -fPIC -std=c++17 -c -o "$libraries/$part.o" "$here/$part.cpp"
done
# what else is linked is never called, and says so and stops; but compiled kernels announce themselves at the start
defined=$(nm --defined-only --format=just-symbols "$libraries"/*.o)
nm --dynamic --undefined-only --format=just-symbols "$tests" | sed 's/@.*//' | grep -E '^(__cuda|cu)' |
  grep -vxF "$defined" | while read -r name; do
  [[ $name == __cuda* ]] && echo "void *$name(void) { return 0; }" && continue
  echo "void $name(void) { fprintf(stderr, \"$name is not emulated\\n\"); abort(); }"
done | cat <(printf '#include <stdio.h>\n#include <stdlib.h>\n') - >"$libraries/others.c"
gcc -fPIC -c -o "$libraries/others.o" "$libraries/others.c"
g++ -shared -o "$libraries/device.so" "$libraries"/{driver,cudnn,others}.o -ldl
mkdir "$libraries/nvrtc"
for name in $(readelf --dynamic "$tests" | grep -oE 'lib(cu|nv)[a-zA-Z]*\.so\.[0-9]+'); do
  case $name in
  libnvrtc.*) g++ -shared -o "$libraries/nvrtc/$name" "$libraries/nvrtc.o" ;;
  *) ln -s device.so "$libraries/$name" ;;
  esac
done
mkdir "$libraries/driver" # with the real libraries, one that is never called
nm --dynamic --undefined-only --format=just-symbols "$tests" | grep -E '^cu[A-Z]' | sed 's/.*/void &(void) {}/' |
  gcc -w -shared -fPIC -o "$libraries/driver/libcuda.so.1" -x c -
run() { LD_LIBRARY_PATH=$libraries:$1 EMULATED_DEVICE=$here EMULATED_FOLDER=$libraries "$tests" --test-threads 1 "$2"; }
run "$libraries/nvrtc" "${1:-cuda}"
EMULATED_CUDNN=unfused run "$libraries/nvrtc" "${1:-ops::cuda::tests::conv}"
LD_LIBRARY_PATH=$libraries/driver:$LIBRARY_PATH "$tests" ops::cuda::tests::kernels_compile
