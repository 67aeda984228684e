"""hob batch from outside: rows in and out, going on after a kill, what is asked once.

The echo model answers with its request, so every byte of the output can be known. HOB_BINARY (set by
./check) is the program under test.
"""

import contextlib
import csv
import io
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
signal.signal(signal.SIGINT, signal.default_int_handler)

HOB = os.environ.get("HOB_BINARY")
MODEL = os.environ.get("HOB_TEST_MODEL")


def raw(text):
    """A prompt that echo answers with `text`."""
    return json.dumps({"raw": text})


@unittest.skipUnless(HOB, "HOB_BINARY is not set")
class Batch(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hob-batch-")
        self.home = pathlib.Path(self.folder.name)
        self.environment = {"HOB_HOME": str(self.home), "HOME": str(self.home), "PATH": "/usr/bin:/bin"}

    def tearDown(self):
        self.folder.cleanup()

    def path(self, name, text=None):
        path = self.home / name
        if text is not None:
            path.write_text(text, encoding="utf-8")
        return str(path)

    def hob(self, *arguments, status=0, stdin=""):
        done = subprocess.run(
            [HOB, *arguments], env=self.environment, input=stdin, capture_output=True, text=True,
            timeout=600,
        )
        self.assertEqual(status, done.returncode, done.stderr)
        return done

    def turns(self):
        database = sqlite3.connect(self.home / "logs.db")
        rows = database.execute(
            "select r.state, r.source, t.model from turns t join turn_records r on r.turn_id = t.id"
        ).fetchall()
        database.close()
        return rows

    def rows(self, count):
        return "".join(json.dumps({"id": f"r{i}", "n": i}) + "\n" for i in range(count))

    def test_json_lines_in_and_out(self):
        source = self.path("in.jsonl", self.rows(3))
        done = self.hob("batch", source, '{"raw": "row $n"}', "-m", "echo")
        self.assertEqual(
            [{"id": f"r{i}", "n": i, "response": f"row {i}"} for i in range(3)],
            [json.loads(line) for line in done.stdout.splitlines()],
        )
        self.assertEqual("3 rows: 3 asked, 0 known, 0 failed\n", done.stderr)
        self.assertEqual([("done", "batch", "echo")] * 3, self.turns())

    def test_csv_in_and_out(self):
        source = self.path("in.csv", 'id,prompt\na,"{""raw"": ""one, two""}"\nb,"{""raw"": ""x""}"\n')
        output = self.path("out.csv")
        self.hob("batch", source, "-m", "echo", "--output", output, "--quiet")
        rows = list(csv.reader(io.StringIO(pathlib.Path(output).read_text())))
        self.assertEqual(["id", "prompt", "response", "error"], rows[0])
        self.assertEqual([["a", "one, two", ""], ["b", "x", ""]], [[r[0], *r[2:]] for r in rows[1:]])

    def test_a_csv_can_become_json_lines(self):
        source = self.path("in.csv", "word\nred\n")
        output = self.path("out.jsonl")
        self.hob("batch", source, '{"raw": "$word"}', "-m", "echo", "--output", output)
        self.assertEqual('{"word":"red","response":"red"}\n', pathlib.Path(output).read_text())

    def test_standard_input(self):
        done = self.hob("batch", "-", '{"raw": "$n"}', "-m", "echo", stdin='{"n": 1}\n')
        self.assertEqual('{"n":1,"response":"1"}\n', done.stdout)

    def test_what_is_known_is_not_asked_again(self):
        source = self.path("in.jsonl", self.rows(4) + '{"id": "again", "n": 0}\n')
        done = self.hob("batch", source, '{"raw": "$n"}', "-m", "echo")
        self.assertIn("4 asked, 1 known", done.stderr)
        again = self.hob("batch", source, '{"raw": "$n"}', "-m", "echo")
        self.assertIn("0 asked, 5 known", again.stderr)
        self.assertEqual(done.stdout, again.stdout)
        self.assertEqual(4, len(self.turns()))
        fresh = self.hob("batch", source, '{"raw": "$n"}', "-m", "echo", "--fresh")
        self.assertIn("4 asked, 1 known", fresh.stderr)

    def test_errors_are_kept_by_row_and_stop_nothing(self):
        source = self.path("in.jsonl", '{"n": 1}\n{"m": 2}\n{"n": 3}\n')
        for prompt, why in (("$x", "Missing variables: x"), ("$5", "a dollar that begins")):
            refused = self.hob("batch", source, prompt, "-m", "echo", status=1)
            self.assertIn(why, refused.stderr)
            self.assertIn("the rows have the columns n, m\n", refused.stderr)
            self.assertEqual("", refused.stdout)
        done = self.hob("batch", source, '{"raw": "$n"}', "-m", "echo", status=1)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(["1", None, "3"], [line["response"] for line in lines])
        self.assertIn("n", lines[1]["error"])
        self.assertIn("row 2: ", done.stderr)
        self.assertTrue(done.stderr.endswith(
            "Error: 1 of 3 rows failed; the same command asks them again\n"), done.stderr)

    def test_nothing_is_written_without_logging(self):
        source = self.path("in.jsonl", self.rows(1))
        self.hob("batch", source, "$n", "-m", "echo", "-n")
        self.hob("batch", source, "$n", "-m", "echo", "--dry-run")
        self.assertEqual(["in.jsonl"], [path.name for path in self.home.iterdir()])

    def test_wrong_rows_are_one_error(self):
        for name, text in [("a.jsonl", "{\n"), ("b.csv", "a,b\n1\n"), ("c.jsonl", '{"response": 1}\n'),
                           ("d.csv", "id\nx\nx\n")]:
            done = self.hob("batch", self.path(name, text), "x", "-m", "echo", status=1)
            self.assertEqual(1, done.stderr.count("\n"), done.stderr)
            self.assertEqual("", done.stdout)
        self.hob("batch", str(self.home / "missing.csv"), "x", "-m", "echo", status=1)

    def test_an_output_is_whole_or_not_there(self):
        source = self.path("in.jsonl", self.rows(2))
        output = self.path("out.jsonl", "before")
        self.hob("batch", source, "x", "-m", "nobody", "--output", output, status=1)
        self.assertEqual("before", pathlib.Path(output).read_text())

    def test_templates_fragments_and_parameters(self):
        (self.home / "templates").mkdir()
        (self.home / "templates" / "ask.yaml").write_text(
            "system: You are $mood\nprompt: 'Is $word a colour? $input'\ndefaults: {mood: kind}\n"
        )
        source = self.path("in.jsonl", '{"word": "red", "mood": "brief"}\n')
        fragment = self.path("facts.txt", "Red is a colour.")
        command = ["batch", source, "Think of $word.", "-t", "ask", "-f", fragment, "-m", "echo"]
        reply = json.loads(json.loads(self.hob(*command).stdout)["response"])
        self.assertEqual("Red is a colour.\nIs red a colour? Think of red.", reply["prompt"])
        self.assertEqual("You are brief", reply["system"])
        reply = json.loads(json.loads(self.hob(*command, "-p", "mood", "curt").stdout)["response"])
        self.assertEqual("You are curt", reply["system"])

    def test_a_dry_run_counts_and_asks_nothing(self):
        source = self.path("in.jsonl", self.rows(3) + '{"m": 1}\n')
        done = self.hob("batch", source, '{"raw": "$n"}', "-m", "echo", "--dry-run")
        self.assertIn("rows: 4, of which 3 to ask, 0 known or alike, 1 wrong\n", done.stdout)
        self.assertFalse((self.home / "logs.db").exists())

    def test_a_row_alone_is_refused_where_the_output_would_lose_it(self):
        done = self.hob("batch", self.path("a.csv", "id,error\nx,y\n"), "x", "-m", "echo", status=1)
        self.assertIn("has a column 'error' already", done.stderr)
        bad = self.home / "bad.csv"
        bad.write_bytes(b"a\n\xff\n")
        self.assertIn("not UTF-8", self.hob("batch", str(bad), "x", "-m", "echo", status=1).stderr)

    @unittest.skipUnless(MODEL, "HOB_TEST_MODEL is not set")
    def test_replies_under_a_schema_are_values_and_replay(self):
        source = self.path("in.jsonl", self.rows(3))
        command = ["batch", source, "A number near $n", "-m", MODEL, "--schema", "n int", "-o",
                   "temperature", "0.8", "--context", "256", "--jobs", "2"]
        replies = [json.loads(line)["response"] for line in self.hob(*command).stdout.splitlines()]
        self.assertEqual(3, len(replies))
        for reply in replies:
            self.assertEqual(["n"], list(reply))
            self.assertIsInstance(reply["n"], int)
        replayed = self.hob("replay", "--all")
        self.assertIn("3 identical, 0 different", replayed.stdout)

    @unittest.skipUnless(MODEL, "HOB_TEST_MODEL is not set")
    def test_many_at_a_time_are_one_by_one(self):
        source = self.path("in.jsonl", "".join(
            json.dumps({"word": word}) + "\n"
            for word in ["rain", "a crow", "the number seven", "Rome", "bread", "a lighthouse"]
        ))
        command = ["batch", source, "One short line about $word", "-m", MODEL, "-o", "max_tokens",
                   "12", "--quiet", "--fresh", "-o", "temperature", "0.8"]
        one = self.hob(*command, "--jobs", "1").stdout
        self.assertEqual(6, one.count("\n"))
        self.assertEqual(one, self.hob(*command, "--jobs", "4").stdout)
        self.assertEqual(one, self.hob(*command, "--jobs", "3", "--threads", "1").stdout)

    @unittest.skipUnless(MODEL, "HOB_TEST_MODEL is not set")
    def test_goes_on_after_kill(self):
        count = 8
        source = self.path("in.jsonl", self.rows(count))
        output = self.path("out.jsonl")
        command = [HOB, "batch", source, "Say the number $n", "-m", MODEL, "-o", "max_tokens", "8",
                   "--output", output, "--jobs", "2"]
        for answers in (1, 3):
            process = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)
            self.wait_for_answers(answers)
            process.kill()
            process.wait()
        self.assertFalse(pathlib.Path(output).exists())
        done = self.hob(*command[1:])
        lines = pathlib.Path(output).read_text().splitlines()
        self.assertEqual([f"r{i}" for i in range(count)], [json.loads(x)["id"] for x in lines])
        database = sqlite3.connect(self.home / "logs.db")
        self.assertEqual([("ok",)], database.execute("pragma integrity_check").fetchall())
        database.close()
        self.assertRegex(done.stderr, rf"{count} rows: [0-5] asked, [3-8] known, 0 failed")

    @unittest.skipUnless(MODEL, "HOB_TEST_MODEL is not set")
    def test_ctrl_c_keeps_what_is_answered(self):
        source = self.path("in.jsonl", self.rows(40))
        output = self.path("out.jsonl", "before")
        command = [HOB, "batch", source, "Say the number $n", "-m", MODEL, "-o", "max_tokens", "8",
                   "--output", output, "--jobs", "2"]
        process = subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE, text=True)
        self.wait_for_answers(2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        self.assertNotEqual(0, process.returncode)
        self.assertIn("the same command goes on from there", said)
        self.assertEqual("before", pathlib.Path(output).read_text())
        self.assertEqual(["in.jsonl", "out.jsonl"],
                         sorted(p.name for p in self.home.iterdir() if ".jsonl" in p.name))

    def wait_for_answers(self, count):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for path in self.home.rglob("batch.db"):
                with contextlib.closing(sqlite3.connect(path)) as database:
                    with contextlib.suppress(sqlite3.OperationalError):
                        if database.execute("select count(*) from answers").fetchone()[0] >= count:
                            return
            time.sleep(0.02)
        self.fail("no answers came")


if __name__ == "__main__":
    unittest.main()
