"""Whole jobs at once on the device: python3 -m device.jobs NETWORK PRECISION COUNT [DATA]"""

import json
import os
import subprocess
import sys
import threading
import time

from device import machine
from device.settings import BATCH, DEVICE, EPOCHS, RAW, SIZE, WIDTH, WORKER, worker_environment

JOB = """\
dataset: {dataset}
split: {{train: 100, validation: 50, test: 50}}
model: {{width: {width}}}
training: {{epochs: {epochs}, batch_size: {batch}, precision: {precision}}}
objective: {{metric: iou, subset: test, epoch: best}}
architecture: {network}
loss: bce
learning_rate: 1.0e-3
split_seed: 0
"""
SYNTHETIC = "{{name: blobs, format: synthetic, image_size: {size}, cases: 200, seed: 1}}"
FOLDER = "{{name: images, format: folder, image_size: {size}}}"


class Sampler:
    """The most memory (MiB), clock (MHz) and power (W) of the device, asked ten times a second."""

    def __init__(self):
        self.most = None
        self.child = None
        program = machine.tool("nvidia-smi")
        if program:
            query = ["--query-gpu=memory.used,clocks.sm,power.draw", "--format=csv,noheader,nounits", "-lms", "100"]
            self.child = subprocess.Popen([program, *query], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self.thread = threading.Thread(target=self.read, daemon=True)
            self.thread.start()

    def read(self):
        for line in self.child.stdout:
            # what is not known is [N/A]
            sample = [float(field) if field[:1].isdigit() else 0.0 for field in map(str.strip, line.split(","))]
            self.most = [max(pair) for pair in zip(sample, self.most or sample)]

    def stop(self):
        if self.child:
            self.child.terminate()
            self.thread.join(2)
        return self.most


def main():
    network, precision, count, *data = sys.argv[1:]
    count = int(count)
    dataset = (FOLDER if data else SYNTHETIC).format(size=SIZE)
    text = JOB.format(dataset=dataset, width=WIDTH, epochs=EPOCHS, batch=BATCH, precision=precision, network=network)
    file = RAW / f"job_{network}_{precision}.yaml"
    file.write_text(text)
    command = [WORKER, "train", "--job", str(file), "--device", DEVICE, *(["--data", f"images={data[0]}"] if data else [])]
    environment = worker_environment()
    if count > 1:
        environment["RAYON_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // count))
    sampler = Sampler()
    start = time.monotonic()
    jobs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    answers = [job.communicate()[0] for job in jobs]
    wall, most = time.monotonic() - start, sampler.stop()
    if any(job.returncode for job in jobs):
        sys.exit(f"{sum(job.returncode != 0 for job in jobs)} of {count} jobs failed")
    result = json.loads(answers[0])
    known = {key: result.get(key) for key in ("train_seconds", "verdict", "epochs", "objective")}
    # the same job has the same result, whoever computes beside it
    same = len({json.dumps({**json.loads(answer), "train_seconds": 0}, sort_keys=True) for answer in answers}) == 1
    about = {"network": network, "precision": precision, "at_once": count}
    print(json.dumps({**about, "wall": wall, "most": most, "same": same, **known}))


main()
