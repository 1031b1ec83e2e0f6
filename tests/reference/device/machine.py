"""What is on this machine: the worker's libraries, tools, versions."""

import ctypes
import glob
import importlib.util
import os
import pathlib
import shutil
import subprocess

# Where tools and the driver's library lie on images that do not name them in PATH or to the loader.
TOOLS = ["/usr/local/cuda*/bin", "/opt/nvidia/nsight-compute/*", "/usr/local/nvidia/bin", "/usr/sbin", "/sbin"]
DRIVER = ["/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64"]
CUDA = ["/usr/local/cuda/lib64", "/usr/local/cuda/targets/x86_64-linux/lib"]


def tool(name):
    """The program's path, or None."""
    folders = [folder for pattern in TOOLS for folder in sorted(glob.glob(pattern), reverse=True)]
    return shutil.which(name) or shutil.which(name, path=":".join(folders))


def unpack(packed, worker):
    worker = pathlib.Path(worker)
    if packed.suffix != ".xz":
        shutil.copyfile(packed, worker)
    elif shutil.which("xz"):
        with open(worker, "wb") as target:
            subprocess.run(["xz", "-dc", str(packed)], stdout=target, check=True)
    else:
        import lzma  # not every python3 has it

        with lzma.open(packed) as source, open(worker, "wb") as target:
            shutil.copyfileobj(source, target)
    worker.chmod(0o755)


def libraries():
    """Folders of CUDA's libraries, as LD_LIBRARY_PATH takes them: those of PyTorch's wheels (nvidia/cu13/lib, nvidia/cudnn/lib),
    a toolkit's, and the driver's if the loader does not know it."""
    folders = []
    for package, pattern in (("nvidia", "*/lib"), ("torch", "lib")):
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            folders += sorted(str(folder) for folder in pathlib.Path(place).glob(pattern) if any(folder.glob("*.so*")))
    folders += [folder for folder in CUDA if os.path.isdir(folder)]
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        folders += [folder for folder in DRIVER if os.path.exists(f"{folder}/libcuda.so.1")]
    return ":".join(dict.fromkeys(folders))


def said(*command, env=None):
    """What a command prints, or why it could not: a missing tool stops nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=20, env=env)
        return (done.stdout + done.stderr).strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"


def gpu():
    """Name and driver of the first GPU; what is unknown is left out."""
    program = tool("nvidia-smi")
    if program:
        fields = said(program, "--query-gpu=name,driver_version", "--format=csv,noheader").splitlines()[:1]
        found = fields[0].split(", ") if fields else []
        if len(found) == 2:
            return {"device": found[0], "driver": found[1]}
    try:
        words = pathlib.Path("/proc/driver/nvidia/version").read_text().split("\n")[0].split()
        return {"driver": next(word for word in words if word[0].isdigit())}
    except (OSError, StopIteration):
        return {}
