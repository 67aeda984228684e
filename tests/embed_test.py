"""Tests of `hob embed`, `embed-multi`, `similar`, `collections` and `embed-models` as a person calls
them. HOB_BINARY (set by ./check) is the program under test.

Most use the toy model, whose vectors can be written down by hand: the lengths of a text's first 16
words. Those of the real model find it through HOB_TEST_EMBEDDING_MODEL.
"""

import base64
import hashlib
import json
import os
import pathlib
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
signal.signal(signal.SIGINT, signal.default_int_handler)

HOB = os.environ.get("HOB_BINARY")
MODEL = os.environ.get("HOB_TEST_EMBEDDING_MODEL")
HELLO = [5.0, 5.0] + 14 * [0.0]


@unittest.skipUnless(HOB, "HOB_BINARY is not set")
class EmbedTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hob embed ")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.home = self.folder / "home"
        self.environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("HOB_", "LLM_"))
        } | {"HOB_HOME": str(self.home)}

    def hob(self, *arguments, stdin=b""):
        if isinstance(stdin, str):
            stdin = stdin.encode()
        call = subprocess.run(
            [HOB, *map(str, arguments)],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=self.folder,
            timeout=120,
            check=False,
        )
        return call.returncode, call.stdout, call.stderr.decode()

    def out(self, *arguments, **options):
        status, out, err = self.hob(*arguments, **options)
        self.assertEqual(status, 0, err)
        return out.decode()

    def toy(self, *arguments, **options):
        return self.out(*arguments, "-m", "toy", **options)

    def fails(self, status, words, *arguments, **options):
        got, out, err = self.hob(*arguments, **options)
        self.assertEqual((got, out), (status, b""), err)
        self.assertIn(words, err)
        self.assertRegex(err, r"(?m)^Error: [^\n]+\n\Z")

    def rows(self, query="select * from embeddings order by collection_id, id"):
        with sqlite3.connect(self.home / "embeddings.db") as db:
            return db.execute(query).fetchall()

    # --- embed ---

    def test_the_vector_in_every_format(self):
        blob = struct.pack("<16f", *HELLO)
        self.assertEqual(
            self.toy("embed", "-c", "hello world"), json.dumps(HELLO) + "\n"
        )
        self.assertEqual(self.toy("embed", "-c", "hello world", "-f", "hex"), blob.hex() + "\n")
        self.assertEqual(
            self.toy("embed", "-c", "hello world", "-f", "base64"),
            base64.b64encode(blob).decode() + "\n",
        )
        self.assertEqual(
            self.hob("embed", "-m", "toy", "-c", "hello world", "-f", "blob")[1], blob + b"\n"
        )

    def test_every_kind_of_input(self):
        (self.folder / "hello.txt").write_bytes(b"hello\r\nworld")
        for arguments, stdin in (
            (["-i", "hello.txt"], b""),
            (["-i", "-"], b"hello world"),
            ([], b"hello world"),
            (["--binary"], b"hello world"),
        ):
            self.assertEqual(self.toy("embed", *arguments, stdin=stdin), json.dumps(HELLO) + "\n")

    def test_wrong_command_lines(self):
        self.fails(1, "Must provide both collection and id", "embed", "docs")
        self.fails(1, "Must provide collection when using --store", "embed", "--store", "-c", "x")
        self.fails(1, "No content provided", "embed", "-m", "toy")
        self.fails(1, "Unknown embedding model: nope", "embed", "-m", "nope", "-c", "x")
        self.fails(2, "Path 'nope' does not exist", "embed", "-i", "nope")
        self.fails(2, "is not one of 'json', 'blob', 'base64', 'hex'", "embed", "-f", "yaml")
        for metadata, words in (("[1", "must be valid JSON"), ("[1]", "must be a JSON object")):
            self.fails(2, words, "embed", "c", "1", "-c", "x", "--metadata", metadata)
        self.fails(1, "not UTF-8", "embed", "-m", "toy", stdin=b"caf\xe9")
        self.fails(2, "--binary must be used with --files", "embed-multi", "c", "-", "--binary")
        self.fails(2, "Either --sql or input path or --files is required", "embed-multi", "c")
        self.fails(2, "Cannot use --files", "embed-multi", "c", "-", "--files", ".", "*")
        self.fails(2, "Invalid directory: none", "embed-multi", "c", "--files", "none", "*")
        self.fails(1, "Must provide content or an ID", "similar", "c")
        self.fails(1, "No embeddings table found", "similar", "c", "-c", "x")
        self.fails(1, "No collections table found", "collections")
        self.fails(1, "Collection does not exist", "collections", "delete", "c")

    def test_what_is_kept(self):
        self.assertEqual(
            self.toy("embed", "items", "1", "-c", "hello world", "--store",
                     "--metadata", '{"b":"\u00e9","a":[1,2.0]}'),
            "",
        )  # fmt: skip
        self.assertEqual(json.loads(self.toy("embed", "items", "2", "-c", "x", "-f", "json"))[0], 1)
        row = self.rows()[0]
        self.assertEqual(
            row[:7],
            (
                1,
                "1",
                struct.pack("<16f", *HELLO),
                "hello world",
                None,
                hashlib.md5(b"hello world").digest(),
                '{"b": "\\u00e9", "a": [1, 2.0]}',
            ),
        )
        self.assertLess(abs(row[7] - time.time()), 100)
        self.assertEqual(self.rows()[1][3:5], (None, None))
        self.assertEqual(self.rows("select * from collections"), [(1, "items", "toy")])

    def test_known_content_under_a_new_id(self):
        for number in ("1", "2", "1"):
            self.toy("embed", "items", number, "-c", "hello world")
        self.assertEqual([row[1] for row in self.rows()], ["1", "2"])
        self.assertEqual(self.rows()[0][2], self.rows()[1][2])

    def test_another_database(self):
        self.toy("embed", "items", "1", "-c", "x", "-d", "deep/er/other.db")
        self.assertTrue((self.folder / "deep/er/other.db").exists())
        self.assertFalse((self.home / "embeddings.db").exists())
        self.environment["HOB_EMBEDDINGS_DB"] = str(self.folder / "third.db")
        self.toy("embed", "items", "1", "-c", "x")
        self.assertTrue((self.folder / "third.db").exists())
        self.assertIn("items: toy", self.out("collections"))

    # --- embed-multi ---

    def contents(self):
        return {row[1]: row[3] for row in self.rows()}

    def multi(self, *arguments, **options):
        self.assertEqual(self.toy("embed-multi", "m", *arguments, "--store", **options), "Embedding\n")
        return self.contents()

    def test_rows_of_every_format(self):
        expected = {"1": "one a, b", "2": "two c"}
        texts = {
            "csv": 'id,name,body\n1,one,"a, b"\n2,two,c\n',
            "tsv": "id\tname\tbody\n1\tone\ta, b\n2\ttwo\tc\n",
            "json": '[{"id":1,"name":"one","body":"a, b"},{"id":2,"name":"two","body":"c"}]',
            "nl": '{"id":1,"name":"one","body":"a, b"}\n{"id":2,"name":"two","body":"c"}\n',
        }
        for name, text in texts.items():
            path = self.folder / f"rows.{name}"
            path.write_text(text)
            for arguments, stdin in (
                ([path], ""),
                (["-"], text),
                ([path, "--format", name], ""),
            ):
                (self.home / "embeddings.db").unlink(missing_ok=True)
                self.assertEqual(self.multi(*arguments, stdin=stdin), expected)

    def test_prefix_and_prepend(self):
        got = self.multi("-", "--prefix", "p/", "--prepend", "say: ", stdin="id,x\n1,hi\n")
        self.assertEqual(got, {"p/1": "say: hi"})

    def test_rows_of_a_query(self):
        with sqlite3.connect(self.folder / "blog.db") as db:
            db.execute("create table posts (id integer, title text, body text)")
            db.executemany("insert into posts values (?, ?, ?)", [(1, "a", "b"), (2, "c", None)])
        got = self.multi(
            "--attach", "blog", "blog.db", "--sql", "select id, title, body from blog.posts"
        )
        self.assertEqual(got, {"1": "a b", "2": "c "})
        self.fails(1, "--sql: not a query", "embed-multi", "m", "-m", "toy", "--sql", "drop table embeddings")
        self.assertEqual(len(self.rows()), 2)
        self.fails(1, "no such database", "embed-multi", "m", "--attach", "x", "none.db", "--sql", "select 1")

    def test_files(self):
        docs = self.folder / "docs"
        (docs / "sub").mkdir(parents=True)
        (docs / "a.txt").write_text("caf\u00e9 one", encoding="utf-8")
        (docs / "b.txt").write_text("caf\u00e9 two", encoding="latin-1")
        (docs / "sub/c.txt").write_text("three\r\nlines")
        (docs / "d.md").write_text("four")
        got = self.multi("--files", "docs", "**/*.txt")
        self.assertEqual(
            got, {"a.txt": "caf\u00e9 one", "b.txt": "caf\u00e9 two", "sub/c.txt": "three\nlines"}
        )
        status, _, err = self.hob(
            "embed-multi", "n", "-m", "toy", "--files", "docs", "*.txt", "--encoding", "utf-8"
        )
        self.assertEqual(
            (status, err), (0, "Could not decode text in file docs/b.txt\n")
        )
        self.toy("embed-multi", "b", "--files", "docs", "*.txt", "--binary", "--store")
        blobs = self.rows("select content_blob from embeddings where collection_id = 3 order by id")
        self.assertEqual(blobs[1][0], "caf\u00e9 two".encode("latin-1"))

    def test_batches_are_stored_as_they_come(self):
        rows = "id,x\n" + "".join(f"{i},word{i}\n" for i in range(250))
        rows += "bad,too,many\n"
        self.fails_after_batches(rows)
        self.assertEqual(len(self.rows()), 250)
        updated = {row[1]: row for row in self.rows()}
        self.multi("-", "--batch-size", "7", stdin=rows.replace("bad,too,many\n", "last,x\n"))
        now = {row[1]: row for row in self.rows()}
        self.assertEqual(len(now), 251)
        self.assertEqual({k: now[k][2] for k in updated}, {k: v[2] for k, v in updated.items()})

    def fails_after_batches(self, rows):
        status, out, err = self.hob("embed-multi", "m", "-", "-m", "toy", stdin=rows)
        self.assertEqual((status, out), (1, b"Embedding\n"))
        self.assertIn("Error: standard input: row 251 has 3 columns", err)

    def test_a_broken_file_is_refused_whole(self):
        for name, content, said in (
            ("rows.json", '[{"id": 1', "rows.json: is not JSON"),
            ("rows.nl", '{"id": 1, "a": "x"}\n{"id"', "rows.nl: line 2 is not JSON"),
            ("rows.csv", "id,x\n1,a\n2,b,c\n", "rows.csv: row 2 has 3 columns"),
        ):
            (self.folder / name).write_text(content)
            self.fails(1, said, "embed-multi", "m", name, "-m", "toy", "--batch-size", "1")
            self.assertEqual(self.rows(), [])
        self.fails(1, "is not JSON", "embed-multi", "m", "-", "-m", "toy", stdin='[{"id": 1}, {')

    def test_what_fails_leaves_no_collection(self):
        self.hob("embed-multi", "m", "-", "-m", "toy", stdin="id,x\n1,two,many\n")
        self.fails(1, "no such table", "embed-multi", "m", "-m", "toy", "--sql", "select 1 from x")
        self.assertEqual(self.out("collections"), "")

    # --- similar and collections ---

    def phrases(self):
        self.toy("embed", "phrases", "1", "-c", "hello world", "--store", "--metadata", '{"n": 1}')
        self.toy("embed", "phrases", "2", "-c", "goodbye moon\n\nagain", "--store")
        self.toy("embed", "phrases", "x3", "-c", "a")

    def test_similar(self):
        self.phrases()
        lines = self.out("similar", "phrases", "-c", "hello w\u00f6rld").splitlines()
        first = json.loads(lines[0])
        self.assertEqual(list(first), ["id", "score", "content", "metadata"])
        self.assertEqual((first["id"], first["content"]), ("1", "hello world"))
        self.assertEqual(first["metadata"], {"n": 1})
        self.assertAlmostEqual(first["score"], 1.0, 12)
        self.assertEqual([json.loads(line)["id"] for line in lines], ["1", "2", "x3"])
        by_id = self.out("similar", "phrases", "1", "-n", "1")
        self.assertEqual(json.loads(by_id)["id"], "2")
        self.assertEqual(len(self.out("similar", "phrases", "1", "--prefix", "X").splitlines()), 1)
        self.assertEqual(self.out("similar", "phrases", "1", "-n", "0"), "")
        self.fails(1, "ID not found in collection", "similar", "phrases", "9")
        self.fails(1, "Collection does not exist", "similar", "none", "-c", "x")

    def test_similar_in_plain_text(self):
        self.phrases()
        plain = self.out("similar", "phrases", "x3", "-p")
        self.assertRegex(
            plain,
            r"\A2 \(0\.\d+\)\n\n  goodbye moon\n\n  again\n\n"
            r"1 \(0\.\d+\)\n\n  hello world\n  \{\"n\": 1\}\n\n\Z",
        )

    def test_collections(self):
        self.phrases()
        self.toy("embed", "one", "1", "-c", "x")
        self.assertEqual(
            self.out("collections"),
            "one: toy\n  1 embedding\nphrases: toy\n  3 embeddings\n",
        )
        listed = json.loads(self.out("collections", "list", "--json"))
        self.assertEqual(listed[0], {"name": "one", "model": "toy", "num_embeddings": 1})
        self.assertEqual(self.out("collections", "path"), f"{self.home}/embeddings.db\n")
        self.assertEqual(self.out("collections", "delete", "phrases"), "")
        self.assertEqual(self.out("collections"), "one: toy\n  1 embedding\n")

    def test_embed_models(self):
        name = "sentence-transformers/all-MiniLM-L6-v2"
        self.assertIn(f"Bert: {name} (aliases: all-MiniLM-L6-v2", self.out("embed-models"))
        for query in ([], ["-q", "t"]):
            self.assertNotIn("toy", self.out("embed-models", *query))
        self.assertEqual(self.out("embed-models", "-q", "Toy"), "Toy: toy\n")
        self.assertEqual(self.out("embed-models", "-q", "mini", "-q", "nothing"), "\n")
        self.assertEqual(self.out("embed-models", "default"), name + "\n")
        self.assertEqual(self.out("embed-models", "default", "toy"), "")
        self.assertEqual((self.home / "default_embedding_model.txt").read_text(), "toy")
        self.assertEqual(self.out("embed-models", "default"), "toy\n")
        self.assertEqual(self.out("embed", "-c", "hello world"), json.dumps(HELLO) + "\n")
        self.fails(1, "Unknown embedding model: nope", "embed-models", "default", "nope")
        self.out("embed-models", "default", "--remove-default")
        self.assertEqual(self.out("embed-models", "default"), name + "\n")
        self.environment["HOB_EMBEDDING_MODEL"] = "toy"
        self.assertEqual(self.out("embed", "-c", "hello world"), json.dumps(HELLO) + "\n")

    def test_files_that_are_no_databases(self):
        bad = self.folder / "bad.db"
        bad.write_bytes(b"not a database at all" * 100)
        for command in (
            ["similar", "c", "-c", "x"],
            ["collections"],
            ["embed", "c", "1", "-c", "x", "-m", "toy"],
        ):
            self.fails(1, "not a SQLite database", *command, "-d", bad)

    def test_another_programs_database_stays_as_it_is(self):
        path = self.folder / "places.sqlite"
        with sqlite3.connect(path) as db:
            db.execute("create table moz_places (url text)")
        before = path.read_bytes()
        self.fails(1, "No embeddings table found", "similar", "c", "-c", "x", "-d", path)
        self.fails(1, "Collection does not exist", "collections", "delete", "c", "-d", path)
        self.assertEqual(path.read_bytes(), before)
        with sqlite3.connect(path) as db:
            db.execute("create table embeddings (id text)")
        self.fails(1, "Collection does not exist", "similar", "c", "-c", "x", "-d", path)

    def test_a_collection_of_an_unknown_model(self):
        self.phrases()
        with sqlite3.connect(self.home / "embeddings.db") as db:
            db.execute("update collections set model = 'other'")
        self.fails(1, "no embedding model 'other'", "similar", "phrases", "-c", "x")
        self.assertEqual(len(self.out("similar", "phrases", "1").splitlines()), 2)

    # --- the real model ---

    def real(self):
        if not MODEL:
            self.skipTest("HOB_TEST_EMBEDDING_MODEL is not set")
        self.environment["HOB_MODELS"] = str(pathlib.Path(MODEL).parent.parent)

    def test_meaning(self):
        self.real()
        texts = ["my happy hound", "the stock market fell", "a recipe for bread", "volcanic rock"]
        rows = "id,text\n" + "".join(f"{i},{t}\n" for i, t in enumerate(texts))
        self.out("embed-multi", "phrases", "-", "--store", stdin=rows)
        for text, best in (("dog", 0), ("baking", 2), ("geology", 3), ("finance", 1)):
            found = json.loads(self.out("similar", "phrases", "-c", text, "-n", "1"))
            self.assertEqual(found["id"], str(best), text)
        vector = json.loads(self.out("embed", "-c", "dog"))
        self.assertEqual(len(vector), 384)
        self.assertAlmostEqual(sum(x * x for x in vector), 1, 5)

    def test_a_text_that_is_cut_says_so(self):
        self.real()
        status, _, err = self.hob("embed", "-c", "word " * 300)
        self.assertEqual(status, 0)
        self.assertIn("the text is longer than the 256 tokens", err)

    def test_without_the_model(self):
        self.fails(1, "./hob embed", "embed", "-c", "x")
        self.real()
        self.fails(1, "takes text only", "embed", "--binary", stdin=b"x")

    def test_interrupted_it_goes_on(self):
        self.real()
        count = 2000
        rows = "id,text\n" + "".join(f"{i},sentence number {i} on cats\n" for i in range(count))
        (self.folder / "rows.csv").write_text(rows)
        command = [HOB, "embed-multi", "c", "rows.csv", "--batch-size", "20"]
        call = subprocess.Popen(
            command, env=self.environment, cwd=self.folder, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        database = self.home / "embeddings.db"
        began = time.monotonic()
        while time.monotonic() - began < 60:
            if database.exists() and len(self.stored()) >= 20:
                break
            time.sleep(0.02)
        call.send_signal(signal.SIGINT)
        _, err = call.communicate(timeout=60)
        stored = len(self.stored())
        self.assertEqual(call.returncode, 1, err)
        self.assertIn("the same command goes on from there", err)
        self.assertTrue(20 <= stored < count and stored % 20 == 0, stored)
        before = self.rows("select rowid, * from embeddings order by rowid")
        self.out(*command[1:])
        after = self.rows("select rowid, * from embeddings order by rowid")
        self.assertEqual(len(after), count)
        self.assertEqual(after[:stored], before)  # what was there was not made again

    def stored(self):
        try:
            return self.rows("select 1 from embeddings")
        except sqlite3.Error:
            return []


if __name__ == "__main__":
    unittest.main()
