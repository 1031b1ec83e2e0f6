"""A worker in another language, from the .proto files alone: it plays a worker's whole life and checks each answer against what the
files promise.

    python3 tests/reference/peer.py target/release/coordinator      # needs grpcio-tools, grpcio-health-checking

It starts a coordinator of its own, with a token, on a free port, and ends with 0 if all is as promised.
"""

import json
import re
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_tools import protoc

from sweeps import one

PROTO = Path(__file__).resolve().parents[2] / "proto"
FILES = ["sweep/v1/job.proto", "sweep/v1/fleet.proto", "sweep/v1/sweeps.proto"]

folder = tempfile.TemporaryDirectory()
made = protoc.main(["", f"-I{PROTO}", f"--python_out={folder.name}", f"--grpc_python_out={folder.name}", *FILES])
assert made == 0, "protoc"
sys.path.insert(0, folder.name)
from sweep.v1 import fleet_pb2 as fleet, fleet_pb2_grpc, job_pb2 as job, sweeps_pb2 as sweeps, sweeps_pb2_grpc  # noqa: E402


def refused(code, call, *arguments, **keywords):
    """Checks that a call ends with that code."""
    try:
        answer = call(*arguments, **keywords)
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()} instead of {code}: {error.details()}"
        return error.details()
    raise AssertionError(f"{code} is due, but the answer is {answer}")


class Worker:
    """What a simulated worker says."""

    def __init__(self, channel, token):
        self.stub, self.metadata = fleet_pb2_grpc.FleetStub(channel), [("authorization", f"Bearer {token}")]
        self.id = secrets.token_hex(16)

    def register(self, versions=(1, 1)):
        request = fleet.RegisterRequest(worker=self.id, name="peer", slots=1, simulated=True)
        request.protocol_min, request.protocol_max = versions
        return self.stub.Register(request, metadata=self.metadata)

    def synchronize(self, **fields):
        return self.stub.Synchronize(fleet.SynchronizeRequest(worker=self.id, **fields), metadata=self.metadata, timeout=60)

    def complete(self, lease, **fields):
        return self.stub.Complete(fleet.CompleteRequest(worker=self.id, lease=lease, **fields), metadata=self.metadata)


def measurement(epoch):
    return job.Measurement(epoch=epoch, train_loss=0.5, validation=job.Scores(loss=0.5, iou=0.5), seconds=epoch)


def result(spec):
    """Made up, but as large as the specification wants it."""
    sizes, counts = spec["split"], lambda cases: [n for case in cases for n in (case, 1, 2, 3, 4)]
    first, last = sizes["validation"], sizes["validation"] + sizes["test"]
    return job.JobResult(
        verdict=job.VERDICT_TRAINED, epochs=spec["training"]["epochs"], best_epoch=1, train_seconds=0.1, device="python",
        validation=job.Evaluation(loss=0.5, counts=counts(range(first))),
        test=job.Evaluation(loss=0.5, counts=counts(range(first, last))),
    )


def live(address, token):
    Code, bearer = grpc.StatusCode, [("authorization", f"Bearer {token}")]
    channel, stranger = grpc.insecure_channel(address), Worker(grpc.insecure_channel(address), "wrong")
    control, worker = sweeps_pb2_grpc.SweepsStub(channel), Worker(channel, token)

    health = health_pb2_grpc.HealthStub(channel)
    for name in ["", "sweep.v1.Fleet", "sweep.v1.Sweeps"]:
        assert health.Check(health_pb2.HealthCheckRequest(service=name)).status == health_pb2.HealthCheckResponse.SERVING

    refused(Code.UNAUTHENTICATED, stranger.register)
    assert "1" in refused(Code.FAILED_PRECONDITION, worker.register, versions=(2, 3))
    refused(Code.FAILED_PRECONDITION, worker.synchronize)
    refused(Code.INVALID_ARGUMENT, control.Submit, sweeps.SubmitRequest(file="x", text="sweep: ["), metadata=bearer)
    long = sweeps.SubmitRequest(file="x", text="#" * (16 << 20))
    refused(Code.OUT_OF_RANGE, control.Submit, long, metadata=bearer)
    submitted = control.Submit(sweeps.SubmitRequest(file="peer.yaml", text=one("peer", 3), simulated=True), metadata=bearer)
    assert (submitted.sweep, submitted.jobs) == ("peer", 3)

    registered = worker.register()
    assert registered.protocol == 1 and registered.lease_ms == 30_000

    # takes a job; is told of it again as long as it does not list it
    answer = worker.synchronize(free_slots=1)
    [first], again = answer.assignments, worker.synchronize().assignments
    assert list(again) == [first] and answer.next_ms * 3 == registered.lease_ms
    lease, spec = first.lease, json.loads(first.spec)
    assert spec["trainer"] == "simulated" and lease.attempt == 1

    # measures; what is of a lease that is not listed is dropped
    measured = [fleet.AttemptMeasurements(lease=lease, measurements=[measurement(1)])]
    assert not worker.synchronize(held=[lease], measurements=measured).stops
    unlisted = [fleet.AttemptMeasurements(lease=lease, measurements=[measurement(2)])]
    worker.synchronize(measurements=unlisted)
    table = b"".join(p.text for p in control.Tables(sweeps.TablesRequest(rows="measurements", format="csv"), metadata=bearer))
    assert len(table.splitlines()) == 1 + 1, table

    # completes; what cannot be is refused, what is said twice is answered twice, what is another's changes nothing
    impossible = result(spec)
    impossible.epochs = 1000
    refused(Code.INVALID_ARGUMENT, worker.complete, lease, succeeded=impossible)
    forged = job.Lease(job=lease.job, attempt=lease.attempt, token="0" * 32)
    assert worker.complete(forged, succeeded=result(spec)).status == fleet.COMPLETE_STATUS_STALE_LEASE
    done = worker.complete(lease, succeeded=result(spec), measurements=[measurement(2)], free_slots=1)
    [second] = done.assignments
    repeated = worker.complete(lease, succeeded=result(spec), free_slots=1)
    assert done.status == repeated.status == fleet.COMPLETE_STATUS_RECORDED and not repeated.assignments
    assert list(worker.synchronize(held=[lease, second.lease]).stops) == [lease]

    # drains: what it does not list is given back, and nobody assigns it anything
    assert not worker.synchronize(draining=True).assignments
    assert not worker.synchronize(free_slots=0).assignments
    for view in control.Watch(sweeps.StatusRequest(sweep="peer"), metadata=bearer, timeout=60):
        if view.sweeps[0].succeeded == 1 and view.sweeps[0].queued == 2:
            break

    # another life ends the sweep
    other = Worker(channel, token)
    other.register()
    queue = list(other.synchronize(free_slots=1).assignments)
    for assignment in queue:
        outcome = result(json.loads(assignment.spec))
        queue += other.complete(assignment.lease, succeeded=outcome, free_slots=1).assignments
    assert next(a.lease.attempt for a in queue if a.lease.job == second.lease.job) == 2
    table = b"".join(p.text for p in control.Tables(sweeps.TablesRequest(rows="jobs", format="csv"), metadata=bearer))
    assert table.count(b",succeeded,") == 3, table
    print("peer: a worker's life is as the .proto files promise it")


def main():
    path = Path(folder.name)
    token = secrets.token_urlsafe()
    (path / "token").touch(mode=0o600)
    (path / "token").write_text(token + "\n")
    command = [Path(sys.argv[1]).resolve(), "serve", "--listen", "127.0.0.1:0", "--token-file", "token"]
    with subprocess.Popen(command, cwd=path, stderr=subprocess.PIPE, text=True) as coordinator:
        try:
            said = iter(coordinator.stderr.readline, "")
            address = next(found[1] for line in said if (found := re.match(r"listening on ([^, ]+)", line)))
            live(address, token)
        finally:
            coordinator.terminate()


main()
