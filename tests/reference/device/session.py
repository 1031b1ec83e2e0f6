"""A run of stages. Each has a budget, and if it fails the next one runs all the same."""

import json
import os
import signal
import subprocess
import tarfile
import time
import traceback

from device.tables import lines, table

# The archive must stay below 16 MiB.
MOST_ARCHIVE = 15 << 20


class Ran:
    """A stage that has ended: `status` is its exit code, or None if it ran past its budget."""

    def __init__(self, name, status, seconds, out, err):
        self.name, self.status, self.seconds, self.out, self.err = name, status, seconds, out, err

    @property
    def ok(self):
        return self.status == 0

    @property
    def text(self):
        return self.out.read_text(errors="replace")

    @property
    def errors(self):
        return self.err.read_text(errors="replace")

    @property
    def found(self):
        """The lines of JSON that it printed, also if it failed later."""
        return json_lines(self.text)

    @property
    def end(self):
        if self.status is None:
            return f"stopped after {self.seconds:.0f} s, its budget"
        if self.status < 0:
            return f"{signal.Signals(-self.status).name} after {self.seconds:.0f} s"
        return f"status {self.status} after {self.seconds:.0f} s"


class Session:
    def __init__(self, out, raw, limit):
        self.start, self.out, self.raw, self.limit = time.monotonic(), out, raw, limit
        self.problems, self.left_out, self.stages = [], [], []
        self.facts = {}
        self.current = self.header = self.title = None
        self.report = open(out / "report.md", "a", encoding="utf-8")

    def elapsed(self):
        return time.monotonic() - self.start

    def say(self, text=""):
        if self.title:
            title, self.title = self.title, None
            self.say(f"\n## {title}\n")
        self.header = None
        self.report.write(f"{text}\n")
        self.report.flush()
        try:
            print(text, flush=True)
        except OSError:  # nobody reads any more: the report goes on
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def section(self, title):
        """The title of what is said next; if nothing is, it is not said either."""
        self.title = title

    def block(self, lines):
        self.say("\n".join(["```text", *(line[:300] for line in lines), "```"]))

    def row(self, header, cells):
        """One more row of the table that was begun last, or the first of a new one."""
        begun = self.header == header
        self.say(lines([cells]) if begun else table(header, [cells]))
        self.header = header

    def problem(self, text):
        if text not in self.problems:
            self.problems.append(text)

    def leave_out(self, name, why):
        self.left_out.append(f"{name}: {why}")

    def attempt(self, part, *arguments, otherwise=None):
        """Runs a part of this script: a fault in it, as over output that nobody foresaw, does not stop the next one either."""
        try:
            return part(self, *arguments)
        except Exception as error:
            with open(self.raw / "script.err", "a") as file:
                traceback.print_exc(file=file)
            self.problem(f"{part.__name__} of this script failed: {type(error).__name__}: {error}")
            return otherwise

    def stage(self, name, budget, command, env=None, quiet=False, each=None):
        """Runs a command if there is time left, else returns None. `each` gets every line of JSON as soon as it is printed. A
        failure is said, unless the caller does that."""
        if self.elapsed() + budget > self.limit:
            self.leave_out(name, f"no time, may take {budget:.0f} s")
            return None
        out, err = self.raw / f"{name}.out", self.raw / f"{name}.err"
        start, self.current = time.monotonic(), name
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            try:
                news = Lines(out, each) if each else None
                status = run(command, budget, news, stdout=stdout, stderr=stderr, env=env)
            except OSError as error:
                stderr.write(f"{error}\n".encode())
                status = 127
        ran = Ran(name, status, time.monotonic() - start, out, err)
        self.stages.append((name, budget, ran.seconds, "ok" if ran.ok else ran.end))
        if not ran.ok and not quiet:
            self.failed(ran)
        self.pack()
        self.current = None
        return ran

    def failed(self, ran):
        self.problem(f"{ran.name}: {ran.end}")
        self.say(f"**{ran.name} failed**: {ran.end}")
        self.block((ran.errors.strip() or ran.text.strip()).splitlines()[-12:])

    def pack(self):
        """Rewrites the archive, so that it is there whenever this run is cut off."""
        (self.raw / "stages.json").write_text(json.dumps(self.stages))
        part = self.raw / "raw.tar.gz"
        for most in (2 << 20, 1 << 16):
            with tarfile.open(part, "w:gz", compresslevel=4) as archive:
                for path in sorted(self.raw.iterdir()):
                    if path.is_file() and path.suffix in (".out", ".err", ".json", ".log", ".csv", ".yaml"):
                        info = archive.gettarinfo(path, path.name)
                        info.size = min(info.size, most)
                        with open(path, "rb") as file:
                            archive.addfile(info, file)
            if part.stat().st_size < MOST_ARCHIVE:
                break
        # a copy, then a rename: the two folders may lie on different disks
        hidden = self.out / ".raw.tar.gz"
        hidden.write_bytes(part.read_bytes())
        hidden.replace(self.out / "raw.tar.gz")


class Lines:
    """Passes on the lines of JSON that a file has got since the last call."""

    def __init__(self, path, each):
        self.path, self.each, self.passed = path, each, 0

    def __call__(self):
        whole = self.path.read_text(errors="replace").rpartition("\n")[0]
        found = json_lines(whole)
        for line in found[self.passed :]:
            self.passed += 1
            self.each(line)


def json_lines(text):
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:  # cut off
                pass
    return found


def run(command, budget, news=None, **options):
    """The exit code, or None if the command had to be stopped. Its children end with it. `news` is called now and then."""
    # a group of its own, but not a session: whoever ends this session's processes shall find them
    child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, preexec_fn=os.setpgrp, **options)
    deadline = time.monotonic() + budget
    try:
        while time.monotonic() < deadline:
            status = wait(child, min(deadline - time.monotonic(), 0.5 if news else budget))
            if news:
                news()
            if status is not None:
                return status
        end(child, signal.SIGTERM)
        wait(child, 3)
        return None
    finally:
        end(child, signal.SIGKILL)
        child.wait()


def wait(child, seconds):
    try:
        return child.wait(max(seconds, 0))
    except subprocess.TimeoutExpired:
        return None


def end(child, number):
    try:
        os.killpg(child.pid, number)
    except OSError:  # all are gone
        pass
