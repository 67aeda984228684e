"""Tests of what a prompt is made of, on the whole program: templates, fragments, aliases, saved
options, `hob files`, `hob html`.

Answers of files-to-prompt and strip-tags are stored (data/files_html.json, with the script that made
them). No test reaches beyond the loopback address or needs a model. HOB_BINARY (set by ./check) is
the program under test.
"""

import hashlib
import http.server
import json
import os
import pathlib
import pty
import select
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True

HOB = os.environ.get("HOB_BINARY")
DATA = pathlib.Path(__file__).resolve().parent / "data"


@unittest.skipUnless(HOB, "HOB_BINARY is not set")
class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name).resolve()
        self.home = self.root / "home"
        self.llm = self.root / "llm"
        self.work = self.root / "work"
        self.home.mkdir()
        self.work.mkdir()
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "HOB_HOME": str(self.home),
            "LLM_USER_PATH": str(self.llm),
            "LC_ALL": "C.UTF-8",
        }

    def hob(self, *args, stdin="", env=None, status=0):
        done = subprocess.run(
            [HOB, *args],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            cwd=self.work,
            env={**self.env, **(env or {})},
            timeout=120,
            check=False,
        )
        self.err = done.stderr.decode()
        self.assertEqual(done.returncode, status, (args, done.stdout, self.err))
        return done.stdout.decode()

    def refused(self, *args, stdin="", status=1, env=None):
        self.assertEqual(self.hob(*args, stdin=stdin, status=status, env=env), "", args)
        self.assertIn("Error: ", self.err)
        return self.err[self.err.index("Error: ") :]

    def on_screen(self, *args, stdin=b""):
        """What the program writes to a terminal, and to standard error."""
        master, slave = pty.openpty()
        done = subprocess.run([HOB, *args], input=stdin, stdout=slave, stderr=subprocess.PIPE,
                              cwd=self.work, env=self.env, timeout=120, check=True)
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:
            pass  # the end
        os.close(master)
        return shown, done.stderr

    def write(self, name, content, where=None):
        path = (where or self.work) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


class Server:
    """A server whose pages are {path: (status, headers, body)}."""

    def __init__(self, pages):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                status, headers, body = pages.get(self.path, (404, {}, b"nothing"))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class TerminalTest(Case):
    def test_what_others_wrote_sends_the_terminal_nothing(self):
        hostile = "\x1b]0;owned\x07"
        self.write("a.txt", hostile)
        self.write(f"b{hostile}.bin", b"\xff")
        self.write("t.yaml", 'prompt: "\\e]0;owned\\a"', self.home / "templates")
        self.write(f"models/{hostile}.gguf", "x", self.home)
        rows = f"id,x\n1{hostile},{hostile}\n2,x\n"
        self.hob("embed-multi", hostile, "-", "-m", "toy", "--store", stdin=rows)
        for args in (
            ["files", "."], ["html", "-i", "a.txt"], ["fragments", "show", "a.txt"], ["templates"],
            ["models"], ["collections"], ["similar", hostile, "2", "-p"],
        ):  # fmt: skip
            shown, said = self.on_screen(*args)
            self.assertIn(b"^[]0;owned", shown, args)
            self.assertNotIn(hostile.encode(), shown + said, args)
            self.assertIn(hostile, self.hob(*args), args)  # for programs as it is


class FilesTest(Case):
    def setUp(self):
        super().setUp()
        self.vectors = json.loads((DATA / "files_html.json").read_text())
        for name, text in self.vectors["tree"].items():
            self.write(name, text)
        for name, digits in self.vectors["binary"].items():
            self.write(name, bytes.fromhex(digits))

    def test_answers_of_files_to_prompt(self):
        for one in self.vectors["files"]:
            with self.subTest(args=one["args"], stdin=one["stdin"]):
                shown = self.hob("files", "--sort", *one["args"], stdin=one["stdin"])
                self.assertEqual(shown, one["stdout"])

    def test_what_is_no_text_is_said(self):
        self.hob("files", "image.bin", "a.py")
        self.assertEqual(
            self.err, "Warning: Skipping file image.bin due to UnicodeDecodeError\n"
        )

    def test_output_file(self):
        self.assertEqual(self.hob("files", "a.py", "-o", "out.txt"), "")
        self.assertEqual((self.work / "out.txt").read_text(), "a.py\n---\nprint('a')\n\n\n---\n")
        self.refused("files", "a.py", "-o", "no/such/out.txt")
        self.hob("files", "a.py", "-o", "/dev/null")

    def test_the_output_file_stays_where_nothing_is_written(self):
        self.write("out.txt", "old")
        self.refused("files", "a.py", "-o", "out.txt", "--budget", "1", "--model", "none")
        self.refused("files", "a.py", "-o", "out.txt", stdin="none", status=2)
        self.assertEqual((self.work / "out.txt").read_text(), "old")

    def test_the_output_file_is_not_in_itself(self):
        before = self.hob("files", "--sort", ".")
        for _ in range(2):
            self.hob("files", "--sort", ".", "-o", "./src/out.txt")
            self.assertEqual((self.work / "src/out.txt").read_text(), before)

    def test_paths_that_are_not_there(self):
        self.assertIn("Path 'none' does not exist", self.refused("files", "none", status=2))
        self.assertIn("Path does not exist: none", self.refused("files", stdin="none", status=2))

    def test_links_are_not_followed_in_circles(self):
        (self.work / "src" / "loop").symlink_to(self.work)
        self.assertNotIn("loop", self.hob("files", "src"))


class HtmlTest(Case):
    def test_answers_of_strip_tags(self):
        cases = json.loads((DATA / "files_html.json").read_text())["html"]
        self.assertGreater(len(cases), 200)
        for one in cases:
            with self.subTest(args=one["args"], page=one["page"]):
                self.assertEqual(self.hob("html", *one["args"], stdin=one["page"]), one["stdout"])

    def test_input_file(self):
        self.write("page.html", "<p>from a file")
        self.assertEqual(self.hob("html", "-i", "page.html"), "from a file\n")
        self.refused("html", "-i", "none.html", status=2)

    def test_hostile_pages(self):
        self.assertIn("nest deeper", self.refused("html", stdin="<div>" * 500_000))
        self.assertIn("CSS selector", self.refused("html", "p[", stdin="<p>"))
        for page in (b"\xff\xfe<\x00p\x00>\x00x\x00", b"\x00" * 1000, b"<" * 100_000, b"&" * 100_000):
            self.hob("html", "-m", stdin=page)
        self.assertIn("bytes", self.refused("html", stdin=b"x" * (33 << 20)))


class FragmentsTest(Case):
    def test_set_show_list_remove(self):
        self.write("a.txt", "line one\r\nline two\n")
        self.hob("fragments", "set", "notes", "a.txt")
        self.assertEqual(self.hob("fragments", "show", "notes"), "line one\nline two\n\n")
        text = "line one\nline two\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        listed = self.hob("fragments", "list")
        self.assertTrue(listed.startswith(f"- hash: {digest}\n  aliases:\n  - notes\n  datetime_utc: "))
        self.assertTrue(
            listed.endswith(
                f"  source: {self.work}/a.txt\n  content: |\n    line one\n    line two\n"
            )
        )
        found = json.loads(self.hob("fragments", "list", "--json", "-q", "TWO"))
        self.assertEqual([one["content"] for one in found], [text])
        self.hob("fragments", "remove", "notes")
        self.assertEqual(self.hob("fragments", "list", "--aliases"), "")
        self.assertEqual(self.hob("fragments", "show", digest), text + "\n")
        rows = sqlite3.connect(self.home / "logs.db").execute("select hash, source from fragments")
        self.assertEqual(rows.fetchall(), [(digest, f"{self.work}/a.txt")])

    def test_standard_input_and_long_texts(self):
        self.hob("fragments", "set", "long", "-", stdin="x" * 200)
        self.assertIn("  content: " + "x" * 97 + "...\n", self.hob("fragments", "list"))
        self.hob("fragments", "set", "accents", "-", stdin="caf\u00e9")
        self.assertIn('content: "caf\\xE9"', self.hob("fragments", "list", "-q", "accents"))

    def test_errors(self):
        self.assertEqual(
            self.refused("fragments", "show", "nothing"), "Error: Fragment 'nothing' not found\n"
        )
        self.refused("fragments", "set", "no spaces", "x", status=2)
        self.write("bad.txt", b"ok\xff")
        self.assertIn("not UTF-8 text at byte 2", self.refused("fragments", "show", "./bad.txt"))
        self.write("sub/x.txt", "x")
        self.assertIn("is a folder", self.refused("fragments", "show", "sub"))

    def test_urls(self):
        pages = {
            "/plain": (200, {"Content-Type": "text/plain; charset=utf-8"}, "caf\u00e9".encode()),
            "/latin": (200, {"Content-Type": "text/plain; charset=ISO-8859-1"}, b"caf\xe9"),
            "/odd": (200, {"Content-Type": "text/plain; charset=koi8-r"}, b"x"),
            "/bytes": (200, {}, b"\xff\xfe"),
        }
        for hop in range(5):
            target = "/plain" if hop == 0 else f"/hop{hop - 1}"
            pages[f"/hop{hop}"] = (302, {"Location": target}, b"")
        server = Server(pages)
        self.addCleanup(server.close)
        show = lambda path: self.hob("fragments", "show", server.url + path)
        self.assertEqual(show("/plain"), "caf\u00e9\n")
        self.assertEqual(show("/latin"), "caf\u00e9\n")
        self.assertEqual(show("/hop2"), "caf\u00e9\n")  # three redirects
        self.refused("fragments", "show", server.url + "/hop3")
        self.assertIn("koi8-r", self.refused("fragments", "show", server.url + "/odd"))
        self.assertIn("UTF-8", self.refused("fragments", "show", server.url + "/bytes"))
        self.assertIn("404", self.refused("fragments", "show", server.url + "/none"))

    def test_folders_and_repositories(self):
        self.write("p/.gitignore", "*.log\n")
        self.write("p/a.txt", "a\n")
        self.write("p/b.log", "b\n")
        self.assertEqual(self.hob("fragments", "show", "dir:p"), "p/a.txt\n---\na\n---\n\n")
        git = lambda *args: subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *args],
            cwd=self.work / "p", env=self.env, check=True, capture_output=True,
        )
        git("init", "-q")
        git("add", ".")
        git("commit", "-qm", "one")
        self.write("p/a.txt", "changed\n")
        self.assertEqual(
            self.hob("fragments", "show", "git:p@HEAD:*.txt"), "a.txt\n---\na\n---\n\n"
        )
        self.assertIn("no commit 'v9'", self.refused("fragments", "show", "git:p@v9"))

    def test_loaders_are_listed(self):
        self.assertRegex(self.hob("fragments", "loaders"), r"(?s)\Adir:\n  The text.*\n\ngit:\n  ")


class TemplatesTest(Case):
    def test_list_show_path(self):
        folder = self.hob("templates", "path").strip()
        self.assertEqual(folder, str(self.home / "templates"))
        self.assertTrue(os.path.isdir(folder))
        self.assertEqual(self.hob("templates"), "")
        self.write("short.yaml", "prompt: 'one\n\n  two'\nsystem: s", self.home / "templates")
        self.write("longer-name.yaml", "x " * 60, self.home / "templates")
        self.write("broken.yaml", "promt: x", self.home / "templates")
        self.write("theirs.yaml", "system: of llm", self.llm / "templates")
        self.write("short.yaml", "not this one", self.llm / "templates")
        self.assertEqual(
            self.hob("templates", "list"),
            "longer-name : " + ("x " * 60)[:63] + "...\n"
            "short       : system: s prompt: one two\n"
            "theirs      : system: of llm\n",
        )
        self.assertEqual(
            self.hob("templates", "list", env={"COLUMNS": "30"}).splitlines()[0],
            "longer-name : x x x x x x x...",
        )
        self.assertEqual(
            self.hob("templates", "show", "short"),
            "name: short\nprompt: 'one\n\n    two'\nsystem: s\n\n",
        )
        self.assertIn("unknown key 'promt'", self.refused("templates", "show", "broken"))
        self.refused("templates", "show", "none")

    def test_edit(self):
        script = self.write("editor.sh", '#!/bin/sh\nprintf "prompt: edited" > "$1"\n')
        script.chmod(0o755)
        self.hob("templates", "edit", "new", env={"EDITOR": str(script)})
        self.assertEqual((self.home / "templates" / "new.yaml").read_text(), "prompt: edited")
        self.write("theirs.yaml", "prompt: theirs", self.llm / "templates")
        self.hob("templates", "edit", "theirs", env={"EDITOR": "true"})
        self.assertEqual((self.home / "templates" / "theirs.yaml").read_text(), "prompt: theirs")
        self.refused("templates", "edit", "x", env={"EDITOR": "false"})

    def test_hostile_files(self):
        bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
        )
        for number, text in enumerate(
            (bomb, "[" * 100_000, "!!python/object/apply:os.system [id]", "\xff", "- a", "", "a: 1\n---\nb: 2")
        ):
            self.write(f"h{number}.yaml", text.encode("latin-1"), self.home / "templates")
            self.assertIn("not found or invalid", self.refused("templates", "show", f"h{number}"))


class PromptTest(Case):
    """On the echo model, which answers with what it is asked."""

    def setUp(self):
        super().setUp()
        self.env["HOB_MODEL"] = "echo"

    def echo(self, *args, stdin=""):
        return json.loads(self.hob(*args, stdin=stdin))

    def test_fragments_go_before_the_prompt(self):
        self.write("a.txt", "one\r\n")
        self.write("s.txt", "  sys \n")
        said = self.echo("ask", "-f", "a.txt", "--sf", "s.txt", "-s", "be brief")
        self.assertEqual(said["prompt"], "one\n\nask")
        self.assertEqual(said["system"], "sys\n\nbe brief")
        self.hob("fragments", "set", "alias", "a.txt")
        self.assertEqual(self.echo("ask", "-f", "alias", "-n")["prompt"], "one\n\nask")
        self.assertIn("Fragment 'none' not found", self.refused("ask", "-f", "none"))
        self.assertEqual(self.echo("ask", "-f", "dir:.")["prompt"].count("---\n"), 4)

    def test_templates(self):
        folder = self.home / "templates"
        self.write("sum.yaml", "prompt: 'Sum: $input'\nsystem: be $how", folder)
        self.write("plain.yaml", "Just this", folder)
        self.write("opt.yaml", "prompt: p\nmodel: echo\noptions: {example_bool: true}", folder)
        self.write("tools.yaml", "prompt: p\ntools: [llm_time]", folder)
        said = self.echo("-t", "sum", "-p", "how", "quick", stdin="text")
        self.assertEqual((said["prompt"], said["system"]), ("Sum: text", "be quick"))
        self.assertEqual(self.echo("-t", "plain", "more")["prompt"], "Just this\nmore")
        self.assertEqual(self.echo("-t", "opt")["options"], {"example_bool": True})
        self.assertEqual(
            self.echo("-t", "opt", "-o", "example_bool", "0")["options"], {"example_bool": False}
        )
        self.assertEqual(self.refused("-t", "sum", "x"), "Error: Missing variables: how\n")
        self.assertIn("tools cannot be run", self.refused("-t", "tools"))
        self.hob("Do $input", "-s", "sys", "-p", "a", "b", "-x", "--save", "mine")
        self.assertEqual(
            (folder / "mine.yaml").read_text(),
            "model: echo\nprompt: Do $input\nsystem: sys\ndefaults:\n    a: b\nextract: true\n",
        )
        self.refused("x", "-t", "mine", "--save", "y")

    def test_standard_input_as_a_fragment(self):
        self.assertEqual(self.echo("ask", "-f", "-", stdin="piped")["prompt"], "piped\nask")
        said = self.echo("ask", "--sf", "-", stdin="piped")
        self.assertEqual((said["prompt"], said["system"]), ("ask", "piped"))
        self.hob("ask $input", "-f", "-", "--save", "t", stdin="piped")
        self.assertEqual(self.echo("-t", "t", "this", stdin="piped")["prompt"], "piped\nask this")

    def test_a_template_from_elsewhere_reads_no_files(self):
        self.write("secret", "the key")
        text = "prompt: hi\nfragments: [secret]\nattachments: [dir/photo.png]\n"
        pages = {"/t": (200, {}, text.encode()), "/note": (200, {}, b"a note")}
        server = Server(pages)
        self.addCleanup(server.close)
        whole = f"prompt: hi\nfragments: ['{server.url}/note']"
        pages["/whole"] = (200, {}, whole.encode())
        self.assertEqual(self.echo("-t", server.url + "/whole")["prompt"], "a note\nhi")
        self.assertEqual(
            self.refused("-t", server.url + "/t"),
            f"Error: template {server.url}/t: it is no file of yours and may name URLs alone, not "
            "secret, dir/photo.png\n",
        )
        self.write("p/review.yaml", text)
        git = lambda *args: subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *args],
            cwd=self.work / "p", env=self.env, check=True, capture_output=True,
        )  # fmt: skip
        git("init", "-q")
        git("add", ".")
        git("commit", "-qm", "one")
        self.assertIn("not secret", self.refused("-t", "git:p:review"))
        self.write("mine.yaml", "prompt: hi\nfragments: [secret]")
        self.assertEqual(self.echo("-t", "mine.yaml")["prompt"], "the key\nhi")

    def test_model_choice(self):
        del self.env["HOB_MODEL"]
        self.assertEqual(self.echo("hi", "-q", "ech")["prompt"], "hi")
        self.hob("aliases", "set", "e", "echo")
        self.assertEqual(self.echo("hi", "-m", "e")["prompt"], "hi")
        self.hob("models", "default", "e")
        self.assertEqual(self.echo("hi")["prompt"], "hi")
        self.hob("models", "options", "set", "echo", "example_bool", "1")
        self.assertEqual(self.echo("hi")["options"], {"example_bool": True})
        self.assertIn("No model found", self.refused("hi", "-q", "nothing-like-it"))

    def test_chat(self):
        self.write("a.txt", "from a file")
        self.write("editor.sh", "#!/bin/sh\nprintf edited > \"$1\"\n").chmod(0o755)
        self.env["EDITOR"] = str(self.work / "editor.sh")
        said = self.hob("chat", stdin="!fragment a.txt\n!edit\n!multi\nx\n!fragment a.txt\n!end\nquit\n")
        prompts = [line for line in said.splitlines() if line.startswith('  "prompt"')]
        self.assertEqual(
            prompts,
            ['  "prompt": "from a file",', '  "prompt": "edited",', '  "prompt": "from a file\\nx",'],
        )

    @unittest.skipUnless(os.environ.get("HOB_TEST_MODEL"), "HOB_TEST_MODEL is not set")
    def test_a_chat_that_goes_on_keeps_its_system_prompt(self):
        self.env["HOB_MODEL"] = os.environ["HOB_TEST_MODEL"]
        self.hob("hi", "--tokens", "1")
        self.write("rules.txt", "be brief")
        self.write("t.yaml", "system: be brief", self.home / "templates")
        for flags in (["-s", "x"], ["--sf", "rules.txt"], ["-t", "t"]):
            said = self.refused("chat", "-c", *flags, stdin="hi\n")
            self.assertIn("keeps the system prompt", said)

    def test_a_command_is_only_printed_without_a_terminal(self):
        marker = self.work / "ran"
        said = self.hob("cmd", json.dumps({"raw": f"touch {marker}"}))
        self.assertEqual(said, f"touch {marker}\n")
        self.assertFalse(marker.exists())

    def test_a_command_runs_on_enter_alone(self):
        clear = b"\x15"
        for keys, runs in (
            (b"\x03", False),
            (clear + b"\x04", False),
            (clear + b"\r", False),
            (b"\r", True),
        ):
            marker = self.work / "ran"
            shown, status = self.on_terminal(["cmd", json.dumps({"raw": f"touch {marker}"})], keys)
            self.assertEqual(marker.exists(), runs, (keys, shown))
            self.assertEqual(status, 0 if runs else 1, shown)
            marker.unlink(missing_ok=True)
        rows = sqlite3.connect(self.home / "logs.db").execute(
            "select suggested, command, exit_status from turn_commands"
        )
        self.assertEqual(rows.fetchall(), [(f"touch {marker}", f"touch {marker}", 0)])

    def test_enter_pressed_before_the_command_is_shown_does_not_count(self):
        marker = self.work / "ran"
        shown, status = self.on_terminal(
            ["cmd", json.dumps({"raw": f"touch {marker}"})], b"\x03", early=b"\r\r"
        )
        self.assertFalse(marker.exists(), shown)
        self.assertEqual(status, 1, shown)

    def test_several_lines_are_never_put_under_the_cursor(self):
        marker = self.work / "ran"
        shown, status = self.on_terminal(
            ["cmd", json.dumps({"raw": f"touch {marker}\ntouch {marker}"})], b"\r"
        )
        self.assertEqual(status, 1)
        self.assertIn("cannot be run", shown)
        self.assertFalse(marker.exists())

    def on_terminal(self, args, keys, early=b""):
        """What the program shows on a terminal of its own; `keys` are pressed once it asks, and again
        until it answers, for what comes before the line is whole does not count."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.work)
            os.execve(HOB, [HOB, *args], {**self.env, "TERM": "xterm"})
        os.write(fd, early)
        shown, pressed, deadline = b"", 0, time.monotonic() + 60
        while time.monotonic() < deadline:
            asked = b"/ran" in shown.split(b"Ctrl-C does not")[-1]
            if asked and time.monotonic() > pressed + 1:
                pressed = time.monotonic()
                os.write(fd, keys)
            if not select.select([fd], [], [], 0.2)[0]:
                continue
            try:
                shown += os.read(fd, 4096)
            except OSError:
                break
        else:
            os.kill(pid, signal.SIGKILL)
        os.close(fd)
        return shown.decode(errors="replace"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class ModelsTest(Case):
    def test_echo_is_listed_as_llm_lists_it(self):
        self.assertEqual(self.hob("models", "list", "-q", "echo"), "Echo: echo\n")
        self.assertEqual(
            self.hob("models", "list", "-m", "echo", "--options"),
            "Echo: echo\n  Options:\n    example_bool: boolean\n      Example boolean option\n"
            "    thinking: boolean\n      If set, emit canned reasoning chunks before the response\n"
            "  Attachment types:\n    image/gif, image/jpeg, image/png\n"
            "  Features:\n  - streaming\n  - tools\n  - async\n",
        )
        (one,) = json.loads(self.hob("models", "list", "-m", "echo", "--json", "--options"))
        self.assertEqual(one["attachment_types"], ["image/gif", "image/jpeg", "image/png"])
        self.assertEqual(one["options"]["thinking"]["title"], "Thinking")
        self.assertEqual(self.hob("models", "list", "--schemas"), "")
        self.assertEqual(self.hob("models", "list", "--async"), "EchoAsync (async): echo\n"
                         "Default: smollm2-135m-instruct-q4_1\n")

    def test_aliases(self):
        self.hob("aliases", "set", "e", "echo")
        self.hob("aliases", "set", "longer", "-q", "ECHO")
        self.assertEqual(self.err, "Alias 'longer' set to model 'echo'\n")
        self.assertEqual(self.hob("aliases"), "e      : echo\nlonger : echo\n")
        self.assertEqual(
            (self.home / "aliases.json").read_text(),
            '{\n    "e": "echo",\n    "longer": "echo"\n}\n',
        )
        self.assertEqual(self.hob("models", "list", "-m", "e"), "Echo: echo (aliases: e, longer)\n")
        self.hob("aliases", "remove", "longer")
        self.assertEqual(self.hob("aliases", "list", "--json"), '{\n    "e": "echo"\n}\n')
        self.assertIn("No such alias", self.refused("aliases", "remove", "longer"))
        self.refused("aliases", "set", "x", "-q", "no-such-model")
        self.refused("aliases", "set", "x")
        self.assertEqual(self.hob("aliases", "path"), f"{self.home}/aliases.json\n")
        self.write("aliases.json", '{"theirs": "echo", "e": "other"}', self.llm)
        self.assertEqual(self.hob("aliases"), "e      : echo\ntheirs : echo\n")

    def test_a_broken_alias_file_is_named_and_kept(self):
        self.write("aliases.json", "{", self.home)
        self.assertIn("aliases.json", self.refused("aliases", "set", "a", "echo"))
        self.assertEqual((self.home / "aliases.json").read_text(), "{")

    def test_default(self):
        self.assertEqual(self.hob("models", "default"), "smollm2-135m-instruct-q4_1\n")
        self.hob("aliases", "set", "e", "echo")
        self.hob("models", "default", "e")
        self.assertEqual((self.home / "default_model.txt").read_text(), "echo")
        self.assertEqual(self.hob("models", "default"), "echo\n")
        self.refused("models", "default", "none")

    def test_saved_options(self):
        self.assertEqual(self.hob("models", "options"), "")
        self.assertEqual(self.err, "No default options set for any models.\n")
        self.hob("models", "options", "set", "echo", "example_bool", "true")
        self.assertEqual(self.err, "Set default option example_bool=true for model echo\n")
        self.assertEqual(self.hob("models", "options", "list"), "echo:\n  example_bool: true\n")
        self.assertEqual(self.hob("models", "options", "show", "echo"), "example_bool: true\n")
        self.refused("models", "options", "set", "echo", "nothing", "1")
        self.refused("models", "options", "set", "echo", "example_bool", "maybe")
        self.assertEqual(
            (self.home / "model_options.json").read_text(),
            '{\n  "echo": {\n    "example_bool": "true"\n  }\n}',
        )
        self.assertEqual(
            self.hob("models", "options", "clear", "echo"),
            "Cleared option 'example_bool' for model echo\n",
        )
        self.assertEqual((self.home / "model_options.json").read_text(), "{}")


if __name__ == "__main__":
    unittest.main()
