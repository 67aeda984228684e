"""Tests of `hob pull` against a hub on this machine that misbehaves the way real ones do.

The server keeps what it was asked in `requests`; each test gives it faults. No test reaches beyond
the loopback address. HOB_BINARY (set by ./check) is the program under test.
"""

import hashlib
import http.server
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
signal.signal(signal.SIGINT, signal.default_int_handler)

HOB = os.environ.get("HOB_BINARY")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_secretsecretsecret"
REPO = "org/tiny"


def content(seed, size):
    return random.Random(seed).randbytes(size)


class Hub:
    """A hub with one repository; `faults` changes how the next answers go wrong."""

    def __init__(self, files):
        self.files = files  # path -> bytes
        self.small = set()  # paths that are not LFS: git's checksum
        self.requests = []  # (port, method, path, headers)
        self.faults = {}
        self.lock = threading.Lock()
        self.server = self.listen()
        self.cdn = self.listen()
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def listen(self):
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                with hub.lock:
                    hub.requests.append((self.server.server_port, self.path, dict(self.headers)))
                try:
                    hub.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def close(self):
        for server in (self.server, self.cdn):
            server.shutdown()
            server.server_close()

    def take(self, fault):
        """Whether the fault is on; one that counts goes down."""
        with self.lock:
            value = self.faults.get(fault, False)
            if value is not True and value:
                self.faults[fault] = value - 1
            return bool(value)

    def checksum(self, path):
        data = self.files[path]
        if path in self.small:
            return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        return hashlib.sha256(data).hexdigest()

    def record(self, path):
        size = len(self.files[path]) + self.faults.get("size_lie", 0)
        if path in self.small:
            return {"rfilename": path, "size": size, "blobId": self.checksum(path)}
        return {"rfilename": path, "size": 130, "blobId": "0" * 40,
                "lfs": {"sha256": self.checksum(path), "size": size, "pointerSize": 130}}

    def answer(self, handler):
        path = handler.path.split("?")[0]
        if self.take("status"):
            return self.say(handler, self.faults["code"], b"no", self.faults.get("headers", {}))
        if path == f"/api/models/{REPO}/revision/main":
            if "api" in self.faults:
                return self.say(handler, 200, self.faults["api"])
            siblings = [self.record(p) for p in self.files]
            return self.say(handler, 200, json.dumps({"sha": COMMIT, "siblings": siblings}).encode())
        for prefix in (f"/{REPO}/resolve/{COMMIT}/", "/cdn/"):
            if path.startswith(prefix) and path[len(prefix):] in self.files:
                return self.send_file(handler, path[len(prefix):], prefix == "/cdn/")
        self.say(handler, 404, b"{}")

    def say(self, handler, status, body, headers={}):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def send_file(self, handler, name, on_cdn):
        if self.faults.get("redirect") and not on_cdn:
            target = f"http://127.0.0.1:{self.cdn.server_port}/cdn/{name}"
            tag = self.faults.get("tag", self.checksum(name))
            return self.say(handler, 302, b"", {"Location": target, "X-Linked-ETag": f'"{tag}"'})
        data = self.files[name]
        if self.take("wrong_bytes"):
            data = bytes(b ^ 1 for b in data)
        first = 0
        wanted = handler.headers.get("Range")
        if wanted and not self.faults.get("no_ranges"):
            first = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if first >= len(data):
                return self.say(handler, 416, b"")
            handler.send_response(206)
            first += self.faults.get("shift", 0)
            total = len(data) + self.faults.get("total_lie", 0)
            handler.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{total}")
        else:
            handler.send_response(200)
        if not self.faults.get("no_length"):
            handler.send_header("Content-Length", str(len(data) - first))
        handler.end_headers()
        body = data[first:] + b"x" * self.faults.get("surplus", 0)
        if self.take("drop"):
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            handler.connection.shutdown(2)
            return
        pause = self.faults.get("pause")
        for at in range(0, len(body), 65536):
            handler.wfile.write(body[at : at + 65536])
            if pause:
                time.sleep(pause)
        if self.faults.get("no_length"):
            handler.close_connection = True


@unittest.skipUnless(HOB, "HOB_BINARY is not set")
class PullTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.home = pathlib.Path(self.folder.name)
        self.hub = Hub({"tiny-q4_k_m.gguf": content(1, 700_000), "tiny-q8_0.gguf": content(2, 300_000)})
        self.addCleanup(self.hub.close)

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HOB_", "OLLAMA_"))}
        return {**kept, "HOME": str(self.home), "HOB_HOME": str(self.home / "hob"),
                "HF_ENDPOINT": self.hub.endpoint, "no_proxy": "127.0.0.1", **more}

    def pull(self, what=REPO, *arguments, **more):
        return subprocess.run([HOB, "pull", what, *arguments], env=self.environment(**more),
                              capture_output=True, text=True, timeout=120)

    def path(self, name="tiny-q4_k_m.gguf"):
        found = list(self.home.glob(f"hob/**/models/{REPO}/{name}"))
        return found[0] if found else None

    def leftovers(self):
        return list(self.home.glob("hob/**/*.part"))

    def assert_pulled(self, done, name="tiny-q4_k_m.gguf"):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.path(name).read_bytes(), self.hub.files[name])
        self.assertEqual(self.leftovers(), [])

    def assert_fails(self, done, *words):
        self.assertEqual(done.returncode, 1, done.stderr)
        lines = done.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        for word in ("Error:", *words):
            self.assertIn(word, lines[0])
        self.assertIsNone(self.path())

    def ranges(self):
        return [h["Range"] for _, _, h in self.hub.requests if "Range" in h]

    def test_the_usual_file_is_fetched_once(self):
        done = self.pull()
        self.assert_pulled(done)
        self.assertEqual(done.stdout.strip(), str(self.path()))
        self.assertIsNone(self.path("tiny-q8_0.gguf"))
        asked = len(self.hub.requests)
        self.assert_pulled(self.pull())
        self.assertEqual(len(self.hub.requests), asked + 1)  # the list alone

    def test_a_new_version_takes_the_old_ones_place(self):
        self.assert_pulled(self.pull())
        self.hub.files["tiny-q4_k_m.gguf"] = content(3, 700_000)
        self.assert_pulled(self.pull())

    def test_a_part_of_a_name_is_enough(self):
        self.assert_pulled(self.pull(f"{REPO}:Q8_0"), "tiny-q8_0.gguf")
        self.assert_fails(self.pull(f"{REPO}:tiny"), "several files", "tiny-q8_0.gguf")
        self.assert_fails(self.pull(f"{REPO}:q5"), "no file is named 'q5'", "tiny-q4_k_m.gguf")

    def test_dropped_connections_go_on_where_they_broke(self):
        self.hub.faults = {"drop": 3}
        self.assert_pulled(self.pull())
        self.assertEqual(self.ranges(), ["bytes=350000-", "bytes=525000-", "bytes=612500-"])

    def test_a_server_without_ranges_is_read_anew(self):
        self.hub.faults = {"drop": 1, "no_ranges": True}
        self.assert_pulled(self.pull())

    def test_an_answer_without_a_length(self):
        self.hub.faults = {"no_length": True}
        self.assert_pulled(self.pull())

    def test_wrong_bytes_are_an_error_and_do_not_stay(self):
        self.hub.faults = {"wrong_bytes": 1}
        self.assert_fails(self.pull(), "checksum")
        self.assertEqual(self.leftovers(), [])
        self.assert_pulled(self.pull())

    def test_lies_about_the_size(self):
        for faults in ({"size_lie": 7}, {"size_lie": -7}, {"drop": 1, "total_lie": 5}):
            self.hub.faults = faults
            self.assert_fails(self.pull(), "bytes")
            self.assertEqual(self.leftovers(), [])
        self.hub.faults = {"surplus": 9, "no_length": True}
        self.assert_fails(self.pull(), "more than the 700000 bytes")

    def test_a_range_that_begins_elsewhere(self):
        self.hub.faults = {"drop": 1, "shift": 10}
        self.assert_fails(self.pull(), "instead of 350000")

    def test_a_kill_leaves_what_came(self):
        self.hub.faults = {"pause": 0.2}
        process = subprocess.Popen([HOB, "pull", REPO], env=self.environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not (self.leftovers() and self.leftovers()[0].stat().st_size > 100_000):
            time.sleep(0.02)
        process.kill()
        process.communicate()
        self.assertIsNone(self.path())
        self.hub.faults = {}
        self.assert_pulled(self.pull())
        self.assertEqual(len(self.ranges()), 1)

    def test_ctrl_c_keeps_what_came_and_says_so(self):
        self.hub.faults = {"pause": 0.2}
        process = subprocess.Popen([HOB, "pull", REPO], env=self.environment(), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not (self.leftovers() and self.leftovers()[0].stat().st_size > 100_000):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 1)
        self.assertIn("goes on from there", errors)
        self.assertIn("Aborted!", errors)
        self.hub.faults = {}
        self.assert_pulled(self.pull())

    def test_two_at_once_do_not_write_one_file(self):
        self.hub.faults = {"pause": 0.1}
        process = subprocess.Popen([HOB, "pull", REPO], env=self.environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not self.leftovers():
            time.sleep(0.02)
        self.assert_fails(self.pull(), "another process")
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(self.path().read_bytes(), self.hub.files["tiny-q4_k_m.gguf"])

    def test_what_came_of_another_version_is_not_gone_on_with(self):
        self.hub.faults = {"pause": 0.2}
        process = subprocess.Popen([HOB, "pull", REPO], env=self.environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not (self.leftovers() and self.leftovers()[0].stat().st_size > 100_000):
            time.sleep(0.02)
        process.kill()
        process.communicate()
        self.hub.faults = {}
        self.hub.files["tiny-q4_k_m.gguf"] = content(3, 700_000)
        done = self.pull()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.path().read_bytes(), self.hub.files["tiny-q4_k_m.gguf"])
        self.assertEqual(self.ranges(), [])

    def test_refusals_say_what_to_do(self):
        for code, words in ((401, ["HF_TOKEN"]), (403, ["HF_TOKEN"]), (404, ["404"]), (418, ["418"])):
            self.hub.faults = {"status": True, "code": code}
            self.assert_fails(self.pull(), REPO, *words)
            self.assertEqual(len(self.hub.requests), 1)
            self.hub.requests.clear()
        self.hub.faults = {"status": True, "code": 403}
        done = self.pull(HF_TOKEN=TOKEN)
        self.assert_fails(done, "no access")
        self.assertNotIn(TOKEN, done.stderr)

    def test_busy_servers_are_asked_again(self):
        for code in (429, 500, 503):
            self.hub.faults = {"status": 3, "code": code, "headers": {"Retry-After": "0"}}
            self.assert_pulled(self.pull())
            self.path().unlink()

    def test_a_server_that_stays_busy_is_an_error(self):
        for code, word in ((429, "pause"), (500, "500")):
            self.hub.faults = {"status": True, "code": code, "headers": {"Retry-After": "0"}}
            self.assert_fails(self.pull(), word)
            self.assertEqual(len(self.hub.requests), 8)
            self.hub.requests.clear()

    def test_the_token_goes_to_the_hub_alone(self):
        self.hub.faults = {"redirect": True}
        done = self.pull(HF_TOKEN=TOKEN)
        self.assert_pulled(done)
        self.assertNotIn(TOKEN, done.stdout + done.stderr)
        for port, path, headers in self.hub.requests:
            elsewhere = port == self.hub.cdn.server_port
            self.assertEqual(headers.get("Authorization"), None if elsewhere else f"Bearer {TOKEN}", path)
        self.assertEqual(sum(p == self.hub.cdn.server_port for p, *_ in self.hub.requests), 1)

    def test_the_token_of_hugging_faces_own_tools(self):
        folder = self.home / "hf"
        folder.mkdir()
        (folder / "token").write_text(TOKEN + "\n")
        self.assert_pulled(self.pull(HF_HOME=str(folder)))
        self.assertEqual({h.get("Authorization") for *_, h in self.hub.requests}, {f"Bearer {TOKEN}"})

    def test_two_checksums_are_an_error(self):
        self.hub.faults = {"redirect": True, "tag": "f" * 64}
        self.assert_fails(self.pull(), "two checksums")

    def test_a_redirect_without_end(self):
        self.hub.faults = {"status": True, "code": 301, "headers": {"Location": "/again"}}
        self.assert_fails(self.pull(), "redirects")

    def test_a_hub_that_cannot_be_reached(self):
        started = time.monotonic()
        for endpoint in ("http://127.0.0.1:1", "nonsense://x", "http://"):
            self.assert_fails(self.pull(HF_ENDPOINT=endpoint), REPO)
        self.assertLess(time.monotonic() - started, 5)

    def test_answers_that_are_no_list(self):
        for answer in (b"", b"[]", b"<html>", b'{"siblings":[]}', b'{"sha":"../x","siblings":[]}',
                       json.dumps({"sha": COMMIT, "siblings": [{"rfilename": "a.gguf"}]}).encode()):
            self.hub.faults = {"api": answer}
            self.assert_fails(self.pull())

    def test_names_that_lead_elsewhere(self):
        for name in ("../evil.gguf", "/etc/evil.gguf", "a/../../evil.gguf", "a\\evil.gguf", "", "a\n.gguf"):
            record = {"rfilename": name, "lfs": {"sha256": "0" * 64, "size": 3}}
            self.hub.faults = {"api": json.dumps({"sha": COMMIT, "siblings": [record]}).encode()}
            self.assert_fails(self.pull(), "leads elsewhere")

    def test_a_name_without_end(self):
        record = {"rfilename": "a" * 200_000 + ".gguf", "lfs": {"sha256": "0" * 64, "size": 3}}
        self.hub.faults = {"api": json.dumps({"sha": COMMIT, "siblings": [record]}).encode()}
        self.assert_fails(self.pull(), "a file's name has 200005 bytes")

    def test_wishes_that_are_no_repository(self):
        for wish in ("tiny", "a/b/c", "../x", "org/..", "org/na me", "org/name:"):
            self.assert_fails(self.pull(wish), "is no repository")
        self.assertEqual(self.hub.requests, [])

    def test_parts_of_one_file_come_together(self):
        self.hub.files = {f"big-0000{i}-of-00003.gguf": content(i, 200_000) for i in (1, 2, 3)}
        self.hub.faults = {"pause": 0.1}
        done = self.pull()
        for name in self.hub.files:
            self.assert_pulled(done, name)

    def test_safetensors_come_with_what_belongs_to_them(self):
        self.hub.files = {"model.safetensors": content(1, 50_000), "config.json": b"{}", "README.md": b"hi",
                          "tokenizer.json": b"{ }", "onnx/model.onnx": b"no", "empty.json": b""}
        self.hub.small = {"config.json", "README.md", "tokenizer.json", "empty.json"}
        done = self.pull()
        for name in ("model.safetensors", "config.json", "tokenizer.json", "empty.json"):
            self.assert_pulled(done, name)
        self.assertIsNone(self.path("README.md"))

    def test_tensors_in_folders_alone_are_no_model(self):
        self.hub.files = {"model_index.json": b"{}", "vae/model.safetensors": content(1, 5_000)}
        self.assert_fails(self.pull(), "outside of folders", "vae/model.safetensors")

    def test_a_file_that_the_disk_has_no_room_for(self):
        huge = {"rfilename": "a.gguf", "lfs": {"sha256": "0" * 64, "size": 1 << 60}}
        self.hub.faults = {"api": json.dumps({"sha": COMMIT, "siblings": [huge]}).encode()}
        self.assert_fails(self.pull(), "free")
        self.assertEqual(len(self.hub.requests), 1)

    def test_a_folder_that_cannot_be_written(self):
        (self.home / "file").write_text("")
        self.assert_fails(self.pull(HOB_HOME=str(self.home / "file" / "x")), "cannot create")

    def test_what_hugging_faces_tools_fetched_is_used_in_place(self):
        cache = self.home / ".cache/huggingface/hub/models--org--tiny"
        blob = cache / "blobs" / self.hub.checksum("tiny-q4_k_m.gguf")
        snapshot = cache / "snapshots" / COMMIT
        for folder in (blob.parent, snapshot, cache / "refs"):
            folder.mkdir(parents=True)
        blob.write_bytes(self.hub.files["tiny-q4_k_m.gguf"])
        (cache / "refs/main").write_text(COMMIT)
        (snapshot / "tiny-q4_k_m.gguf").symlink_to(blob)
        done = self.pull()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("is here already", done.stdout)
        self.assertIsNone(self.path())


if __name__ == "__main__":
    unittest.main()
