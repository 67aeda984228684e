"""What a run was measured on and with: processor, kernel, compilers' products, versions, date."""

import datetime
import os
import pathlib
import platform
import re
import subprocess

from versus import peers

# Those that kernels of hob or of the peers are written for.
TELLING_FEATURES = (
    *("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16"),
    *("avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"),
)


def cpu(text=None):
    """Model, telling features and number of processors of /proc/cpuinfo."""
    text = text if text is not None else pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"^model name\s*: (.*)$", text, re.M)
    flags = re.search(r"^flags\s*: (.*)$", text, re.M)
    present = set(flags[1].split()) if flags else set()
    return {
        "model": name[1].strip() if name else platform.machine(),
        "features": [feature for feature in TELLING_FEATURES if feature in present],
        "cores": len(re.findall(r"^processor\s*:", text, re.M)),
    }


# The kinds of machine that are told apart, by what each has and the next lacks.
KINDS = {
    "amx": {"amx_tile", "amx_int8", "amx_bf16"},
    "avx512": {"avx512f", "avx512_vnni", "avx512_bf16"},
    "avx2": set(),
}


def kind(features):
    return next(name for name, needs in KINDS.items() if needs <= set(features))


def commit(root):
    """The checkout's commit, with a + where files differ from it."""
    run = lambda *words: subprocess.run(
        ["git", "-C", root, *words], capture_output=True, text=True
    ).stdout.strip()
    changed = run("status", "--porcelain", "--untracked-files=no")
    return (run("rev-parse", "--short=10", "HEAD") or "unknown") + ("+" if changed else "")


def describe(root, builds):
    memory = re.search(r"MemTotal:\s*(\d+) kB", pathlib.Path("/proc/meminfo").read_text())
    usable = len(os.sched_getaffinity(0))
    return {
        "cpu": cpu() | {"usable_cores": usable},
        "memory_gb": round(int(memory[1]) * 1024 / 1e9),
        "kernel": platform.release(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "hob": commit(root),
        "peers": {build: peers.version(build) for build in sorted(builds)},
    }
