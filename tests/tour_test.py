"""docs/tour.md and docs/batch.md, run again: every command of a page's console blocks, in order, in one
fresh folder, and what each prints compared with the page. With HOB_UPDATE_DOCS=1 the pages are written
instead.

Replies, counts, prices, vectors and scores are compared as they stand, for they are the same on
every machine. What differs from run to run has a row in MASKS with its reason; an id of the page stands
for that of this run in outputs and in later commands alike, so that the page can be read, and typed, as
it is. Paths below the test's folder are /home/me on the page.

Does not cover: a terminal (colours, progress, the line editor), hubs and servers beyond loopback.
HOB_BINARY, HOB_TEST_MODEL and HOB_TEST_EMBEDDING_MODEL (set by ./check) are what the test needs.
"""

import dataclasses
import difflib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
sys.dont_write_bytecode = True

from pull_test import Hub
from versus import random_gguf

HOB = os.environ.get("HOB_BINARY")
MODEL = os.environ.get("HOB_TEST_MODEL")
EMBEDDING_MODEL = os.environ.get("HOB_TEST_EMBEDDING_MODEL")
DOCS = ROOT / "docs"
PAGE = DOCS / "tour.md"
OWN_PAGES = {"batch": DOCS / "batch.md"}  # of commands whose transcript is not in the tour
COMMAND_SECONDS = 120
HOME = "/home/me"  # on the page

NUMBER = r"\d[\d,]*(?:\.\d+)?"
TIME = r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:\+00:00|Z)?"
MASKS = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        # When it was. Days alone are left: those on the page are of prices, and stay.
        (rf"\d{{4}}-\d\d-\d\d[T ]{TIME}", "<time>"),
        # How long it took.
        (r'("(?:seconds|\w+_tokens_per_second)": )[\d.e+-]+', r"\1<duration>"),
        (r"Duration: \d+ms \(.*\)$", "Duration: <duration>"),
        (r"(duration_ms: )\d+", r"\1<duration>"),
        (r"(predicted, |estimate: |at most )" + NUMBER + " s", r"\1<duration>"),
        # What it drew, measured where the machine lets it be and an estimate elsewhere.
        (rf"{NUMBER} (?:mJ|J|kJ|kWh)(?: \(estimate\))?", "<energy>"),
        (r"<energy> = .*$", "<energy> = <grams>"),
        (r"^energy now: .*$", "energy now: <method>"),
        # Pages and indexes of SQLite differ between its versions.
        (r"(Database file size: \t\t|Backed up )[\d.]+[KMG]?B", r"\1<size>"),
        # Which program it was, and on which machine.
        (r'("isa": )"\w+"', r'\1"<isa>"'),
        (r'("threads": )\d+', r"\1<threads>"),
        # hob bench: the names of the tests stay.
        (r", \d+ threads, \w+, (?=\w+ numerics)", ", <threads>, <isa>, "),
        (r"^((?:pp|tg)[\dx@]+) .*$", r"\1 <rates>"),
        (r"^This machine's limits: .*$", "This machine's limits: <rates>"),
    )
)
ID = re.compile(r"\b01[0-9a-hjkmnp-tv-z]{24}\b")  # of a turn or a conversation


@dataclasses.dataclass
class Step:
    line: int  # on the page
    fence: str
    command: str
    output: str = ""


def read_page(text):
    """The page in order: a str for each line around the commands, a Step for each command. A command
    that ends in a backslash goes on in the next line."""
    pieces, fence = [], None
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        step = pieces[-1] if pieces and isinstance(pieces[-1], Step) else None
        if fence is None:
            opened = re.fullmatch(r"(`{3,})console\n", line)
            fence = opened and opened[1]
            pieces.append(line)
        elif line == fence + "\n":
            fence = None
            pieces.append(line)
        elif step and not step.output and step.command.endswith("\\\n"):
            step.command += line
        elif line.startswith("$ "):
            pieces.append(Step(number, fence, line))
        elif step:
            step.output += line
        else:
            raise ValueError(f"line {number}: a console block begins with '$ '")
    if fence:
        raise ValueError("the last console block has no end")
    return pieces


def write_page(pieces):
    return "".join(p if isinstance(p, str) else p.command + p.output for p in pieces)


def masked(text):
    out = text
    for pattern, replacement in MASKS:
        out = pattern.sub(replacement, out)
    # A masked figure is not always as wide, nor the column that it stands in.
    return out if out == text else re.sub(r"(?<=\S) {2,}", "  ", out)


class Ids:
    """Which id of this run is meant by which of the page."""

    def __init__(self):
        self.run_of, self.page_of = {}, {}

    def for_run(self, text):
        return ID.sub(lambda found: self.run_of.get(found[0], found[0]), text)

    def for_page(self, text):
        return ID.sub(lambda found: self.page_of.get(found[0], found[0]), text)

    def learn(self, page_text, run_text):
        """Ids that neither side has named before are the same where they stand at the same place."""
        there, here = ID.findall(page_text), ID.findall(run_text)
        if len(there) != len(here):
            return
        for page, run in zip(there, here):
            if page not in self.run_of and run not in self.page_of:
                self.run_of[page], self.page_of[run] = run, page


class Machine:
    """A person's machine: a home, hob on the path, the models where hob looks for them, the files of
    docs/tour in the folder they are in, and a hub."""

    def __init__(self, root):
        self.root = root
        self.work = root / "tour"
        shutil.copytree(DOCS / "tour", self.work)
        models = root / "hob" / "models"
        for folder in (models, root / "bin"):
            folder.mkdir(parents=True)
        (root / "bin" / "hob").symlink_to(pathlib.Path(HOB).resolve())
        (models / "smollm2-135m-instruct-q4_1.gguf").symlink_to(pathlib.Path(MODEL).resolve())
        (models / "all-minilm-l6-v2").symlink_to(pathlib.Path(EMBEDDING_MODEL).resolve().parent)
        self.hub = Hub({"tiny-q4_0.gguf": self.tiny_model(), "tiny-f16.gguf": b"left there"})
        isa = {k: v for k, v in os.environ.items() if k == "HOB_ISA"}
        self.environment = isa | {
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
            "HOME": str(root),
            "HOB_HOME": str(root / "hob"),
            "HF_ENDPOINT": self.hub.endpoint,
            "no_proxy": "127.0.0.1",
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "100",
        }

    def tiny_model(self):
        """A model for the hub. Its weights are random, so nobody would want its replies."""
        path = self.root / "tiny.gguf"
        shape = random_gguf.Shape(
            layers=2, width=64, heads=2, kv_heads=1, ffn=128, vocabulary=512, context=256
        )
        random_gguf.write(path, shape, "Q4_0")
        data = path.read_bytes()
        path.unlink()
        return data

    def run(self, command):
        """(exit status, stdout and stderr as a terminal would show them)"""
        process = subprocess.Popen(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.work,
            env=self.environment,
            start_new_session=True,
        )
        try:
            out, _ = process.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the shell and all that it started
            raise
        text = out.decode("utf-8", "replace").replace(str(self.root), HOME)
        return process.returncode, text if not text or text.endswith("\n") else text + "\n"


@unittest.skipUnless(HOB, "HOB_BINARY is not set")
@unittest.skipUnless(MODEL, "HOB_TEST_MODEL is not set")
@unittest.skipUnless(EMBEDDING_MODEL, "HOB_TEST_EMBEDDING_MODEL is not set")
class TourTest(unittest.TestCase):
    def setUp(self):
        self.maxDiff = None
        folder = tempfile.TemporaryDirectory(prefix="hob-tour-")
        self.addCleanup(folder.cleanup)
        self.machine = Machine(pathlib.Path(folder.name).resolve())
        self.addCleanup(self.machine.hub.close)

    def test_the_tour_is_as_it_says(self):
        self.check_page(PAGE)

    def test_pages_of_their_own_are_as_they_say(self):
        for page in OWN_PAGES.values():
            self.check_page(page)

    def check_page(self, page):
        pieces = read_page(page.read_text())
        ids, complaints = Ids(), []
        for step in pieces:
            if isinstance(step, Step):
                complaints += self.run_step(page, step, ids)
        if os.environ.get("HOB_UPDATE_DOCS"):
            page.write_text(write_page(pieces))
        elif complaints:
            self.fail("\n".join([*complaints, "run this test with HOB_UPDATE_DOCS=1"]))

    def run_step(self, page, step, ids):
        """Runs it; what differs from the page, which gets the new output."""
        status, shown = self.machine.run(ids.for_run(step.command.removeprefix("$ ")))
        ids.learn(step.output, shown)
        shown = ids.for_page(shown)
        where = f"docs/{page.name}:{step.line}: {step.command.rstrip()}"
        # Such a line would end the block, or begin a command, when the page is read again.
        self.assertNotRegex(shown, rf"(?m)^(\$ |{step.fence}$)", where)
        failed = re.search(r"^(Error: |Aborted!)", shown, re.MULTILINE) is not None
        self.assertEqual(status != 0, failed, f"{where}: exit status {status}\n{shown}")
        there, here = masked(step.output), masked(shown)
        if there == here:
            return []
        step.output = shown
        lines = difflib.unified_diff(
            there.splitlines(), here.splitlines(), "the page", "this run", lineterm=""
        )
        return [where, *lines]


class CompletenessTest(unittest.TestCase):
    def test_every_command_is_shown(self):
        names = re.findall(r"^## hob (.+)$", (DOCS / "commands.md").read_text(), re.MULTILINE)
        self.assertGreater(len(names), 50)
        missing = []
        for name in names:
            page = OWN_PAGES.get(name, PAGE)
            typed = re.findall(r"^\$ (.+)$", page.read_text(), re.MULTILINE)
            here = re.compile(rf"(?:^|[\s|;&(])hob {re.escape(name)}(?![\w-])")
            if not any(map(here.search, typed)):
                missing.append(f"docs/{page.name} never shows 'hob {name}'")
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main()
