#!/usr/bin/env bash
# Generates src/splitsweep/wire from the .proto files, with the oldest grpcio that has wheels for the tools' Python
# (3.10 or 3.11):
# stubs of an old version run on newer ones, not the other way round. The result is committed.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" -q install "setuptools<80" grpcio-tools==1.49.1 protobuf==4.21.12
"$work/venv/bin/python" -m grpc_tools.protoc -I ../proto --python_out="$work" --pyi_out="$work" --grpc_python_out="$work" \
    sweep/v1/job.proto sweep/v1/sweeps.proto
out=src/splitsweep/wire
rm "$work/sweep/v1/job_pb2_grpc.py" # it has no service
for file in "$work"/sweep/v1/*; do
    sed 's/^from sweep\.v1 import/from splitsweep.wire import/' "$file" >"$out/$(basename "$file")"
done
