"""Tests of the ledger from outside: what `hob prompt` and `hob chat` leave in logs.db, whatever
happens to them, and whether replies can be done again.

The echo model serves where no model is needed. HOB_BINARY (set by ./check) is the program under
test; HOB_TEST_MODEL the default model, for tests of replay and interruption.
"""

import json
import os
import pathlib
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
signal.signal(signal.SIGINT, signal.default_int_handler)

HOB = os.environ.get("HOB_BINARY")
MODEL = os.environ.get("HOB_TEST_MODEL")
KILLS = 200
WRITERS = 500
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


@unittest.skipUnless(HOB, "HOB_BINARY names no hob")
class LedgerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = pathlib.Path(folder.name)
        self.home = self.work / "home"
        names = ("HOB_MODEL", "HOB_MODELS", "LLM_USER_PATH")
        self.env = {k: v for k, v in os.environ.items() if k not in names}
        self.env |= {"HOB_HOME": str(self.home), "HOME": str(self.work), "HOB_MODEL": "echo"}

    def hob(self, *arguments, stdin=b"", status=0, env=None, **options):
        done = subprocess.run([HOB, *map(str, arguments)], input=stdin, capture_output=True,
                              env=env or self.env, cwd=self.work, timeout=300, **options)
        done.out = done.stdout.decode("utf-8", "replace")
        done.err = done.stderr.decode("utf-8", "replace")
        if status is not None:
            self.assertEqual(done.returncode, status, done.out + done.err)
        return done

    def rows(self, query, database=None):
        with sqlite3.connect(database or self.home / "logs.db") as connection:
            return connection.execute(query).fetchall()


class RecordTest(LedgerTest):
    def test_a_turn_is_recorded_whole(self):
        self.hob("Where is the crow?", "-s", "Be brief", "--tag", "birds")
        self.assertEqual(self.rows("select state, source, provider from turn_records"),
                         [("done", "prompt", "echo")])
        self.assertEqual(self.rows("select model, input_tokens from turns"), [("echo", 6)])
        self.assertEqual(self.rows("select role from messages"),
                         [("system",), ("user",), ("assistant",)])
        self.assertEqual(self.rows("select name from threads"), [("Where is the crow?",)])
        self.assertEqual(self.rows("select tag from turn_tags"), [("birds",)])
        self.assertEqual(self.rows("select count(*) from turn_search_fts where turn_search_fts"
                                   " match 'crow'"), [(1,)])

    def test_no_log_writes_no_file(self):
        self.hob("-n", "hello")
        self.hob("-n", "--json", "hello")
        self.hob("chat", "--no-log", stdin=b"hello\nquit\n")
        self.assertFalse(self.home.exists())

    def test_the_switch_and_the_flags(self):
        self.hob("logs", "off")
        self.hob("hello")
        self.hob("chat", stdin=b"hello\nquit\n")
        self.assertFalse((self.home / "logs.db").exists())
        self.hob("--log", "hello")
        self.assertEqual(self.rows("select count(*) from turns"), [(1,)])
        self.assertIn("Logging is OFF", self.hob("logs", "status").out)
        self.hob("logs", "on")
        self.hob("hello")
        self.assertEqual(self.rows("select count(*) from turns"), [(2,)])
        self.assertIn("mutually exclusive", self.hob("-n", "--log", "x", status=1).err)

    def test_another_database(self):
        self.hob("-d", "deep/er/my.db", "hello")
        self.assertEqual(self.rows("select count(*) from turns", self.work / "deep/er/my.db"), [(1,)])
        self.assertFalse((self.home / "logs.db").exists())
        self.hob("-d", self.work, "hello", status=2)

    def test_conversations_go_on(self):
        self.hob("one")
        self.hob("two", "-c")
        thread, = self.rows("select id from threads")[0]
        self.hob("another")
        self.hob("three", "--cid", thread)
        self.assertEqual(self.rows("select count(*) from turns where thread_id = '%s'" % thread),
                         [(3,)])
        self.assertEqual(self.rows("select count(*) from messages"), [(8,)])
        missing = self.hob("x", "--cid", "nope", status=1)
        self.assertEqual(missing.err, "Error: No conversation found with id=nope\n")

    def test_a_reply_that_says_nothing_keeps_questions_apart(self):
        self.hob(json.dumps({"raw": ""}))
        self.hob("second", "-c")
        newest, = json.loads(self.hob("logs", "-n", "1", "--json").out)
        self.assertEqual(newest["prompt"], "second")
        self.assertEqual(self.rows("select role from messages order by rowid"),
                         [("user",), ("assistant",)] * 2)

    def test_chat_is_one_thread(self):
        done = self.hob("chat", "-s", "sys", stdin=b"one\ntwo\nquit\n")
        self.assertIn('"prompt": "two"', done.out)
        self.assertEqual(self.rows("select count(*) from threads"), [(1,)])
        self.assertEqual(self.rows("select source, count(*) from turn_records"), [("chat", 2)])
        self.hob("chat", "-c", stdin=b"three\nquit\n")
        self.assertEqual(self.rows("select count(*) from threads"), [(1,)])

    def test_json_shows_the_turn_with_and_without_a_ledger(self):
        for flags in ((), ("-n",)):
            turn, = json.loads(self.hob("hello", "--json", "-o", "example_bool", "1", *flags).out)
            self.assertEqual(turn["prompt"], "hello")
            self.assertEqual(turn["options_json"], {"example_bool": True})
            self.assertEqual(json.loads(turn["response"])["stream"], False)
        self.assertEqual(self.rows("select count(*) from turns"), [(1,)])

    def test_extraction(self):
        raw = json.dumps({"raw": "Here:\n\n1. ```c++\n   int x;\n   ```\n\n~~~\nlast\n~~~\n"})
        self.assertEqual(self.hob("-x", raw).out, "int x;\n\n")
        self.assertEqual(self.hob("--xl", raw).out, "last\n\n")
        self.assertEqual(self.hob("-x", json.dumps({"raw": "none"})).out, "none\n")

    def test_attachments(self):
        picture = self.work / "a.png"
        picture.write_bytes(PNG)
        reply = json.loads(self.hob("look", "-a", picture).out)
        self.assertEqual(reply["attachments"][0]["type"], "image/png")
        self.hob("look", "-a", "-", stdin=PNG)
        # One message, one attachment: the same bytes of the same type.
        self.assertEqual(self.rows("select path is not null, content is null from attachments"),
                         [(True, True)])
        self.hob("look again", "-a", "-", stdin=PNG)
        self.hob("and again", "-a", picture)
        self.assertEqual(self.rows("select content from attachments"), [(PNG,)])
        self.assertEqual(self.hob("look", "-a", "none.png", status=2).err.splitlines()[-1],
                         "Error: File none.png does not exist")
        self.assertIn("only image/png", self.hob("look", "--at", picture, "audio/wav", status=1).err)

    def test_what_is_not_utf8_is_replaced_and_named(self):
        done = self.hob(stdin=b"abc \xff def")
        self.assertIn("the first at byte 4", done.err)
        self.assertEqual(self.rows("select text from parts where position = 0 limit 1"),
                         [("abc \ufffd def",)])

    def test_usage_and_reasoning_go_to_standard_error(self):
        done = self.hob("-u", "-o", "thinking", "1", '{"raw": "x"}')
        self.assertEqual(done.out, "x\n")
        self.assertIn("First I consider the prompt", done.err)
        self.assertIn("Token usage: 2 input, 12 output", done.err)
        self.assertEqual(self.hob("-R", "-o", "thinking", "1", "-n", "x").err, "")

    def test_what_hob_cannot_do_is_refused_by_name(self):
        for flag in (["-T", "x"], ["--functions", "x"], ["--td"]):
            self.assertIn("Error: --", self.hob("hi", *flag, status=1).err)

    def test_a_key_is_taken_and_kept_nowhere(self):
        plain = self.hob("-n", "hi").out
        said = [self.hob("hi", "--async", "--key", "sk-secret", "-u"),
                self.hob("chat", "--key", "sk-secret", stdin=b"hi\nquit\n"),
                self.hob("hi", "--key", "sk-secret", "--save", "t"),
                self.hob("hi", "--key", "sk-secret", "-o", "nope", "1", status=1),
                self.hob("hi", "--key", "sk-secret", "--nope", status=2),
                self.hob("hi", "--key=sk-secret", "too many", status=2)]
        self.assertEqual(said[0].out, plain)
        for done in said:
            self.assertNotIn("sk-secret", done.out + done.err)
        kept = [path for path in self.home.rglob("*") if path.is_file()]
        self.assertIn(self.home / "logs.db", kept)
        self.assertEqual([p for p in kept if b"sk-secret" in p.read_bytes()], [])

    def test_dry_run_sends_and_records_nothing(self):
        self.assertIn("input: 2 tokens", self.hob("--dry-run", "two words").out)
        self.assertFalse(self.home.exists())

    def test_status_path_and_backup(self):
        self.assertIn("No log database found", self.hob("logs", "status").out)
        self.hob("hello")
        self.assertEqual(self.hob("logs", "path").out, f"{self.home}/logs.db\n")
        self.assertIn("Number of turns logged:\t\t1", self.hob("logs", "status").out)
        copy = self.work / "copy.db"
        self.hob("logs", "backup", copy)
        self.assertEqual(self.rows("pragma integrity_check", copy), [("ok",)])
        self.hob("logs", "backup", copy, status=1)

    def test_a_backup_is_whole_or_not_there(self):
        limit = 1 << 16
        self.hob(stdin=json.dumps({"raw": "r" * 4 * limit}).encode())

        def little_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        folder = self.work / "copies"
        folder.mkdir()
        done = self.hob("logs", "backup", folder / "copy.db", status=1, preexec_fn=little_room)
        self.assertIn(str(folder / "copy.db"), done.err)
        self.assertEqual(list(folder.iterdir()), [])


class RobustTest(LedgerTest):
    def test_kills_at_any_moment_lose_no_finished_turn(self):
        """Kills land anywhere between start and end; each program that got to its end is there."""
        self.hob("first")
        begun = time.monotonic()
        self.hob("measure")
        whole = time.monotonic() - begun
        chance = random.Random(1)
        finished = [b"first", b"measure"]

        def attempts(share):
            for i in range(share):
                name = f"{threading.get_ident()}-{i}".encode()
                process = subprocess.Popen([HOB, name.decode()], env=self.env, cwd=self.work,
                                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
                time.sleep(chance.uniform(0, 1.2 * whole))
                process.kill()
                if process.wait() == 0:
                    finished.append(name)

        threads = [threading.Thread(target=attempts, args=(KILLS // 4,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.rows("pragma integrity_check"), [("ok",)])
        done = {name for name, in self.rows(
            "select threads.name from turns join threads on threads.id = thread_id"
            " join turn_records on turn_id = turns.id where state = 'done'")}
        self.assertLessEqual({name.decode()[:32] for name in finished}, done)
        # A message is there with all its parts, or not at all.
        self.assertEqual(self.rows("select count(*) from messages where hash not in"
                                   " (select message_hash from parts)"), [(0,)])
        self.hob("after all of this")

    def test_many_writers_at_once(self):
        processes = [subprocess.Popen([HOB, f"writer {i}"], env=self.env, cwd=self.work,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE) for i in range(WRITERS)]
        for process in processes:
            _, err = process.communicate(timeout=300)
            self.assertEqual((process.returncode, err), (0, b""))
        self.assertEqual(self.rows("pragma integrity_check"), [("ok",)])
        self.assertEqual(self.rows("select count(*) from turn_records where state = 'done'"),
                         [(WRITERS,)])
        self.assertEqual(sorted(self.rows("select prompt from turn_search")),
                         sorted((f"writer {i}",) for i in range(WRITERS)))

    def test_a_locked_ledger_is_waited_for(self):
        self.hob("hello")
        connection = sqlite3.connect(self.home / "logs.db", check_same_thread=False)
        connection.execute("begin immediate")
        release = threading.Timer(0.5, connection.rollback)
        release.start()
        self.hob("waits")
        release.join()
        connection.close()
        self.assertEqual(self.rows("select count(*) from turns"), [(2,)])

    def test_where_no_ledger_can_be_the_reply_is_shown_all_the_same(self):
        self.home.write_bytes(b"a file, no folder")
        done = self.hob('{"raw": "the reply"}', status=1)
        self.assertEqual(done.out, "the reply\n")
        self.assertIn("Error: this turn is not in the ledger: ", done.err)
        self.assertIn(str(self.home), done.err)
        self.assertEqual(self.hob("-n", '{"raw": "the reply"}').out, "the reply\n")

    def test_a_ledger_that_is_none_is_named(self):
        self.home.mkdir()
        (self.home / "logs.db").write_bytes(b"no database" * 1000)
        done = self.hob('{"raw": "the reply"}', status=1)
        self.assertEqual(done.out, "the reply\n")
        self.assertIn("not a SQLite database", done.err)

    def test_a_full_disk_loses_nothing_on_standard_output(self):
        self.hob("hello")

        def little_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            size = (self.home / "logs.db").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 8, size // 8))

        prompt = json.dumps({"raw": "r" * 200_000})
        done = self.hob(stdin=prompt.encode(), status=1, preexec_fn=little_room)
        self.assertEqual(len(done.out), 200_001)
        self.assertIn("Error: this turn is not in the ledger: ", done.err)
        self.assertEqual(self.rows("pragma integrity_check"), [("ok",)])
        self.hob("room again")

    def test_a_reader_that_leaves_ends_it_quietly(self):
        prompt = self.work / "prompt"
        prompt.write_text(json.dumps({"raw": "line\n" * 50_000}))
        with prompt.open() as stdin:
            process = subprocess.Popen([HOB], env=self.env, cwd=self.work, stdin=stdin,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        process.wait()

    def test_without_a_home(self):
        env = {k: v for k, v in self.env.items() if k not in ("HOME", "HOB_HOME")}
        self.hob("logs", "path", env=env)
        self.hob("-n", "hello", env=env)


@unittest.skipUnless(MODEL and pathlib.Path(MODEL).exists(), "HOB_TEST_MODEL names no model")
class ReplayTest(LedgerTest):
    def setUp(self):
        super().setUp()
        self.env |= {"HOB_MODEL": MODEL}

    def test_replies_are_done_again_to_the_token(self):
        for threads in (1, 2):
            self.hob("--threads", threads, "--tokens", 12, "--seed", threads, "A word about crows")
        self.hob("--regex", "(yes|no)", "Is Rome in Italy?")
        self.hob("--raw", "--tokens", 8, "-o", "draft", "3", "one two one two one")
        self.hob("chat", "--tokens", 8, stdin=b"Hello\nAnd a rhyme\nquit\n")
        done = self.hob("replay", "--all", "--threads", 1)
        self.assertEqual(done.out, "6 identical, 0 different, 0 that no engine can do again\n")
        turn, = self.rows("select turn_id from turn_records order by turn_id limit 1")[0]
        self.assertIn(f"{turn}: identical, ", self.hob("replay", turn).out)

    def test_a_difference_is_shown_with_both_tokens(self):
        self.hob("--tokens", 12, "--seed", 1, "A word about crows")
        with sqlite3.connect(self.home / "logs.db") as connection:
            connection.execute("update turn_records set seed = '99', build = 'another'")
        done = self.hob("replay", "--all", status=1)
        self.assertRegex(done.out, r"token \d+ of 12: recorded \d+ .*log-probability -.*now \d+ ")
        self.assertIn("build: recorded another, now ", done.out)
        self.assertIn("Error: 1 of 1 replies", done.err)

    def test_what_no_engine_made_is_refused(self):
        self.hob("-m", "echo", "x")
        turn, = self.rows("select turn_id from turn_records")[0]
        self.assertIn("is not run by the engine", self.hob("replay", turn, status=1).err)
        self.assertIn("there is no record", self.hob("replay", "nope", status=1).err)

    def test_an_interrupted_reply_is_kept_as_far_as_it_came(self):
        process = subprocess.Popen([HOB, "-o", "temperature", "0", "Count to a thousand, one a line"],
                                   env=self.env, cwd=self.work, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        begun = process.stdout.read(8)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"Aborted!", err)
        self.assertEqual(self.rows("select state from turn_records"), [("stopped",)])
        partial, = self.rows("select response from turn_search")[0]
        self.assertEqual((begun + out).decode().rstrip("\n"), partial.rstrip("\n"))
        self.assertIn("1 identical", self.hob("replay", "--all").out)

    def test_a_text_model_takes_no_attachment(self):
        picture = self.work / "a.png"
        picture.write_bytes(PNG)
        self.assertIn("takes text only", self.hob("look", "-a", picture, status=1).err)

    def test_dry_run_counts_exactly(self):
        counted = self.hob("--dry-run", "How long is this?").out
        turn, = json.loads(self.hob("--json", "--tokens", 1, "How long is this?").out)
        self.assertIn(f"input: {turn['input_tokens']} tokens", counted)


if __name__ == "__main__":
    unittest.main()
