"""The worker's short runs once more in PyTorch, from the same weights on the same batches; the losses are compared."""

import json
import sys
import time

from device.session import json_lines
from device.settings import NETWORKS, PRECISIONS, RAW, SHORT
from device.torch_bench import bench, first_line

END = time.monotonic() + float(sys.argv[1]) - 5
# Seconds that a run may take, mostly to choose algorithms; none is begun with less time left.
NEED = 12
# What rounding alone makes of the first and of the last loss; SegNet's positions of maxima, and Adam's division, enlarge it.
LIMITS = {"f32": (2e-5, 2e-2), "tf32": (5e-4, 3e-2), "bf16": (1e-2, 8e-2)}


def compare(network, precision):
    ours = json_lines((RAW / f"short_{network}_{precision}.out").read_text())[-1]
    theirs = bench(network, precision, SHORT, "channels_last", RAW / f"{network}.safetensors")
    pairs = [(ours[key], theirs[key]) for key in ("first_loss", "last_loss")]
    apart = [abs(our - their) / abs(their) for our, their in pairs]
    # losses that are not numbers are not the same either
    same = all(found <= limit for found, limit in zip(apart, LIMITS[precision]))
    return {"pairs": pairs, "apart": apart, "same": same, "step_ms": theirs["step_ms"]}


def main():
    for precision in PRECISIONS:
        for network in NETWORKS:
            if time.monotonic() + NEED > END:
                found = {"left_out": "no time"}
            elif (RAW / f"{network}.safetensors").exists():
                try:
                    found = compare(network, precision)
                except Exception as error:  # one that fails does not stop the others
                    found = {"error": first_line(error)}
            else:
                found = {"left_out": "the worker did not run"}
            print(json.dumps({"network": network, "precision": precision, **found}), flush=True)


main()
