"""Runs a case with one program and writes down all that can be seen of it, as lines of text.

A transcript has, per command, its line, exit status and standard output (and standard error where
the case asks for it); then the files of the user and the working folder; then what is in the
databases. What must differ from run to run is replaced by a name for it:

    ids (ULIDs)          <id 1>, <id 2> ... by first appearance: equal ones stay equal
    times                <time>, <time.6>, <time T.6+00:00>: their form stays
    durations and sizes  <ms>, <size>
    paths                <user>, <work>, <home>
    message hashes       <message 1> ... where a reply speaks of a path, which the hash covers

and the program's own name by PROGRAM where it speaks of itself on standard error. Of a database the
tables and columns that llm writes are compared, and no others: hob's own records stand in tables of
its own. A database without rows counts as none, for llm makes one even where nothing is written.
"""

import os
import pathlib
import re
import shutil
import sqlite3
import tempfile

import case_file
import programs

# The current generation of llm's tables, and the columns by which rows are put in order.
TABLES = {
    "threads": "id",
    "turns": "id",
    "messages": "rowid",
    "parts": "id",
    "part_attachments": "part_id, [order]",
    "part_fragments": "part_id, [order]",
    "turn_fragments": "turn_id, kind, [order]",
    "turn_tools": "turn_id, tool_id",
    "turn_search": "id",
    "message_tree": "root_hash, path",
    "fragments": "id",
    "fragment_aliases": "alias",
    "attachments": "id",
    "schemas": "id",
    "tools": "id",
    "tool_instances": "id",
    "tool_instantiations": "turn_id",
    "collections": "id",
    "embeddings": "collection_id, id",
}
VOLATILE = {("turns", "duration_ms"): "<ms>", ("embeddings", "updated"): "<time>"}

ULID = re.compile(r"\b[0-7][0-9a-hjkmnp-tv-z]{25}\b")
TIME = re.compile(r"\b20\d\d-\d\d-\d\d([T ])\d\d:\d\d:\d\d(?:(\.)\d{6})?(\+00:00|Z)?")
DURATIONS = [
    (re.compile(r'("?duration_ms"?: )\d+'), r"\1<ms>"),
    (re.compile(r"(Duration: )\d+ms \(\d+s\)"), r"\1<ms>"),
    (re.compile(r"(Database file size: \t\t|Backed up )[0-9.]+[KM]?B"), r"\1<size>"),
]
MESSAGE = re.compile(r"\bb2:[0-9a-f]{32}\b")
PLAIN = re.compile(r"[^\t -~]")  # what is spelled as an escape
PROGRAM = re.compile(r"(?m)^(Usage: |Try ')(?:llm|hob)\b")
# llm commits some thirty migrations to every new database; in memory that costs nothing.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
SHORT = 40  # characters: a longer text that a command printed is not spelled again in a database


def observe(case, program):
    """The transcript, a list of lines."""
    # One length of path for both programs: YAML and tables fold at columns.
    root = pathlib.Path(tempfile.mkdtemp(prefix="hob-compat-", dir=MEMORY))
    try:
        return Observation(case, program, root).lines()
    finally:
        shutil.rmtree(root)


class Observation:
    def __init__(self, case, program, root):
        self.case, self.program, self.root = case, program, root
        self.user, self.work, self.home = root / "user", root / "work", root / "home"
        self.outputs = {}  # what a command printed -> the command's number

    def lines(self):
        for folder in (self.user, self.work, self.home):
            folder.mkdir()
        for file in self.case.files:
            self.make(file)
        seen = []
        for step in self.case.steps:
            if isinstance(step, case_file.Command):
                seen += self.run(step)
            else:
                self.change(step)
        seen += self.files()
        if any(str(self.root) in output for output in self.outputs):
            seen = self.numbered(MESSAGE, "message", seen)
        return self.numbered(ULID, "id", seen)

    def make(self, file):
        path = self.user / file.path[5:] if file.path.startswith("user/") else self.work / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.kind == "sql":
            with sqlite3.connect(path) as database:
                database.executescript(case_file.text_of(file.lines))
            database.close()
            return
        content = case_file.content_of(file)
        if file.kind != "base64":
            content = self.filled(content.decode()).encode()
        path.write_bytes(content)
        if file.kind == "exec":
            path.chmod(0o755)

    def change(self, step):
        path = self.user / step.path
        if path.exists():
            database = sqlite3.connect(path)
            try:
                database.executescript(self.filled(case_file.text_of(step.lines)))
            finally:
                database.close()

    # --- commands ---

    def run(self, command):
        stdin, stdout, stderr = (self.root / name for name in ("stdin", "stdout", "stderr"))
        if command.source:
            shutil.copy(self.work / command.source, stdin)
        else:
            stdin.write_text(self.filled(case_file.text_of(command.stdin)), encoding="utf-8")
        words = [self.filled(word) for word in case_file.words_of(command.words)]
        env = programs.environment(
            {key: self.filled(value) for key, value in self.case.env.items()}, self.home
        )
        status = self.program.run(words, env, self.user, self.work, (stdin, stdout, stderr))
        self.last_stderr = stderr.read_bytes()
        seen = [f"$ {command.line}", f"status {status}{outcome(status, self.last_stderr)}"]
        output = stdout.read_bytes()
        seen += self.shown("|", output)
        self.outputs.setdefault(
            output.decode("utf-8", "replace").removesuffix("\n"), len(self.outputs) + 1
        )
        if command.stderr:
            text = PROGRAM.sub(r"\1PROGRAM", self.last_stderr.decode("utf-8", "backslashreplace"))
            seen += self.shown("2|", text.encode())
        return seen

    def filled(self, text):
        """@{...} replaced by what it stands for in this run."""
        return re.sub(r"@\{(\w+)(?::(\d+))?\}", self.value, text)

    def value(self, match):
        name, number = match.group(1), match.group(2)
        if number is None:
            return str({"user": self.user, "work": self.work}[name])
        table, column = {
            "thread": ("threads", "id"),
            "turn": ("turns", "id"),
            "fragment": ("fragments", "hash"),
        }[name]
        path = self.user / "logs.db"
        if not path.exists():
            return f"no-{name}"
        database = sqlite3.connect(path)
        try:
            rows = database.execute(f"select {column} from {table} order by id").fetchall()
        except sqlite3.Error as error:
            return f"no-{name}: {error}"
        finally:
            database.close()
        return rows[int(number) - 1][0] if int(number) <= len(rows) else f"no-{name}-{number}"

    # --- what is left behind ---

    def files(self):
        made_before = {
            (self.user / f.path[5:] if f.path.startswith("user/") else self.work / f.path): f
            for f in self.case.files
        }
        seen = []
        for folder in (self.user, self.work):
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                name = f"{folder.name}/{path.relative_to(folder)}"
                content = path.read_bytes()
                if content.startswith(b"SQLite format 3\0"):
                    if rows := self.rows(path):
                        seen += [f"database {name}", *rows]
                elif path.name.endswith((".db-wal", ".db-shm")) or (
                    path.suffix == ".db" and not content
                ):
                    continue
                elif path not in made_before or self.is_changed(made_before[path], content):
                    seen += [f"file {name}", *self.shown("|", content)]
        return seen

    def is_changed(self, file, content):
        if file.kind == "base64":
            return content != case_file.content_of(file)
        return content != self.filled(case_file.text_of(file.lines)).encode()

    def rows(self, path):
        database = sqlite3.connect(path)
        database.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        seen = []
        try:
            present = {name for (name,) in database.execute("select name from sqlite_master")}
            for table, order in TABLES.items():
                if table not in present:
                    continue
                cursor = database.execute(f"select * from [{table}] order by {order}")
                columns = [column[0] for column in cursor.description]
                for row in cursor:
                    values = [
                        VOLATILE.get((table, c)) or self.spelled(v) for c, v in zip(columns, row)
                    ]
                    seen.append(f"  {table} " + self.without_paths(", ".join(values)))
            return seen
        finally:
            database.close()

    def spelled(self, value):
        if value is None:
            return "null"
        if isinstance(value, str) and len(value) > SHORT and value in self.outputs:
            return f"<output {self.outputs[value]}>"
        return ascii(value)

    def shown(self, mark, content):
        """Bytes as ASCII lines after a mark; a missing newline at the end as \\c."""
        text = self.without_paths(content.decode("utf-8", "surrogateescape"))
        lines = text.split("\n")
        last = lines.pop()
        if last:
            lines.append(last + "\\c")
        escaped = (PLAIN.sub(lambda match: ascii(match.group())[1:-1], line) for line in lines)
        return [
            f"{mark} {line}".rstrip(" ") if not line.strip(" ") else f"{mark} {line}"
            for line in escaped
        ]

    # --- what differs from run to run ---

    def without_paths(self, text):
        for folder in (self.user, self.work, self.home):
            text = text.replace(str(folder), f"<{folder.name}>")
        text = TIME.sub(time_form, text)
        for pattern, replacement in DURATIONS:
            text = pattern.sub(replacement, text)
        return text

    @staticmethod
    def numbered(pattern, kind, lines):
        names = {}
        number = lambda match: names.setdefault(match.group(), f"<{kind} {len(names) + 1}>")
        return [pattern.sub(number, line) for line in lines]


def outcome(status, stderr):
    """What a failure looked like on standard error, whatever its words."""
    if status == 0:
        return ""
    if b"Aborted!" in stderr:
        return ", aborted"
    # An exception that llm does not catch is an error in many lines.
    said = re.search(rb"(?m)^(Error: |Traceback )", stderr)
    return ", with an error" if said else ", without a word"


def time_form(match):
    separator, fraction, zone = match.groups()
    return f"<time {separator}{'.6' if fraction else ''}{zone or ''}>"
