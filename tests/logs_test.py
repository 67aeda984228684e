"""`hob logs` and `hob schemas` on databases that llm wrote, against what llm prints of them, and what hob adds.

The databases and llm's output are in data/llm_logs, made by data/make_llm_logs.py. HOB_BINARY (set by ./check)
is the program under test.
"""

import gzip
import json
import os
import pathlib
import pty
import sqlite3
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

HOB = os.environ.get("HOB_BINARY")
DATA = pathlib.Path(__file__).resolve().parent / "data" / "llm_logs"

# hob shows what llm does not: schemas of turns since 0.32 (llm joins its old tables alone).
WIDER = {"schemas"}


@unittest.skipUnless(HOB, "HOB_BINARY is not set")
class LogsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hob-logs-")
        self.addCleanup(self.folder.cleanup)
        self.home = pathlib.Path(self.folder.name)
        self.environment = {"HOB_HOME": str(self.home / "home"), "HOME": str(self.home), "PATH": os.environ["PATH"],
                            "LLM_USER_PATH": str(self.home / "llm")}

    def database(self, name):
        path = self.home / f"{name}.db"
        path.write_bytes(gzip.decompress((DATA / f"{name}.db.gz").read_bytes()))
        return path

    def hob(self, *arguments, text=b""):
        return subprocess.run([HOB, *map(str, arguments)], input=text, capture_output=True, env=self.environment,
                              timeout=60)

    def good(self, *arguments):
        result = self.hob(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.decode()

    def test_prints_what_llm_prints(self):
        expected = json.loads(gzip.decompress((DATA / "expected.json.gz").read_bytes()))
        for name, cases in expected.items():
            path = self.database(name)
            before = path.read_bytes()
            for arguments, status, output in cases:
                if name == "current" and arguments[0] in WIDER:
                    continue
                with self.subTest(database=name, arguments=arguments):
                    result = self.hob(*arguments, "-d", path)
                    self.assertEqual(result.returncode, status, result.stderr)
                    self.assertEqual(result.stdout.decode(), output)
            self.assertEqual(path.read_bytes(), before, "the database was written to")

    def test_imported_logs_read_the_same(self):
        for name in ("current", "legacy", "oldest"):
            path = self.database(name)
            into = self.home / f"into-{name}.db"
            self.assertIn("Imported ", self.good("logs", "import", path, "-d", into))
            self.assertTrue(self.good("logs", "import", path, "-d", into).startswith("Imported nothing; "))
            for form in (["-n", "0"], ["-n", "0", "-s"], ["-n", "0", "-u", "-e"]):
                self.assertEqual(self.good("logs", *form, "-d", into), self.good("logs", *form, "-d", path))
            self.assertEqual(sqlite3.connect(into).execute("pragma integrity_check").fetchone()[0], "ok")

    def test_the_oldest_logs_are_not_written_to(self):
        path = self.database("oldest")
        shown = self.good("logs", "-n", "0", "-d", path)
        for arguments in (["-m", "echo", "hello"], ["logs", "delete", "1", "--yes"]):
            done = self.hob(*arguments, "-d", path)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"'hob logs import' takes it over", done.stderr)
        self.assertEqual(self.good("logs", "-n", "0", "-d", path), shown)

    def test_schemas_of_turns_are_listed(self):
        path = self.database("current")
        listed = json.loads(self.good("schemas", "--json", "-d", path))
        self.assertEqual([row["times_used"] for row in listed], [1, 2])
        self.assertIn("{name, age}", self.good("schemas", "-d", path))
        self.assertIn("{items: [{name, parts}]}", self.good("schemas", "-d", path))
        self.assertEqual(json.loads(self.good("schemas", "show", listed[0]["id"], "-d", path)), listed[0]["content"])

    def test_conversations_and_periods(self):
        path = self.database("legacy")
        listed = json.loads(self.good("logs", "conversations", "--json", "-d", path))
        self.assertEqual([row["id"][-1] for row in listed], ["2", "1"])
        self.assertEqual(listed[1]["turns"], 2)
        self.assertIn("Two of a kind", self.good("logs", "conversations", "-d", path))
        self.good("aliases", "set", "mine", "old-model")
        for command in (["logs", "conversations"], ["logs", "-n", "0"]):
            by_alias = self.good(*command, "--json", "-m", "mine", "-d", path)
            self.assertEqual(by_alias, self.good(*command, "--json", "-m", "old-model", "-d", path))
            self.assertNotEqual(by_alias, "[]\n")
        ids = [row["id"][-1] for row in json.loads(
            self.good("logs", "--json", "-n", "0", "--since", "2023-07-01T10:01", "--until", "2023-08-01T10:01", "-d", path))]
        self.assertEqual(ids, ["2", "3"])
        self.assertEqual(self.hob("logs", "--since", "soon", "-d", path).returncode, 2)

    def test_export(self):
        path = self.database("current")
        page = self.good("logs", "export", "--html", "--cid", "01j00000000000000000000000", "-d", path)
        self.assertTrue(page.startswith("<!doctype html>"))
        self.assertNotIn("<script", page)
        self.assertIn("https://example.org/x.gif", page)
        out = self.home / "talk.md"
        self.good("logs", "export", "--md", "-o", out, "-d", path)
        self.assertTrue(out.read_text().startswith("# "))
        self.assertEqual(self.hob("logs", "export", "--cid", "none", "-d", path).returncode, 1)

    def test_delete_asks_first(self):
        path = self.database("current")
        self.good("logs", "import", path)
        turns = [row["id"] for row in json.loads(self.good("logs", "-n", "0", "--json"))]
        refused = self.hob("logs", "delete", turns[-1])
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"--yes", refused.stderr)
        self.assertIn("Deleted 1 turn", self.good("logs", "delete", turns[-1], "--yes"))
        self.assertIn("Deleted 1 turn", self.good("logs", "delete", "--cid", "01j00000000000000000000000", "--yes"))
        left = [row["id"] for row in json.loads(self.good("logs", "-n", "0", "--json"))]
        self.assertEqual(len(left), len(turns) - 2)
        self.assertEqual(self.hob("logs", "delete", "none", "--yes").stderr, b"Error: No logged turn with id=none\n")

    def test_without_a_database(self):
        result = self.hob("logs")
        self.assertEqual(result.returncode, 1)
        self.assertTrue(result.stderr.startswith(b"Error: No log database found at "), result.stderr)
        self.assertEqual(self.hob("logs", "-d", self.home / "none.db").returncode, 2)

    def test_hostile_files(self):
        path = self.database("current")
        content = bytearray(path.read_bytes())
        for name, damage in {"empty.db": b"", "text.db": b"not a database " * 100, "cut.db": bytes(content[:3000]),
                             "zeros.db": bytes(content[:1024]) + bytes(len(content) - 1024)}.items():
            (self.home / name).write_bytes(damage)
            for arguments in (["logs", "-n", "0", "-d"], ["logs", "-q", "pelican", "-d"], ["logs", "import"],
                              ["schemas", "-d"], ["logs", "conversations", "-d"]):
                with self.subTest(file=name, arguments=arguments):
                    result = self.hob(*arguments, self.home / name)
                    self.assertEqual(result.returncode, 1, result.stdout)
                    self.assertTrue(result.stderr.startswith(b"Error: "), result.stderr)
                    self.assertEqual(result.stderr.count(b"\n"), 1)
        for at in range(600, len(content), len(content) // 40):  # damage somewhere: an error or an answer
            broken = bytearray(content)
            broken[at:at + 64] = bytes(64)
            (self.home / "broken.db").write_bytes(broken)
            self.assertIn(self.hob("logs", "-n", "0", "--json", "-d", self.home / "broken.db").returncode, (0, 1))

    def test_terminals_get_no_control_characters(self):
        path = self.database("legacy")
        db = sqlite3.connect(path)
        db.execute("update responses set response = ?, prompt = cast(x'fffe41' as text)", ["\x1b]0;evil\x07\u202e"])
        db.commit()
        db.close()
        self.assertIn(b"\x1b]0;evil", self.hob("logs", "-n", "1", "-d", path).stdout)
        parent, child = pty.openpty()
        process = subprocess.Popen([HOB, "logs", "-n", "1", "-d", str(path)], stdout=child, env=self.environment)
        os.close(child)
        shown = b""
        while True:
            try:
                piece = os.read(parent, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertNotIn(b"\x1b]0", shown)
        self.assertNotIn("\u202e".encode(), shown)
        shown.decode()


if __name__ == "__main__":
    unittest.main()
