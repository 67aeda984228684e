"""The format of cases/*.cases: command lines that hob and llm are both to run. ASCII; lines by
their first word.

    # a comment
    case stdin-comes-first          a name, once in all files
    env LLM_MODEL=echo              for all commands of the case; LLM_X becomes HOB_X for hob
    file notes.txt                  made in the working folder before the first command
    | a line of it                  what follows "| " is one line, with its newline;
    | the last one\\c                a last line ending in \\c has none
    file edit.sh exec               exec: executable; base64: the lines are base64;
    $ prompt 'and this'             sql: the lines are run by SQLite and make a database
    | a line of standard input      (none: standard input is empty)
    $ -a - < image.png              standard input from a file of the working folder
    $ --cid @{thread:1} more 2>&1   2>&1 at the end: standard error is compared as well
    sql logs.db                     a database of the user folder is changed by the lines,
    | update turns set model = 'x'; between the commands before and after it

A command line is what follows the program's name, split as a shell does, with $'...' for escapes.
All of a case run in order in one fresh user folder and one working folder. @{work} and @{user} are
their paths; @{thread:N}, @{turn:N} are what the Nth row of that table of logs.db has as its id,
@{fragment:N} as its hash, in the order they were made. A file whose path begins with "user/" is
made in the user folder.
"""

import base64
import dataclasses
import pathlib
import re
import shlex


@dataclasses.dataclass
class File:
    path: str
    kind: str  # "", "exec", "sql" or "base64"
    lines: list


@dataclasses.dataclass
class Command:
    line: str  # as written
    words: str  # of the program, unsplit
    stderr: bool  # compared as well
    source: str  # a file for standard input, or ""
    stdin: list


@dataclasses.dataclass
class Sql:
    path: str
    lines: list


@dataclasses.dataclass
class Case:
    name: str
    where: str  # file and line, for messages
    env: dict = dataclasses.field(default_factory=dict)
    files: list = dataclasses.field(default_factory=list)
    steps: list = dataclasses.field(default_factory=list)  # Command or Sql, in order

    @property
    def commands(self):
        return [step for step in self.steps if isinstance(step, Command)]


def text_of(lines):
    """The text that "| " lines mean."""
    if lines and lines[-1].endswith("\\c"):
        return "\n".join(lines)[:-2]
    return "".join(f"{line}\n" for line in lines)


def content_of(file):
    """A file's bytes; not for those made by SQL."""
    text = text_of(file.lines)
    return base64.b64decode(text) if file.kind == "base64" else text.encode()


def words_of(line):
    unescaped = lambda match: shlex.quote(match.group(1).encode("ascii").decode("unicode_escape"))
    return shlex.split(re.sub(r"\$'((?:[^'\\]|\\.)*)'", unescaped, line))


def read(folder):
    """All cases of a folder's *.cases files, in order. ValueError names the file and line."""
    cases = {}
    for path in sorted(pathlib.Path(folder).glob("*.cases")):
        for case in parse(path.name, path.read_text(encoding="utf-8")):
            if case.name in cases:
                raise ValueError(f"{case.where}: {case.name} is also in {cases[case.name].where}")
            cases[case.name] = case
    return list(cases.values())


def parse(name, text):
    cases, lines = [], None
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{name}:{number}"
        if line.startswith("|"):
            if lines is None:
                raise ValueError(f"{where}: a text line after nothing that takes one")
            lines.append(line[2:])
            continue
        word, _, rest = line.partition(" ")
        if not line.strip() or line.startswith("#"):
            continue
        if word == "case":
            if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rest):
                raise ValueError(f"{where}: '{rest}' is no name (small letters, digits, hyphens)")
            cases.append(Case(rest, where))
            lines = None
            continue
        if not cases:
            raise ValueError(f"{where}: the first line must be a case")
        case = cases[-1]
        if word == "env":
            key, _, value = rest.partition("=")
            case.env[key] = value
            lines = None
        elif word == "file":
            path, _, kind = rest.partition(" ")
            if kind not in ("", "exec", "sql", "base64"):
                raise ValueError(f"{where}: a file is exec, sql or base64, not '{kind}'")
            case.files.append(File(path, kind, lines := []))
        elif word == "$":
            words, stderr = rest.removesuffix(" 2>&1"), rest.endswith(" 2>&1")
            words, _, source = words.partition(" < ")
            case.steps.append(Command(rest, words, stderr, source, lines := []))
        elif word == "sql":
            case.steps.append(Sql(rest, lines := []))
        else:
            raise ValueError(f"{where}: '{word}' is neither case, env, file, sql, $ nor |")
    for case in cases:
        if not case.commands:
            raise ValueError(f"{case.where}: {case.name} runs nothing")
    return cases
