"""Compares what hob and llm did with a case, and knows which differences are intended.

docs/llm-compat.md has one row per case in which hob means to differ: the case, the parts of the
transcript that differ, the reason. A case is right when the parts that differ are exactly those of
its row, and it has no row when nothing differs: so a difference that went away must leave the
table.
"""

import concurrent.futures
import dataclasses
import difflib
import pathlib
import re

import observe

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TABLE = ROOT / "docs" / "llm-compat.md"
ANSWERS = ROOT / "tests" / "data" / "llm_answers.txt"
PARTS = ("stdout", "stderr", "status", "files", "database")
WORKERS = 2
ROW = re.compile(r"\| `([a-z0-9-]+)` \| ([a-z, ]+) \| (\S.*?) \|$")


def intended(text=None):
    """{case: set of parts} of the table. ValueError names a row that says something else."""
    rows = {}
    for line in (TABLE.read_text(encoding="utf-8") if text is None else text).splitlines():
        if match := ROW.match(line):
            name, parts, _ = match.groups()
            parts = set(parts.split(", "))
            if name in rows or not parts <= set(PARTS):
                raise ValueError(
                    f"{TABLE.name}: {line}: twice, or a part that is none of {', '.join(PARTS)}"
                )
            rows[name] = parts
    return rows


def parts_of(transcript):
    """{part: lines}; a command's own line is in each, so that no output moves between commands."""
    parts = {part: [] for part in PARTS}
    inside = None
    for line in transcript:
        if line.startswith("$ "):
            for part in ("stdout", "stderr", "status"):
                parts[part].append(line)
        elif line.startswith("status "):
            parts["status"].append(line)
            inside = "stdout"
        elif line.startswith(("file ", "database ")):
            inside = "files" if line.startswith("file ") else "database"
            parts[inside].append(line)
        else:
            parts["stderr" if line.startswith("2|") else inside].append(line)
    return parts


def differing(expected, seen):
    """The set of parts in which two transcripts differ."""
    a, b = parts_of(expected), parts_of(seen)
    return {part for part in PARTS if a[part] != b[part]}


def commands_of(transcript):
    """What each command line did: its status, output, and standard error where it is compared."""
    commands = []
    for line in transcript:
        if line.startswith(("file ", "database ")):
            break
        if line.startswith("$ "):
            commands.append([])
        commands[-1].append(line)
    return commands


@dataclasses.dataclass
class Figures:
    """How much of what was compared is the same.

    What a case leaves behind may be any of its commands' doing. So a command line counts as
    identical only where its own output and status are the same and nothing else that its case
    leaves behind differs.
    """

    cases: int = 0
    cases_identical: int = 0
    commands: int = 0
    commands_alike: int = 0  # in output and status
    commands_identical: int = 0  # in every part

    def add(self, expected, seen):
        parts = differing(expected, seen)
        pairs = list(zip(commands_of(expected), commands_of(seen), strict=True))
        alike = sum(a == b for a, b in pairs)
        self.cases += 1
        self.cases_identical += not parts
        self.commands += len(pairs)
        self.commands_alike += alike
        self.commands_identical += 0 if parts & {"files", "database"} else alike

    def __str__(self):
        share = lambda part, whole: f"{part} ({100 * part / max(1, whole):.1f} %)"
        return (
            f"{self.cases} cases: {share(self.cases_identical, self.cases)} identical\n"
            f"{self.commands} command lines: {share(self.commands_alike, self.commands)} alike in "
            f"output and status, {share(self.commands_identical, self.commands)} identical in "
            "every part"
        )


def judge(name, expected, seen, rows):
    """None where all is as it should be; otherwise what is not, to be read by a person."""
    parts, meant = differing(expected, seen), rows.get(name, set())
    if parts == meant:
        return None
    if not parts:
        return f"{name}: no difference any more: take its row out of {TABLE.name}"
    diff = "\n".join(difflib.unified_diff(expected, seen, "llm", "hob", lineterm="", n=2))
    said = f" ({TABLE.name} says: {', '.join(sorted(meant))})" if meant else ""
    return f"{name}: differs in {', '.join(sorted(parts))}{said}\n{diff}"


def observe_all(cases, programs):
    """{case: transcript}; each of `programs` is used by one thread."""
    idle = list(programs)

    def one(case):
        program = idle.pop()
        try:
            return case.name, observe.observe(case, program)
        finally:
            idle.append(program)

    with concurrent.futures.ThreadPoolExecutor(len(programs)) as pool:
        return dict(pool.map(one, cases))


# --- recorded answers: "case NAME", its transcript, an empty line ---


def read_answers():
    answers = {}
    if not ANSWERS.exists():
        return answers
    for line in ANSWERS.read_text(encoding="ascii").splitlines():
        if line.startswith("case "):
            answers[line[5:]] = transcript = []
        elif line:
            transcript.append(line)
    return answers


def write_answers(cases, answers):
    """In the order of the cases; those of cases that are no more are dropped."""
    texts = [
        "\n".join([f"case {case.name}", *answers[case.name]])
        for case in cases
        if case.name in answers
    ]
    fresh = ANSWERS.with_suffix(".new")
    fresh.write_text("\n\n".join(texts) + "\n", encoding="ascii")
    fresh.replace(ANSWERS)
