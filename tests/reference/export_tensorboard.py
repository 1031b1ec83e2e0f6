#!/usr/bin/env python3
"""What TensorBoard's own reader makes of `coordinator export tensorboard`: every scalar beside the tables, and the HParams page.

    pip install tensorboard && python3 tests/reference/export_tensorboard.py [target/release/coordinator]
    python3 tests/reference/export_tensorboard.py --record      # the record in coordinator/src/interchange/tensorboard/messages.rs

Without a program it is target/release/coordinator. A simulated sweep is run in a folder that goes afterwards.
"""

import json
import struct
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

from export_sweep import printed, simulated
from servers import free_port, until

sys.path.remove(str(Path(__file__).resolve().parent))

from tensorboard.backend.event_processing import plugin_event_multiplexer, tag_types  # noqa: E402
from tensorboard.compat.proto import event_pb2  # noqa: E402
from tensorboard.plugins.hparams import metadata  # noqa: E402
from tensorboard.summary.writer.record_writer import RecordWriter  # noqa: E402
from tensorboard.util import tensor_util  # noqa: E402


def record():
    """The first record of a file, by TensorBoard's own writer."""

    class File(bytearray):
        write = bytearray.extend

    file = File()
    RecordWriter(file).write(event_pb2.Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
    print(file.hex())


def rounded(number):
    """A number in the 32 bits that TensorBoard's fast loader wants."""
    return struct.unpack("<f", struct.pack("<f", number))[0]


def scalars(runs, run, tag):
    return {event.step: tensor_util.make_ndarray(event.tensor_proto).item() for event in runs.Tensors(run, tag)}


def main():
    if "--record" in sys.argv:
        return record()
    with simulated(sys.argv[1:]) as (folder, command):
        command("export", "tensorboard", "exported", "--out", "runs")
        runs = plugin_event_multiplexer.EventMultiplexer(size_guidance={tag_types.TENSORS: 0})
        runs.AddRunsFromDirectory(str(folder / "runs"))
        runs.Reload()
        jobs = {row["job"]: row for row in printed(command, "jobs")}
        run_of = {
            job: f"{row['architecture']} learning_rate={row['learning_rate']}/split-{row['split_seed']:02}"
            for job, row in jobs.items()
        }
        assert set(runs.Runs()) == {".", *run_of.values()}, set(runs.Runs())
        compared = 0
        for row in printed(command, "measurements"):
            for column in [column for column in row if column.startswith("val_") or column == "train_loss"]:
                found = scalars(runs, run_of[row["job"]], f"epoch/{column}")[row["epoch"]]
                assert found == rounded(row[column]), (row, column, found)
                compared += 1
        for job, row in jobs.items():
            for column in [column for column in row if column.startswith(("val_", "test_")) and row[column] is not None]:
                found = scalars(runs, run_of[job], f"result/{column}")
                assert found == {row["best_epoch"] or row["epochs"]: rounded(row[column])}, (row, column, found)
                compared += 1
            content = runs.SummaryMetadata(run_of[job], metadata.SESSION_START_INFO_TAG).plugin_data.content
            start = metadata.parse_session_start_info_plugin_data(content)
            assert start.group_name == run_of[job].split("/")[0], start
            assert start.hparams["architecture"].string_value == row["architecture"]
            assert start.hparams["learning_rate"].number_value == row["learning_rate"]
            content = runs.SummaryMetadata(run_of[job], metadata.SESSION_END_INFO_TAG).plugin_data.content
            assert metadata.parse_session_end_info_plugin_data(content).status == 1
        content = runs.SummaryMetadata(".", metadata.EXPERIMENT_TAG).plugin_data.content
        experiment = metadata.parse_experiment_plugin_data(content)
        assert [info.name for info in experiment.hparam_infos] == ["architecture", "loss", "learning_rate"], experiment
        check_server(folder / "runs", jobs, run_of)
        groups = hparams_page(runs, folder / "runs")
        assert groups == 4, groups
        print(f"{len(jobs)} runs, {compared} numbers are those of the tables in 32 bits, bit for bit; the HParams page has {groups} session groups")


def check_server(folder, jobs, run_of):
    """What `tensorboard` itself serves, with its fast loader."""
    port = free_port()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", str(port), "--load_fast", "true"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for job, row in jobs.items():
            query = urllib.parse.urlencode({"tag": "result/test_iou", "run": run_of[job]})

            def shown():
                try:
                    url = f"http://127.0.0.1:{port}/data/plugin/scalars/scalars?{query}"
                    return json.loads(urllib.request.urlopen(url).read())
                except OSError:
                    return None

            # until it has read all files
            points = until(f"TensorBoard's points of {run_of[job]}", shown)
            assert [number for _, _, number in points] == [rounded(row["test_iou"])], points
    finally:
        server.terminate()
        server.wait()


def hparams_page(runs, folder):
    """The number of session groups that the HParams plugin itself makes of the files."""
    from tensorboard import context
    from tensorboard.backend.event_processing import data_provider
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    provider = data_provider.MultiplexerDataProvider(runs, str(folder))
    backend = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    ctx = context.RequestContext()
    hparams = backend.hparams_metadata(ctx, "")
    experiment = backend.experiment_from_metadata(ctx, "", True, hparams, [])
    request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=100, allowed_statuses=[api_pb2.STATUS_SUCCESS])
    answer = list_session_groups.Handler(ctx, backend_context=backend, experiment_id="", request=request).run()
    assert all(len(group.sessions) == 3 for group in answer.session_groups), answer
    assert len(experiment.metric_infos) > 0
    return len(answer.session_groups)


if __name__ == "__main__":
    main()
