"""The table's rows: who is measured doing what, against whom, and what is asked for.

A cell compares one test of one job of ours with the same test of rival jobs, the best of which
counts: usually the peers in every way of calling them, sometimes hob itself on another test. Cells are
in the order of the table; `group` is what --only names.
"""

import pathlib
import subprocess
from dataclasses import dataclass, field

from versus import jobs, machine, models, peers
from versus.figures import Target
from versus.jobs import Job

PEERS = ("llama.cpp", "ik_llama.cpp")
LONG = 8192  # tokens
TOGETHER = 8  # sequences

# What is asked for: on a machine with AMX, on one with AVX-512 and, where that differs, on one whose
# peers have no more than AVX2 either.
TARGETS = {
    "pp512": (2.5, 2.0, 1.3),
    "pp512 native": (4.0, 2.0),
    "tg128 SmolLM2": (1.5, 1.2, 1.1),
    "tg128 Qwen2.5-Coder": (1.2, 1.2, 1.1),
    "pp512 types": (0.8, 0.8),
    "tg at 8192": (1.5, 1.5),
    "pp8192": (2.0, 2.0),
    "pp8192 native": (3.0, 2.0),
    "sequences": (4.0, 3.0),
    "avx2 pp512": (1.3, 1.3),
    "avx2 tg128": (1.1, 1.1),
    "launch": (0.5, 0.5),
    "memory": (1.0, 1.0),
}


@dataclass(frozen=True)
class Cell:
    group: str
    title: str
    ours: Job
    test: str
    rivals: tuple[tuple[Job, str], ...]  # (job, test)
    target: Target
    unit: str = "t/s"


@dataclass
class Plan:
    cells: list[Cell] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (title, why)
    builds: set[str] = field(default_factory=set)  # of peers that are needed


@dataclass(frozen=True)
class Settings:
    hob: pathlib.Path
    kind: str  # of machine.KINDS
    native: bool  # whether hob has native numerics here
    threads: int = 2
    repeat: int = 2

    def target(self, name, **more):
        asked = TARGETS[name]
        at = list(machine.KINDS).index(self.kind)
        return Target(asked[min(at, len(asked) - 1)], **more)

    def numerics(self):
        return (False, True) if self.native else (False,)


def plan(settings, only=()):
    """The cells of the groups in `only` (of all when it is empty)."""
    made = Plan()
    for group, add in GROUPS.items():
        if not only or group in only:
            try:
                add(made, settings)
            except models.Missing as missing:
                made.skipped.append((group, str(missing)))
    return made


def _speed_cells(made, s, group, name, model, test, *, title="", threads=None, isa="", suffix=""):
    """Prefill in every numerics, or generation, of a model against both peers."""
    threads = threads or s.threads
    builds = [peer + suffix for peer in PEERS]
    made.builds.update(builds)
    sizes = {"prompt": 512, "generate": 128}
    rivals = []
    for build in builds:
        calls = jobs.llama_bench(build, model, threads=threads, repeat=s.repeat, **sizes)
        rivals += [(job, test) for job in calls]
    # The table that is forced to AVX2 has the portable definitions only.
    for native in s.numerics() if test == "pp512" and not isa else (False,):
        ours = jobs.hob_bench(
            s.hob, model, threads=threads, repeat=s.repeat, native=native, isa=isa, **sizes
        )
        if suffix:
            target = s.target(f"avx2 {test}")
        elif test == "pp512":
            target = s.target("pp512 native" if native else "pp512")
        else:
            target = s.target(f"tg128 {name}", or_percent=90 if name.startswith("Qwen") else None)
        words = [title or test, name, "native" if native else ""]
        label = " ".join(word for word in words if word)
        made.cells.append(Cell(group, label, ours, test, tuple(rivals), target))


def _published(made, s, group, test, **more):
    for name in models.PUBLISHED:
        try:
            model = models.published(name)
        except models.Missing as missing:
            made.skipped.append((f"{group} {name}", str(missing)))
            continue
        _speed_cells(made, s, group, name, model, test, **more)


def _prefill(made, s):
    _published(made, s, "pp512", "pp512")


def _generation(made, s):
    _published(made, s, "tg128", "tg128")


def _one_thread(made, s):
    for test in ("pp512", "tg128"):
        _published(made, s, "one-thread", test, title=f"{test}, 1 thread", threads=1)


def _avx2(made, s):
    if s.kind == "avx2":
        made.skipped.append(("AVX2 alone", "this machine has no more: all rows are that"))
        return
    for test in ("pp512", "tg128"):
        _published(made, s, "avx2", test, title=f"{test}, AVX2", isa="avx2", suffix="-avx2")


def _types(made, s):
    """Every weight type against hob's own Q4_0, in the same numerics."""
    for native in s.numerics():
        measured = {
            name: jobs.hob_bench(
                s.hob, model.path(), prompt=512, threads=s.threads, repeat=s.repeat, native=native
            )
            for name, model in models.BY_TYPE.items()
        }
        for name, ours in measured.items():
            if name == "Q4_0":
                continue
            title = f"pp512 {name}, of Q4_0's" + (" native" if native else "")
            rivals = ((measured["Q4_0"], "pp512"),)
            made.cells.append(
                Cell("types", title, ours, "pp512", rivals, s.target("pp512 types"))
            )


def _long(made, s):
    """Long runs are timed once a round and need no run to warm up."""
    model = models.LONG_CONTEXT.path()
    made.builds.update(PEERS)
    calls = {"threads": s.threads, "repeat": 1}
    depth = {"generate": 32, "depth": LONG}
    test = f"tg32@{LONG}"
    rivals = []
    for build in PEERS:
        rivals += [(job, test) for job in jobs.llama_bench(build, model, warm=False, **depth, **calls)]
    ours = jobs.hob_bench(s.hob, model, **depth, **calls)
    title = f"generation at depth {LONG}"
    made.cells.append(Cell("long", title, ours, test, tuple(rivals), s.target("tg at 8192")))
    test = f"pp{LONG}"
    rivals = []
    for build in PEERS:
        call = jobs.llama_bench(build, model, prompt=LONG, warm=False, **calls)
        rivals += [(job, test) for job in call]
    for native in s.numerics():
        ours = jobs.hob_bench(s.hob, model, prompt=LONG, native=native, **calls)
        word = " native" if native else ""
        target = s.target(f"pp8192{word}")
        made.cells.append(Cell("long", f"pp{LONG}{word}", ours, test, tuple(rivals), target))


def _sequences(made, s):
    """Sequences decoded together against one alone, both by hob."""
    for name in models.PUBLISHED:
        try:
            model = models.published(name)
        except models.Missing as missing:
            made.skipped.append((f"sequences {name}", str(missing)))
            continue
        call = {"generate": 64, "threads": s.threads, "repeat": s.repeat}
        alone = jobs.hob_bench(s.hob, model, **call)
        together = jobs.hob_bench(s.hob, model, sequences=TOGETHER, **call)
        title = f"{TOGETHER} sequences together, of one alone, {name}"
        rivals = ((alone, "tg64"),)
        target = s.target("sequences")
        made.cells.append(Cell("sequences", title, together, f"tg64x{TOGETHER}", rivals, target))


TEXT = "The river rose slowly in the night, and by morning the road to the mill was under water. " * 200


def _prompt_of(hob, model, tokens):
    """A text of exactly so many tokens."""
    command = [str(hob), "tokens", "-m", str(model), "--truncate", str(tokens)]
    done = subprocess.run(command, input=TEXT, capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n")


def _replies(made, s, group, title, test, unit, job_class, prompt_tokens, tokens):
    made.builds.add("llama.cpp")
    for name in models.PUBLISHED:
        try:
            model = models.published(name)
        except models.Missing as missing:
            made.skipped.append((f"{group} {name}", str(missing)))
            continue
        prompt = _prompt_of(s.hob, model, prompt_tokens)
        call = {"tokens": tokens, "context": 2048, "threads": s.threads}
        ours = jobs.hob_reply(job_class, s.hob, model, prompt, **call)
        rivals = tuple((job, test) for job in jobs.llama_reply(job_class, model, prompt, **call))
        target = s.target(group, less_is_better=True)
        made.cells.append(Cell(group, f"{title}, {name}", ours, test, rivals, target, unit))


def _launch(made, s):
    _replies(made, s, "launch", "launch to first token", "launch", "s", jobs.LaunchJob, 20, 1)


def _memory(made, s):
    _replies(made, s, "memory", "private memory, 2k context", "memory", "MB", jobs.MemoryJob, 1900, 32)


GROUPS = {
    "pp512": _prefill,
    "types": _types,
    "tg128": _generation,
    "long": _long,
    "sequences": _sequences,
    "one-thread": _one_thread,
    "avx2": _avx2,
    "launch": _launch,
    "memory": _memory,
}
