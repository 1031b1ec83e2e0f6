"""The package against real programs."""

import json
import os
import re
import shutil
import sqlite3
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from blake3 import blake3

import splitsweep
from conftest import PROGRAMS, ROOT, SWEEP, Lab, end
from splitsweep.wire import job_pb2, sweeps_pb2

KINDS = ["candidates", "jobs", "measurements", "pairs", "ranks", "effects", "variance", "cases"]


@pytest.fixture(scope="module")
def coordinator(lab, url):
    """A coordinator whose sweep has ended, watched from its beginning."""
    with splitsweep.connect(url) as coordinator:
        submitted = coordinator.submit(lab.write("sweep.yaml", SWEEP), simulated=True)
        assert (submitted.sweep, submitted.jobs) == ("lesions", 20)
        seen = list(coordinator.watch("lesions"))
        assert seen[-1].is_over and seen[-1].succeeded == 20
        assert [p.succeeded for p in seen] == sorted(p.succeeded for p in seen)
        yield coordinator


def same(table, printed):
    """Every fact and every number of a table as the command prints it."""
    expected = json.loads(printed)
    rows = expected.pop("rows")
    assert table.facts == expected
    assert table.rows == rows and [list(row) for row in table] == [list(row) for row in rows]


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_is_that_of_the_command(lab, coordinator, kind):
    printed = lab.run("tables", "--rows", kind, "--format", "json")
    assert len(json.loads(printed)["rows"]) > 0
    same(coordinator.table(kind), printed)
    with splitsweep.open_store(lab.store, lab.program) as store:
        same(store.table(kind), printed)


def test_other_metrics_are_those_of_the_command(lab, coordinator):
    printed = lab.run("tables", "--metrics", "iou,dice", "--format", "json")
    same(coordinator.candidates("lesions", ["iou", "dice"]), printed)


def shows(page, table):
    """Whether a page has the mean and the deviation of each candidate as people see them, in one line of its table."""
    lines = [re.sub(r"<[^>]+>", " ", line) for line in re.findall(r"<tr.*?</tr>", page, re.DOTALL)]
    for row in table:
        mean, sd = (f"{row[name]:.3f}" for name in ("mean", "sd"))
        assert any(re.search(rf"{re.escape(mean)}.*{re.escape(sd)}", line, re.DOTALL) for line in lines), (row, lines)


def test_the_report_has_the_same_numbers(lab, coordinator):
    lab.run("report", "--out", "report", "--replace")
    shows((lab.folder / "report/report.html").read_text(), coordinator.candidates())


def test_the_page_has_the_same_numbers(lab, coordinator):
    process = lab.start("coordinator", "page", str(lab.store), "--page", "127.0.0.1:0")
    try:
        line = next(line for line in process.stderr if "live page: " in line)
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        address = line.split("live page: ")[1].strip()
        browser.open(address).read()  # the code in the address lets the browser in
        overview = browser.open(urllib.parse.urljoin(address, "/sweep/lesions")).read().decode()
        shows(overview, coordinator.candidates())
    finally:
        end(process)


def test_frames_have_every_number(coordinator):
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    for table in (coordinator.candidates(), coordinator.rows()):
        frame = table.to_pandas()
        assert frame.astype(object).where(frame.notna(), None).to_dict("records") == table.rows
        assert isinstance(frame, pandas.DataFrame)
        assert table.to_polars().to_dicts() == table.rows and isinstance(table.to_polars(), polars.DataFrame)


def test_a_store_answers_sql(lab, coordinator):
    with splitsweep.open_store(lab.store) as store:
        assert store.sweeps() == ["lesions"]
        jobs = {row["job"]: row for row in coordinator.rows()}
        for row in store.sql("SELECT job, verdict, best_epoch, test_loss FROM job_results"):
            job = jobs[row["job"]]
            assert (job["verdict"], job["best_epoch"]) == (row["verdict"], row["best_epoch"])
            assert job["test_loss"] == pytest.approx(row["test_loss"], rel=1e-12)
        epochs = store.sql("SELECT * FROM job_epochs ORDER BY job, attempt, epoch")
        expected = sorted(coordinator.measurements(), key=lambda row: (row["job"], row["attempt"], row["epoch"]))
        assert [row["val_iou"] for row in epochs] == pytest.approx([row["val_iou"] for row in expected], rel=1e-12)
        with pytest.raises(splitsweep.SplitsweepError, match="readonly"):
            store.sql("DELETE FROM results")


def test_mistakes_are_named(lab, url, coordinator):
    def says(words, call, *arguments, **named):
        with pytest.raises(splitsweep.SplitsweepError, match=words):
            call(*arguments, **named)

    says("is not a coordinator's address", splitsweep.connect, "head:7070")
    says("not reached", splitsweep.connect, "http://127.0.0.1:1")
    says("needs a token made by `coordinator certs`", splitsweep.connect, "https://127.0.0.1:1")
    says("no sweep is named `other`; there are: lesions", coordinator.rows, "other")
    says("no sweep is named `other`", list, coordinator.watch("other"))
    says("learning_rat", coordinator.submit, lab.write("wrong.yaml", SWEEP.replace("learning_rate", "learning_rat")))
    says("cannot read .*none.yaml", coordinator.submit, lab.folder / "none.yaml")
    with splitsweep.open_store(lab.store, lab.program) as store:
        for source in (coordinator, store):
            says("no job has kept its weights", source.weights, lab.folder / "weights")
    assert not (lab.folder / "weights").exists()
    says("there is no store", splitsweep.open_store, lab.folder / "none.db")
    says("is no store of Splitsweep|cannot be read", splitsweep.open_store, lab.write("text.db", "text" * 1000))
    says("no sweep is named `other`", splitsweep.open_store(lab.store, lab.program).rows, "other")
    says("cannot start", splitsweep.open_store(lab.store, lab.folder / "none").rows)
    token = lab.write("wrong.token", "a token that nobody knows\n")
    token.chmod(0o644)
    says("chmod 600", splitsweep.connect, url, token_file=token)
    token.chmod(0o600)
    says("refuses", splitsweep.connect, url, token_file=token)


@pytest.fixture
def simulated(tmp_path, monkeypatch):
    """A lab of its own with an ended sweep, and its coordinator."""
    lab = Lab(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", lab.environment["XDG_RUNTIME_DIR"])
    with lab.serve() as address, splitsweep.connect(f"http://{address}") as coordinator:
        worker = lab.start("worker", "--coordinator", f"http://{address}", "--simulate", "1ms", "--slots", "4")
        try:
            submitted = coordinator.submit(lab.write("sweep.yaml", SWEEP), simulated=True)
            assert (submitted.new, submitted.hidden) == (20, 0)
            list(coordinator.watch("lesions"))
            yield lab, coordinator
        finally:
            end(worker)


def test_a_smaller_grid_says_what_it_hides(simulated):
    lab, coordinator = simulated
    smaller = coordinator.submit(lab.write("sweep.yaml", SWEEP.replace("unet, unet2", "unet")), simulated=True)
    assert (smaller.jobs, smaller.succeeded, smaller.hidden) == (10, 10, 10)
    assert (smaller.retried, smaller.running, smaller.waiting, smaller.new, smaller.unknown) == (0, 0, 0, 0, 0)


def test_the_sweep_without_a_name_is_the_last(simulated):
    lab, coordinator = simulated
    coordinator.submit(lab.write("newer.yaml", SWEEP.replace("lesions", "newer")), simulated=True)
    seen = list(coordinator.watch())
    assert {progress.sweep for progress in seen} == {"newer"} and seen[-1].is_over
    assert coordinator.candidates().facts["sweep"] == "newer"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_file_is_text_in_all_encodings_of_the_command(simulated, encoding):
    lab, coordinator = simulated
    path = lab.folder / "sweep.yaml"
    path.write_bytes(SWEEP.encode(encoding))
    assert coordinator.submit(path, simulated=True).succeeded == 20
    path.write_bytes("# Größe\n".encode("latin-1"))
    with pytest.raises(splitsweep.SplitsweepError, match="cannot read"):
        coordinator.submit(path)


def test_a_sweep_that_was_deleted_is_not_named(simulated):
    lab, coordinator = simulated
    newer = SWEEP.replace("lesions", "newer").replace("epochs: 3", "epochs: 4")
    coordinator.submit(lab.write("newer.yaml", newer), simulated=True)
    list(coordinator.watch("newer"))
    with splitsweep.open_store(lab.store) as store:
        count = "SELECT count(*) AS jobs FROM job_results"
        assert (store.sweeps(), store.sql(count)) == (["lesions", "newer"], [{"jobs": 40}])
        lab.run("delete", "lesions", "--yes")
        assert (store.sweeps(), store.sql(count)) == (["newer"], [{"jobs": 20}])
        coordinator.submit(lab.folder / "sweep.yaml", simulated=True)
        assert store.sweeps() == ["newer", "lesions"]


def test_a_store_is_read_where_nothing_can_be_written(simulated):
    lab, _ = simulated
    count = "SELECT count(*) AS facts FROM journal WHERE fact = 'succeeded'"
    with tempfile.TemporaryDirectory() as folder:
        # whole, and as a crash leaves it
        whole, crashed = Path(folder) / "whole.db", Path(folder) / "crashed.db"
        with sqlite3.connect(lab.store) as source:
            source.execute("VACUUM INTO ?", [str(whole)])
            shutil.copy(lab.store, crashed)
            shutil.copy(f"{lab.store}-wal", f"{crashed}-wal")
        with sqlite3.connect(whole) as copy:
            assert copy.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
        copy.close()
        assert not whole.with_name("whole.db-wal").exists()
        for path in Path(folder).iterdir():
            path.chmod(0o444)
        os.chmod(folder, 0o555)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)  # root may write everywhere
        try:
            for path in (whole, crashed):
                with splitsweep.open_store(path) as store:
                    assert store.sql(count) == [{"facts": 20}]
            assert len(list(Path(folder).iterdir())) == 3, "nothing was made"
        finally:
            if is_root:
                os.seteuid(0)
            os.chmod(folder, 0o755)


def test_weights_that_arrive_torn_are_refused(coordinator, tmp_path, monkeypatch):
    job = "ab" * 16
    kept = job_pb2.KeptWeights(hash=blake3(b"weights").hexdigest()[:32], bytes=7)

    def sent(*pieces):
        first = sweeps_pb2.WeightsResponse(job=job, weights=kept)
        stream = [first, *(sweeps_pb2.WeightsResponse(piece=piece) for piece in pieces)]
        monkeypatch.setattr(coordinator._calls, "Weights", lambda *_, **__: iter(stream))
        return coordinator.weights(tmp_path / "out")

    for torn in ([b"weigh"], [b"weigh", b"tz"]):
        with pytest.raises(splitsweep.SplitsweepError, match=f"of job {job} did not arrive whole"):
            sent(*torn)
    assert not (tmp_path / "out").exists()
    [path] = sent(b"wei", b"ghts")
    assert path.read_bytes() == b"weights"


def test_tls_is_checked_before_the_token_leaves(tmp_path):
    lab = Lab(tmp_path)
    lab.run("certs", "certs")
    with lab.serve("--certs", "certs") as address:
        url = f"https://{address}"
        with splitsweep.connect(url, lab.folder / "certs/reader.token") as coordinator:
            assert coordinator.status() == []
            with pytest.raises(splitsweep.SplitsweepError, match="refuses"):
                coordinator.submit(lab.write("sweep.yaml", SWEEP), simulated=True)
        lab.run("certs", "others")
        with pytest.raises(splitsweep.SplitsweepError, match="is not the one that the token names"):
            splitsweep.connect(url, lab.folder / "others/reader.token")
        with pytest.raises(splitsweep.SplitsweepError, match="begins with https"):
            splitsweep.connect(f"http://{address}", lab.folder / "certs/reader.token")


def test_weights_are_those_of_the_command(tmp_path, monkeypatch):
    """A real sweep, as small as can be."""
    lab = Lab(tmp_path)
    sweep = SWEEP.replace("unet, unet2", "unet").replace("split_seeds: 5", "split_seeds: 1").replace("epochs: 3", "epochs: 1")
    lab.write("sweep.yaml", sweep + "artifacts: {weights: best}\n")
    lab.run("--sweep", "sweep.yaml", "--local-workers", "1", "--listen", "127.0.0.1:0")
    lab.run("weights", "--out", "expected")
    expected = {path.name: path.read_bytes() for path in (lab.folder / "expected").iterdir()}
    assert len(expected) == 2
    monkeypatch.setenv("XDG_RUNTIME_DIR", lab.environment["XDG_RUNTIME_DIR"])
    with lab.serve() as address, splitsweep.connect(f"http://{address}") as coordinator:
        paths = coordinator.weights(lab.folder / "sent")
    assert {path.name: path.read_bytes() for path in paths} == expected
    assert {path.name for path in (lab.folder / "sent").iterdir()} == set(expected)


def test_the_stubs_are_those_of_the_proto_files():
    """generate.sh was run after the last change: the committed description of the wire has the same messages and calls."""
    from google.protobuf import descriptor_pb2

    committed = descriptor_pb2.FileDescriptorSet.FromString((ROOT / "proto/src/gen/sweep.v1.bin").read_bytes())
    expected = {file.name: file for file in committed.file}
    for module in (job_pb2, sweeps_pb2):
        mine = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(mine)
        theirs = expected[mine.name]
        theirs.ClearField("source_code_info")
        for message in [*mine.message_type, *theirs.message_type]:
            for field in message.field:
                field.ClearField("json_name")
        assert mine == theirs, f"{mine.name}: run python/generate.sh"
    assert PROGRAMS.is_dir() and Path(splitsweep.__file__).with_name("py.typed").is_file()
