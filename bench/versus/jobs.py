"""What one round runs: a job is one call of one program, and yields a value per test.

BenchJob reads the JSON of `hob bench` or of a llama-bench; LaunchJob takes the time from a process's
start to the first byte of its reply; MemoryJob watches how much memory that no file stands behind
(RssAnon and RssShmem of /proc/PID/status) a process has at most. Jobs are values: equal ones are
run once a round and their results shared. A program that fails raises Failed.
"""

import json
import os
import pathlib
import shlex
import statistics
import subprocess
import time
from dataclasses import dataclass

from versus import peers

TIMEOUT_SECONDS = 900


class Failed(Exception):
    """What a program said when it could not be measured."""


@dataclass(frozen=True)
class Sample:
    """Of one test in one round. `percent` is the share of this machine's limit, where known."""

    value: float
    percent: float | None = None


@dataclass(frozen=True)
class Job:
    who: str  # "hob", "llama.cpp", ...: a contestant
    variant: str  # how it was called, where there are several ways: "-fa 1 -rtr 0"
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()

    def run(self, under=()):
        """Test -> Sample."""
        raise NotImplementedError

    def line(self):
        words = [f"{name}={value}" for name, value in self.environment] + list(self.command)
        return shlex.join(words)

    def _environment(self):
        return os.environ | dict(self.environment)


class BenchJob(Job):
    def run(self, under=()):
        try:
            done = subprocess.run(
                [*under, *self.command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT_SECONDS,
                env=self._environment(),
            )
        except subprocess.TimeoutExpired as late:
            raise Failed(f"no end after {TIMEOUT_SECONDS} s") from late
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise Failed(f"status {done.returncode}: {last[0]}")
        try:
            return read_bench(json.loads(done.stdout))
        except (ValueError, KeyError, TypeError) as error:
            raise Failed(f"its output is not the expected JSON ({error})") from error


def read_bench(report):
    """The tests of hob's or a llama-bench's JSON under hob's names."""
    samples = {}
    for test in report:
        if "tokens_per_second" in test:
            samples[test["test"]] = Sample(
                statistics.median(test["runs"]), test.get("percent_of_limit")
            )
        else:
            samples[_llama_test(test)] = Sample(statistics.median(test["samples_ts"]))
    return samples


def _llama_test(test):
    """llama.cpp counts a depth apart; ik_llama.cpp's -gp gives it as a prompt before the tokens."""
    depth = test.get("n_depth", 0)
    if test["n_gen"] == 0:
        name = f"pp{test['n_prompt']}"
    else:
        name, depth = f"tg{test['n_gen']}", depth or test["n_prompt"]
    return f"{name}@{depth}" if depth else name


class LaunchJob(Job):
    """Seconds from the start of the process to the first byte on its standard output, which must be
    the reply's: the median of a few starts, after one that brings the files into the page cache."""

    STARTS = 5

    def run(self, under=()):
        self._start(under)
        return {"launch": Sample(statistics.median(self._start(under) for _ in range(self.STARTS)))}

    def _start(self, under):
        arguments = [*under, *self.command]
        began = time.perf_counter()
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=self._environment(),
        )
        with process:
            first = process.stdout.read(1)
            seconds = time.perf_counter() - began
            process.stdout.read()
        if process.returncode != 0 or not first:
            raise Failed(f"status {process.returncode}, {len(first)} bytes of reply")
        return seconds


class MemoryJob(Job):
    """Most bytes at once, in MB, looked at every few milliseconds."""

    def run(self, under=()):
        process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
        )
        most = 0
        while process.poll() is None:
            most = max(most, private_bytes(process.pid))
            time.sleep(0.002)
        if process.returncode != 0 or most == 0:
            raise Failed(f"status {process.returncode}")
        return {"memory": Sample(most / 1e6)}


def private_bytes(pid):
    """Resident memory of a process that no file stands behind; 0 once it is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    kilobytes = (int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem") if name in fields)
    return 1024 * sum(kilobytes)


# --- the calls ---


def hob_bench(
    hob, model, *, prompt=0, generate=0, depth=0, sequences=1, threads=2, repeat=2, native=False, isa=""
):
    command = [str(hob), "bench", "-m", str(model), "--json"]
    numbers = {"prompt": prompt, "generate": generate, "threads": threads, "repeat": repeat}
    for name, number in numbers.items():
        command += [f"--{name}", str(number)]
    if depth:
        command += ["--depth", str(depth)]
    if sequences > 1:
        command += ["--sequences", str(sequences)]
    if native:
        command += ["--numerics", "native"]
    environment = (("HOB_ISA", isa),) if isa else ()
    return BenchJob("hob native" if native else "hob", "", tuple(command), environment)


def llama_bench(build, model, *, prompt=0, generate=0, depth=0, threads=2, repeat=2, warm=True):
    """One job for every way of calling the peer that may be its best."""
    program = str(peers.program(build, "llama-bench"))
    forked = build.startswith("ik_")
    common = ["-m", str(model), "-t", str(threads), "-r", str(repeat), "-o", "json"]
    common += ["-ctk", "f16", "-ctv", "f16", "-p", str(prompt)]
    if depth and forked:
        common += ["-n", "0", "-gp", f"{depth},{generate}"]
    elif depth:
        common += ["-n", str(generate), "-d", str(depth)]
    else:
        common += ["-n", str(generate)]
    if not warm:
        common += ["-w", "0"] if forked else ["--no-warmup"]
    if forked:
        ways = [("-fa", fa, "-rtr", rtr) for fa in "10" for rtr in "01"]
    else:
        ways = [("-fa", fa) for fa in "10"]
    return [
        BenchJob(build.removesuffix("-avx2"), " ".join(way), (program, *common, *way))
        for way in ways
    ]


def hob_reply(job_class, hob, model, prompt, *, tokens, context, threads):
    command = [str(hob), "-m", str(model), "--raw", "-n", "--tokens", str(tokens), "-o", "temperature", "0"]
    command += ["--context", str(context), "--threads", str(threads), prompt]
    return job_class("hob", "", tuple(command))


def llama_reply(job_class, model, prompt, *, tokens, context, threads):
    command = [str(peers.program("llama.cpp", "llama-completion")), "-m", str(model), "-no-cnv"]
    command += ["-n", str(tokens), "--temp", "0", "-c", str(context), "-t", str(threads)]
    command += ["--no-display-prompt", "--no-escape", "-p", prompt]
    return [
        job_class("llama.cpp", "", tuple(command)),
        job_class("llama.cpp", "--no-warmup", (*command, "--no-warmup")),
    ]
