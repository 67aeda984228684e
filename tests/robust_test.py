"""Tests of hob where the world is against it: standard streams that are closed, input that is no
text or very long, hostile pages, folders that may not be written, disks that fill up, databases that
stay locked, narrow terminals, Ctrl-C at any moment.

The model is the built-in `echo`, so that what is tested is the program around the model. Whatever
happens: no signal but the one that was sent, at most one line of error, and a ledger that SQLite
finds whole. ledger_test.py has what concerns single turns (kills, a lock that passes, a reader that
leaves) and hundreds of writers at once. HOB_BINARY (set by ./check) is the program under test.
"""

import errno
import json
import os
import pathlib
import pty
import pwd
import resource
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.dont_write_bytecode = True
# Whoever runs the tests in the background may have them ignore Ctrl-C, and children would too.
signal.signal(signal.SIGINT, signal.default_int_handler)

HOB = os.environ.get("HOB_BINARY")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
SECONDS = 120  # what hangs is ended


@unittest.skipUnless(HOB, "HOB_BINARY is not set")
class RobustTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="hob-robust-", dir=MEMORY))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.home = self.root / "home"
        self.home.mkdir()
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.root),
            "HOB_HOME": str(self.home),
            "HOB_MODEL": "echo",
            "LC_ALL": "C.UTF-8",
        }

    def hob(self, *arguments, env=None, **options):
        options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
        return subprocess.run(
            [HOB, *arguments],
            env=self.env if env is None else env,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            check=False,
            **{key: value for key, value in options.items() if value is not None},
        )

    def assert_one_error(self, done, *words):
        """Exit status 1 and one line that has these words."""
        message = done.stderr.decode()
        self.assertEqual(done.returncode, 1, message)
        self.assertRegex(message, r"\AError: [^\n]+\n\Z")
        for word in words:
            self.assertIn(word, message)

    def assert_whole(self, turns=None, path=None):
        """The ledger is intact and has that many turns."""
        with sqlite3.connect(path or self.home / "logs.db", timeout=30) as database:
            self.assertEqual(database.execute("pragma integrity_check").fetchall(), [("ok",)])
            self.assertEqual(database.execute("pragma foreign_key_check").fetchall(), [])
            if turns is not None:
                self.assertEqual(
                    database.execute("select count(*) from turns").fetchone()[0], turns
                )
        database.close()

    # --- pipes and streams ---

    def test_a_full_standard_output_is_an_error(self):
        with open("/dev/full", "wb") as full:
            self.assert_one_error(self.hob("hello", stdout=full), "standard output")
            self.assert_one_error(self.hob("--version", stdout=full), "standard output")

    def test_closed_standard_streams(self):
        for closed in ((0,), (1,), (2,), (0, 1, 2)):
            with self.subTest(closed):
                child = subprocess.run(
                    ["sh", "-c", 'exec "$0" hello ' + " ".join(f"{n}>&-" for n in closed), HOB],
                    env=self.env,
                    capture_output=True,
                    timeout=SECONDS,
                    check=False,
                )
                self.assertIn(child.returncode, (0, 1))
                self.assert_whole()

    def test_invalid_utf8_on_standard_input(self):
        junk = b"caf\xe9 \xff\xfe \xc3 \xed\xa0\x80 \xf4\x90\x80\x80 \x00 end"
        done = self.hob(input=junk)
        self.assertEqual((done.returncode, done.stderr.count(b"\n") <= 1), (0, True), done.stderr)
        self.assertIn("end", json.loads(done.stdout)["prompt"])
        self.assertIn("end", json.loads(self.hob("logs", "--json").stdout)[0]["prompt"])
        self.assert_whole(1)
        for arguments in (["-c"], ["-s", "x"], ["chat"], ["fragments", "set", "a", "-"]):
            with self.subTest(arguments):
                self.assertIn(self.hob(*arguments, input=junk + b"\nquit\n").returncode, (0, 1))

    def test_invalid_utf8_in_arguments(self):
        junk = b"caf\xe9 \xff"
        for arguments in (
            [junk],
            [b"-s", junk, b"x"],
            [b"-t", junk],
            [b"-f", junk],
            [b"-m", junk],
            [b"--cid", junk, b"x"],
            [b"logs", b"-q", junk],
            [b"aliases", b"set", junk, b"echo"],
            [b"schemas", b"dsl", junk],
            [b"--" + junk],
        ):
            with self.subTest(arguments):
                done = self.hob(*arguments)
                self.assertIn(done.returncode, (0, 1, 2))
        for file in self.home.rglob("*.json"):
            json.loads(file.read_bytes().decode())
        self.assert_whole()

    def test_a_hundred_megabytes_on_standard_input(self):
        text = (b"0123456789 abcdef\n" * 6_000_000)[: 100 << 20]
        done = self.hob("-n", input=text)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(json.loads(done.stdout)["prompt"]), len(text))
        self.assertEqual(list(self.home.rglob("*.db")), [])

    def test_a_long_prompt_is_logged_whole(self):
        text = "word " * 1_000_000
        self.assertEqual(self.hob(input=text.encode()).returncode, 0)
        self.assertEqual(json.loads(self.hob("logs", "--json").stdout)[0]["prompt"], text)
        self.assert_whole(1)

    # --- pages ---

    def stripped(self, page):
        """What `hob html` makes of a page: status, standard error, and the megabytes it took at most."""
        path = self.root / "page.html"
        path.write_bytes(page)
        with open(self.root / "err", "w+b") as err:
            child = subprocess.Popen(
                [HOB, "html", "-i", path],
                env=self.env,
                stdout=subprocess.DEVNULL,
                stderr=err,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS)),
            )
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            err.seek(0)
            return child.returncode, err.read().decode(), usage.ru_maxrss / 1024

    def test_hostile_pages(self):
        numbered = lambda form, count: b"".join(form % i for i in range(count))
        size = 24 << 20
        pages = {
            "nested": (b"<div>", b"elements nest deeper"),
            "tables": (b"<table><tr><td>", b"elements nest deeper"),
            "unclosed paragraphs": (b"<p>", b"elements, attributes and texts"),
            "unclosed formatting": (b"<b><p>", b"elements, attributes and texts"),
            "many": (b"<br>", b"elements, attributes and texts"),
            "hidden": (b"<i hidden></i>", b"elements, attributes and texts"),
            "copied": (numbered(b"<b id=%d>", 400), b"</p><p>x", b"more tags than can be read"),
            "walked": (b"<span>" * 900, b"</x>", b"more tags than can be read"),
            "scopes": (b"<span>" * 900, b"<p></p>", b"more tags than can be read"),
            "attributes": (b"<p" + numbered(b" a%d", 2_000_000), b"", b"512 attributes"),
            "names": (numbered(b"</x%d>", 1_000_000), b"", b"different names"),
        }
        for name, (*parts, words) in pages.items():
            begin, repeated = parts if len(parts) == 2 else (b"", *parts)
            page = begin + repeated * ((size - len(begin)) // max(1, len(repeated)))
            with self.subTest(name):
                status, message, megabytes = self.stripped(page)
                self.assertEqual((status, message.count("\n")), (1, 1), message)
                self.assertIn(words.decode(), message)
                self.assertLess(megabytes, 700)

    def test_a_long_page_is_no_hostile_one(self):
        row = b"<tr><td class=a>one</td><td>two <b>three</b></td></tr>\n"
        for page in (
            b"<table>" + row * 150_000 + b"</table>",
            b"<!-- " + b"<p a b c>" * 2_000_000 + b" -->text",
            b"<script>" + b"if (a <b && c d e) " * 1_000_000 + b"</script>text",
            b"<p title='" + b"<b c d e " * 2_000_000 + b"'>text",
            b"word " * 4_000_000,
        ):
            with self.subTest(page[:20]):
                status, message, megabytes = self.stripped(page)
                self.assertEqual((status, message), (0, ""))
                self.assertLess(megabytes, 700)

    # --- folders and disks ---

    def test_a_home_that_is_a_file(self):
        shutil.rmtree(self.home)
        self.home.write_text("a file")
        self.assert_one_error(self.hob("hello"), str(self.home))
        self.assertEqual(self.hob("hello", "-n").returncode, 0)

    @unittest.skipUnless(os.getuid() == 0, "needs to become another user, or to mount")
    def test_a_folder_that_may_not_be_written(self):
        self.hob("hello")
        program = self.root / "hob"
        shutil.copy(HOB, program)
        self.root.chmod(0o755)
        nobody = pwd.getpwnam("nobody").pw_uid
        run = lambda *arguments: subprocess.run(
            [program, *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            user=nobody,
            group=nobody,
            check=False,
        )
        self.assert_one_error(run("hello"), "logs.db")
        self.assertEqual(run("hello", "-n").returncode, 0)
        self.assertIn(run("logs", "-r").returncode, (0, 1))
        for arguments in (
            ["logs", "off"],
            ["aliases", "set", "a", "echo"],
            ["x", "--save", "t"],
            ["models", "default", "echo"],
        ):
            with self.subTest(arguments):
                self.assert_one_error(run(*arguments))
        self.assert_whole(1)

    def test_a_disk_that_fills_up(self):
        disk = self.root / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
        if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
            self.skipTest("needs to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", str(disk)], check=True)
        env = self.env | {"HOB_HOME": str(disk)}
        done = 0
        while (last := self.hob("word " * 2_000, env=env)).returncode == 0 and done < 200:
            done += 1
        self.assertLess(done, 200, "the disk never filled")
        self.assert_one_error(last, "full")
        for arguments in (["logs", "-n", "1"], ["logs", "status"]):
            self.assertIn(self.hob(*arguments, env=env).returncode, (0, 1))
        self.assert_one_error(self.hob("--save", "t", input=b"word " * 400_000, env=env))
        ballast = disk / "logs.db"
        self.assert_whole(path=ballast)
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        self.assertEqual(self.hob("again", env=env).returncode, 0)
        self.assert_whole(path=ballast)

    def test_files_that_are_no_databases_or_no_json(self):
        for content in (
            b"not a database, certainly not",
            b"SQLite format 3\0" + b"\xff" * 4000,
            b"\0" * 5000,
        ):
            (self.home / "logs.db").write_bytes(content)
            for arguments in (["hello"], ["logs"], ["-c", "x"], ["fragments"], ["schemas"]):
                with self.subTest((content[:15], arguments)):
                    self.assert_one_error(self.hob(*arguments), "logs.db")
        (self.home / "logs.db").unlink()
        for name in ("aliases.json", "model_options.json", "default_model.txt"):
            (self.home / name).write_bytes(b"\xff\xfe\x00{")
            with self.subTest(name):
                self.assertIn(self.hob("hello", "-n").returncode, (0, 1))
            (self.home / name).unlink()

    # --- the ledger, shared ---

    def locked(self):
        """The ledger's database, held as by a program that writes to it."""
        other = sqlite3.connect(self.home / "logs.db", isolation_level=None)
        self.addCleanup(other.close)
        other.execute("begin immediate")
        return other

    def test_a_locked_ledger_holds_no_reply_back(self):
        self.hob("hello")
        for flags in ([], ["--no-stream"]):
            with self.subTest(flags):
                other = self.locked()
                call = subprocess.Popen(
                    [HOB, "a reply", *flags],
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
                reply = b""
                while not reply.endswith(b"}\n") and (part := os.read(call.stdout.fileno(), 4096)):
                    reply += part
                self.assertEqual(json.loads(reply)["prompt"], "a reply")
                self.assertIsNone(call.poll(), "it does not wait for the ledger")
                other.execute("rollback")
                self.assertEqual(call.communicate(timeout=SECONDS), (b"", b""))
                self.assertEqual(call.returncode, 0)
        self.assert_whole(3)

    def test_a_ledger_that_stays_locked_is_an_error_after_the_reply(self):
        self.hob("hello")
        other = self.locked()
        done = self.hob("a reply", "--json")
        self.assert_one_error(done, "logs.db", "locked", "-n answers without recording")
        self.assertEqual(json.loads(done.stdout)[0]["prompt"], "a reply")
        self.assertEqual(self.hob("hello", "-n").returncode, 0)
        self.assertEqual(self.hob("logs", "-r").returncode, 0)  # readers are not in the way
        other.execute("rollback")
        self.assert_whole(1)

    # --- terminals ---

    def terminal(self, *arguments, columns=20, keys=(), env=None):
        """Runs hob in a terminal. `keys` are (seconds to wait, bytes). (status, what was shown)."""
        child, master = pty.fork()
        if child == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execve(HOB, [HOB, *arguments], self.env | {"TERM": "xterm"} | (env or {}))
        self.addCleanup(os.close, master)
        termios.tcsetwinsize(master, (24, columns)) if hasattr(termios, "tcsetwinsize") else None
        shown, keys, began, status = b"", list(keys), time.monotonic(), None
        due = began
        while status is None or select.select([master], [], [], 0)[0]:
            if keys and time.monotonic() >= due + keys[0][0]:
                due += keys[0][0]
                os.write(master, keys.pop(0)[1])
            if select.select([master], [], [], 0.01)[0]:
                try:
                    shown += os.read(master, 65536)
                except OSError as error:
                    self.assertEqual(error.errno, errno.EIO)
                    break
            if status is None and (ended := os.waitpid(child, os.WNOHANG))[0]:
                status = os.waitstatus_to_exitcode(ended[1])
            if time.monotonic() - began > SECONDS:
                os.kill(child, signal.SIGKILL)
                self.fail(f"{arguments} hangs in a terminal; shown: {shown[-500:]}")
        if status is None:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return status, shown

    def test_a_terminal_of_twenty_columns(self):
        self.hob(
            r'{"raw": "# A heading\n\n| a | b |\n|---|---|\n| long cell | and one more |\n\n- item"}'
        )
        for columns in (20, 1):
            for arguments in (
                ["--help"],
                ["models"],
                ["logs"],
                ["logs", "-s"],
                ["templates"],
                ["hello"],
                [r'{"raw": "| a | b |\n|---|---|\n| long | cells |\n\n```\ncode\n```"}'],
            ):
                with self.subTest((columns, arguments)):
                    status, shown = self.terminal(*arguments, columns=columns)
                    self.assertEqual(status, 0, shown)
            status, shown = self.terminal(
                "chat",
                columns=columns,
                keys=[(0.3, b"a line longer than the terminal is wide\r"), (0.3, b"\x04")],
            )
            self.assertEqual(status, 0, shown)
        self.assert_whole()

    def test_ctrl_c_at_any_moment(self):
        delays = [0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]
        for arguments in (["hello"], ["chat"], ["logs"], [], ["chat", "-c"]):
            for delay in delays:
                with self.subTest((arguments, delay)):
                    keys = [(delay, b"\x03"), (0.2, b"\x03"), (0.2, b"\x04"), (0.2, b"\x04")]
                    status, shown = self.terminal(*arguments, keys=keys)
                    self.assertIn(status, (0, 1, -signal.SIGINT), shown)
        if (self.home / "logs.db").exists():
            self.assert_whole()


if __name__ == "__main__":
    unittest.main()
