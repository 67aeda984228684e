"""hob cost, hob energy and hob prices from outside: the figures that people will read.

HOB_BINARY (set by ./check) is the program under test. No test reaches beyond the loopback address.
"""

import gzip
import http.server
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True

HOB = os.environ.get("HOB_BINARY")
DATA = pathlib.Path(__file__).resolve().parent / "data" / "llm_logs"  # logs that llm wrote

CURRENT = {
    "updated_at": "2026-03-01",
    "prices": [
        {"id": "o3", "vendor": "openai", "name": "o3", "input": 1, "output": 4, "input_cached": None},
        {"id": "new", "vendor": "acme", "name": "New", "input": 0.0375, "output": 0.15,
         "input_cached": None},
    ],
}


@unittest.skipUnless(HOB, "HOB_BINARY is not set")
class Accounts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hob-accounts-")
        self.home = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def hob(self, *arguments, status=0):
        environment = {"HOB_HOME": str(self.home), "HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [HOB, *arguments], env=environment, capture_output=True, text=True, timeout=60
        )
        self.assertEqual(status, done.returncode, done.stderr)
        return done

    def ledger(self, turns):
        """A file that only llm has written: (id, model, time, input, output)."""
        path = self.home / "llm.db"
        path.write_bytes(gzip.decompress((DATA / "current.db.gz").read_bytes()))
        database = sqlite3.connect(path)
        database.execute("delete from turns")
        database.executemany(
            "insert into turns (id, thread_id, model, datetime_utc, input_tokens, output_tokens, "
            "duration_ms) values (?, 't', ?, ?, ?, ?, 10)", turns
        )
        database.commit()
        database.close()
        return str(path)

    def test_the_arithmetic_of_an_estimate(self):
        done = self.hob(
            "cost", "estimate", "--items", "68000", "--input", "260", "--output", "100",
            "-m", "gemini-1.5-flash-8b", "--on", "2024-12-17",
        )
        self.assertEqual(
            """\
gemini-1.5-flash-8b: Gemini 1.5 Flash-8B by Google
  input        68,000 x 260 = 17,680,000 tokens at $0.0375 per million = $0.66 ($0.663)
  output       68,000 x 100 = 6,800,000 tokens at $0.15 per million = $1.02 ($1.02)
  estimate     $0.66 + $1.02 = $1.68 ($1.683)
  price of 2024-10-03 on: Gemini API pricing, https://ai.google.dev/gemini-api/docs/pricing, as of 2024-12-01
""",
            done.stdout,
        )
        self.assertIn("An estimate", done.stderr)

    def test_models_side_by_side(self):
        done = self.hob(
            "cost", "estimate", "--items", "1000", "--input", "1000", "--output", "100",
            "-m", "gpt-4o-mini-2024-07-18", "-m", "o3", "--batch",
        )
        self.assertIn("family of gpt-4o-mini-2024-07-18", done.stdout)
        self.assertRegex(done.stdout, r"gpt-4o-mini-2024-07-18 +\$0\.08 +\$0\.03 +\$0\.11")
        self.assertRegex(done.stdout, r"o3 +\$1\.00 +\$0\.40 +\$1\.40")
        as_json = json.loads(
            self.hob("cost", "estimate", "--input", "1000000", "-m", "o3", "--json").stdout
        )
        self.assertEqual(2, as_json[0]["total_usd"])
        self.assertTrue(as_json[0]["estimate"])

    def test_each_speed_says_where_it_is_from(self):
        model = self.home / "m.gguf"
        model.write_bytes(b"its name is enough")
        self.hob("-m", "echo", "hello")
        database = sqlite3.connect(self.home / "logs.db")
        database.execute("update turns set input_tokens = 30, output_tokens = 60")
        database.execute("update turn_records set model_file = ?, prompt_seconds = 1, "
                         "reply_seconds = 3", [str(model)])
        database.commit()
        database.close()
        mean = "the mean of 1 turns on record"
        for given, basis in (
            ([], f"30.0 tokens/s of prompt and 20.0 of reply, {mean}"),
            (["50", None], f"50.0 tokens/s of prompt (as given) and 20.0 of reply, {mean}"),
            ([None, "5"], f"30.0 tokens/s of prompt ({mean}) and 5.0 of reply, as given"),
            (["50", "5"], "50.0 tokens/s of prompt and 5.0 of reply, as given"),
        ):
            flags = [f"{flag}={speed}" for flag, speed in
                     zip(("--prompt-speed", "--reply-speed"), given) if speed]
            done = self.hob("cost", "estimate", "-m", str(model), "--input", "5", "--output", "5",
                            *flags)
            self.assertIn(f"by {basis}, one request at a time", done.stdout)

    def test_what_is_unknown_is_an_error(self):
        done = self.hob("cost", "estimate", "--input", "5", "-m", "nobody-knows", status=1)
        self.assertIn("Error: no price is known for 'nobody-knows'", done.stderr)
        self.assertEqual("", done.stdout)
        done = self.hob("cost", "estimate", "--input", "5", "-m", "grok-3", "--batch", status=1)
        self.assertIn("no batch price", done.stderr)

    def test_costs_of_turns_on_record(self):
        database = self.ledger(
            [
                ("1", "gpt-4o", "2024-10-01T12:00:00+00:00", 1_000_000, 0),
                ("2", "gpt-4o", "2024-10-02T12:00:00+00:00", 1_000_000, 100_000),
                ("3", "mystery", "2024-10-02T13:00:00+00:00", 10, 10),
            ]
        )
        done = self.hob("cost", "-d", database)
        self.assertRegex(done.stdout, r"gpt-4o +2 +2,000,000 +100,000 +\$8\.50 +-")
        self.assertRegex(done.stdout, r"mystery +1 +10 +10 +unknown +-")
        self.assertRegex(done.stdout, r"all +3 +2,000,010 +100,010 +\$8\.50 \+ unknown")
        self.assertIn("1 turn of models without a known price not in the sum: mystery", done.stderr)
        report = json.loads(self.hob("cost", "--by", "day", "-d", database, "--json").stdout)
        self.assertEqual([5, 3.5], [row["cost_usd"] for row in report["rows"]])
        self.assertEqual(1, report["total"]["turns_of_unknown_price"])
        report = json.loads(
            self.hob("cost", "--since", "2024-10-02", "-d", database, "--json").stdout
        )
        self.assertEqual(3.5, report["total"]["cost_usd"])

    def test_logs_of_every_llm(self):
        for name in ("current", "legacy", "oldest"):
            path = self.home / f"{name}.db"
            path.write_bytes(gzip.decompress((DATA / f"{name}.db.gz").read_bytes()))
            logged = len(json.loads(subprocess.run(
                [HOB, "logs", "-n", "0", "--json", "-d", path], capture_output=True, timeout=60,
                env={"HOB_HOME": str(self.home)}).stdout))
            report = json.loads(self.hob("cost", "--json", "-d", str(path)).stdout)
            self.assertEqual(report["total"]["turns"], logged, name)
        database = sqlite3.connect(self.home / "early.db")  # before llm counted tokens
        database.execute(
            "create table responses (id text primary key, model text, prompt text, system text, "
            "prompt_json text, options_json text, response text, response_json text, "
            "conversation_id text, duration_ms integer, datetime_utc text)")
        database.execute("insert into responses (id, model) values ('1', 'gpt-4')")
        database.commit()
        database.close()
        report = json.loads(self.hob("cost", "--json", "-d", str(self.home / "early.db")).stdout)
        self.assertEqual(report["total"]["turns_without_token_counts"], 1)
        other = sqlite3.connect(self.home / "other.db")
        other.execute("create table things (x)")
        other.close()
        done = self.hob("cost", "-d", str(self.home / "other.db"), status=1)
        self.assertIn("not a log database", done.stderr)

    def test_without_a_ledger_there_are_no_turns(self):
        self.assertEqual("No turns on record.\n", self.hob("cost").stderr)
        self.assertFalse((self.home / "logs.db").exists())
        self.hob("cost", "-d", "missing.db", status=1)

    def test_prices_from_a_file(self):
        source = self.home / "current.json"
        source.write_text(json.dumps(CURRENT))
        done = self.hob("prices", "update", str(source))
        self.assertEqual("new: new\nchanged: o3\n", done.stdout)
        self.assertIn("2026-03-01 to now: input $1, output $4", self.hob("prices", "show", "o3").stdout)
        self.assertIn("new", self.hob("prices", "-q", "new").stdout)
        self.assertEqual("", self.hob("prices", "update", str(source)).stdout)

    def test_a_bad_file_changes_nothing(self):
        source = self.home / "current.json"
        source.write_text(json.dumps(CURRENT))
        self.hob("prices", "update", str(source))
        before = (self.home / "prices.json").read_bytes()
        for text in ["{", "[]", '{"prices": [{"id": "x"}]}', '{"prices": [{"id": "o3", "input": -1}]}']:
            source.write_text(text)
            done = self.hob("prices", "update", str(source), status=1)
            self.assertEqual(1, done.stderr.count("\n"), done.stderr)
            self.assertEqual(before, (self.home / "prices.json").read_bytes())
        self.hob("prices", "update", str(self.home / "missing.json"), status=1)

    def test_names_from_elsewhere_are_harmless(self):
        evil = "evil\x9b31m\u202e"
        source = self.home / "current.json"
        source.write_text(json.dumps({"updated_at": "2026-03-01", "prices": [
            {"id": evil, "vendor": evil, "name": evil, "input": 1, "output": 1}]}))
        database = self.ledger([("1", evil, "2024-10-01T12:00:00+00:00", 5, 5)])
        outputs = [
            self.hob("cost", "-d", database),
            self.hob("cost", "-d", database, "--json"),
            self.hob("energy", "-d", database, "--json"),
            self.hob("prices", "update", str(source)),
            self.hob("prices", "-q", "evil"),
            self.hob("prices", "-q", "evil", "--json"),
            self.hob("prices", "show", evil),
            self.hob("cost", "estimate", "-m", evil, "--input", "5"),
            self.hob("cost", "estimate", "-m", evil, "--input", "5", "--json"),
        ]
        for done in outputs:
            for c in evil[4] + evil[-1]:
                self.assertNotIn(c, done.stdout + done.stderr, done.args)
        self.assertEqual(json.loads(outputs[1].stdout)["unknown_models"], [evil])
        self.assertEqual(json.loads(outputs[5].stdout)[0]["id"], evil)

    def test_prices_from_a_server(self):
        answers = {"/current-v1.json": json.dumps(CURRENT).encode(), "/broken": b"<html>"}

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                body = answers.get(self.path)
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            done = self.hob("prices", "update", f"{url}/current-v1.json")
            self.assertIn("1 new, 1 changed", done.stderr)
            self.assertIn("not JSON", self.hob("prices", "update", f"{url}/broken", status=1).stderr)
            self.assertIn("404", self.hob("prices", "update", f"{url}/gone", status=1).stderr)
        finally:
            server.shutdown()
            server.server_close()

    def test_energy_says_how_it_knows(self):
        done = self.hob("energy")
        self.assertIn("No turns with energy on record.", done.stderr)
        self.assertRegex(done.stdout, r"energy now: (measured by RAPL|estimated from processor time)")
        self.assertIn("grid: 480 g CO2e per kWh: the world", done.stdout)
        self.hob("energy", "set", "--grid", "DE", "--watts", "7.5")
        done = self.hob("energy")
        self.assertIn("grid: 381 g CO2e per kWh: Germany", done.stdout)
        report = json.loads(self.hob("energy", "--json").stdout)
        self.assertEqual(7.5, report["watts_per_core"])
        self.assertIn("'XX'", self.hob("energy", "set", "--grid", "XX", status=1).stderr)
        self.hob("energy", "set", status=1)


if __name__ == "__main__":
    unittest.main()
