#!/bin/sh
# Runs proto/tests/bucket.rs against moto, a server that speaks S3's language: pip install 'moto[server,s3]'.
# Usage: MOTO=/path/to/moto_server tests/reference/bucket.sh
set -eu
PORT=${PORT:-15000}
"${MOTO:-moto_server}" -H 127.0.0.1 -p "$PORT" >/dev/null 2>&1 &
SERVER=$!
trap 'kill $SERVER' EXIT
export AWS_ENDPOINT="http://127.0.0.1:$PORT" AWS_ALLOW_HTTP=true AWS_REGION=us-east-1
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
until curl -s -o /dev/null -X PUT "$AWS_ENDPOINT/test"; do sleep 0.2; done
SPLITSWEEP_TEST_BUCKET=s3://test/folder ${CARGO:-cargo} test --release -p proto --features cloud --test bucket "$@"
