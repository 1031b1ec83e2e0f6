#!/usr/bin/env bash
# Checks and times a worker on a machine with a GPU, beside PyTorch. Needs neither cargo nor a network: only python3 with PyTorch,
# whose CUDA libraries the worker uses too. Run it in the repository's root:
#
#   tests/reference/device.sh WORKER [PH2]
#
# WORKER is a binary built with `--features cudnn`; PH2 the folder of the data set, else synthetic images take its place.
# The report, in Markdown, goes to the standard output and all raw lines to $OUT (default: a temporary folder). Timed runs alternate,
# and what no longer fits into $LIMIT seconds (default 560) is left out and named.
set -uo pipefail
worker=$(realpath "${1:?usage: $0 WORKER [PH2]}")
data=${2:-}
out=${OUT:-$(mktemp -d)}
limit=${LIMIT:-560}
steps=${STEPS:-60}
mkdir -p "$out"
chmod +x "$worker" 2>/dev/null

libraries=$(python3 - <<'PYTHON'
import importlib.util, pathlib
spec = importlib.util.find_spec("nvidia")
folders = [pathlib.Path(place) for place in spec.submodule_search_locations] if spec else []
print(":".join(sorted({str(lib.parent) for folder in folders for lib in folder.glob("*/lib/*.so*")})))
PYTHON
)
export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

# Runs a command if there is time left, for at most $1 seconds; its output and errors are kept as $2.
attempt() {
  local seconds=$1 name=$2
  shift 2
  if ((SECONDS + seconds > limit)); then
    echo "left out, no time: $name" >>"$out/left_out"
    return 1
  fi
  timeout "$seconds" "$@" >"$out/$name.out" 2>"$out/$name.err" && return 0
  local status=$?
  echo "status $status: $name: $(tail -n 1 "$out/$name.err")" >>"$out/left_out"
  return $status
}

echo "# $(date -u +%FT%TZ)"
echo
echo '```text'
nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,memory.total --format=csv,noheader
python3 -c 'import torch; print("PyTorch", torch.__version__, "CUDA", torch.version.cuda, "cuDNN", torch.backends.cudnn.version())'
"$worker" --version
missing=$(ldd "$worker" | grep 'not found')
[[ -n $missing ]] && echo "$missing"
echo '```'
echo
echo '## Self-test'
echo
attempt 120 selftest "$worker" selftest --device cuda:0 && echo passed || echo "**failed**"
echo
echo '```text'
cat "$out"/selftest.{out,err} | tail -n 40
echo '```'

job() { # architecture precision
  local dataset='dataset: {name: blobs, format: synthetic, image_size: 256, cases: 200, seed: 1}'
  local split='split: {train: 100, validation: 50, test: 50}'
  [[ -n $data ]] && dataset='dataset: {name: ph2, format: ph2, image_size: 256}'
  local name="job_$1_$2"
  cat >"$out/$name.yaml" <<YAML
$dataset
$split
model: {width: 64}
training: {epochs: 40, batch_size: 10, precision: $2}
objective: {metric: iou, subset: test, epoch: best}
architecture: $1
loss: bce
learning_rate: 1.0e-3
split_seed: 0
YAML
  local start=$EPOCHREALTIME
  attempt 150 "$name" "$worker" train --job "$out/$name.yaml" --device cuda:0 ${data:+--data "ph2=$data"} || return
  python3 - "$1, $2" "$start" "$EPOCHREALTIME" "$out/$name.out" <<'PYTHON'
import json, sys
name, start, end, path = sys.argv[1:]
result = json.load(open(path))
known = ("verdict", "epochs", "best_epoch", "train_seconds", "device")
print(f"| {name} | {float(end) - float(start):.2f} |", " | ".join(str(result.get(key, "")) for key in known), "|")
PYTHON
}
echo
echo '## Whole jobs: 40 epochs of 100 images, with start, data and evaluation'
echo
echo '| network, precision | wall, s | verdict | epochs | best epoch | training, s | device |'
echo '|---|---|---|---|---|---|---|'
for precision in tf32 bf16 f32; do
  job unet2 "$precision"
  job segnet "$precision"
done

bench() { # who round architecture precision mode
  local who=$1 name="bench_$3_$4_$1_$5_$2"
  local flags=(--architecture "$3" --image-size 256 --batch-size 10 --width 64 --device cuda:0 --precision "$4" --steps "$steps" --json)
  case $who in
  worker) attempt 40 "$name" "$worker" bench "${flags[@]}" ;;
  pytorch) attempt "$([[ $5 == compile ]] && echo 120 || echo 40)" "$name" \
    python3 tests/reference/bench_torch.py "${flags[@]}" --mode "$5" ;;
  esac
}
for round in 1 2; do
  for precision in bf16 tf32 f32; do
    for architecture in unet2 unet segnet; do
      bench worker "$round" "$architecture" "$precision" own
      bench pytorch "$round" "$architecture" "$precision" channels_last
      [[ $round == 1 ]] && bench pytorch "$round" "$architecture" "$precision" eager
    done
  done
done
for precision in bf16 tf32; do
  for architecture in unet2 unet segnet; do
    bench pytorch 1 "$architecture" "$precision" compile
    bench worker 3 "$architecture" "$precision" own
  done
done

echo
echo '## Steps: UNet2, UNet and SegNet of width 64, 256 px, batch 10'
python3 - "$out" <<'PYTHON'
import json, pathlib, statistics, sys

runs = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("bench_*.out")):
    lines = [line for line in path.read_text().splitlines() if line.startswith("{")]
    if not lines:
        continue
    architecture, precision, who, mode, _ = path.stem.removeprefix("bench_").rsplit("_", 1)[0].split("_", 3) + [None]
    runs.setdefault((architecture, precision, f"{who} {mode}"), []).append(json.loads(lines[-1]))
# every number that a run reports is a column; of several runs the median
keys = sorted({key for found in runs.values() for run in found for key, value in run.items() if type(value) in (int, float)})
print("\n| network | precision | by | runs |", " | ".join(keys), "|")
print("|---|---|---|---|" + "---|" * len(keys))
for (architecture, precision, who), found in sorted(runs.items()):
    def cell(key):
        values = [run[key] for run in found if type(run.get(key)) in (int, float)]
        return f"{statistics.median(values):.6g}" if values else ""
    print(f"| {architecture} | {precision} | {who} | {len(found)} |", " | ".join(map(cell, keys)), "|")
PYTHON
echo
echo '## Left out'
echo
cat "$out/left_out" 2>/dev/null || echo nothing
echo
echo "$SECONDS s in all; raw output in $out"
