"""Makes tests/data/llm_logs: log databases written by llm, and what `llm logs` and `llm schemas` print of them.

    python3 -m venv venv && venv/bin/pip install llm==0.36 llm-echo
    venv/bin/python tests/data/make_llm_logs.py tests/data/llm_logs

Three databases, each small and gzipped: `current` by llm's own commands and store, `legacy` in the layout of
llm 0.4 to 0.31 (llm's migrations up to m022, rows put in by hand), `oldest` with the one table of the first
version. expected.json.gz lists command lines with the standard output and exit status that llm gives them.
"""

import gzip
import json
import pathlib
import sqlite3
import sys
import tempfile
import os
import random

HOME = tempfile.mkdtemp(prefix="llm-logs-")
os.environ["LLM_USER_PATH"] = HOME
os.environ["LLM_LOAD_PLUGINS"] = "llm-echo"

import click.testing  # noqa: E402
import llm.cli  # noqa: E402
import llm.migrations  # noqa: E402
import llm.utils  # noqa: E402
import sqlite_utils  # noqa: E402

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080600000 01f15c4890000000d49444154789c63f8cfc0f01f000500"
    "01ff89993d1d0000000049454e44ae426082".replace(" ", "")
)
MULTIPLY = '''
def multiply(x: int, y: int) -> int:
    "Multiply two numbers."
    return x * y

def shout(text: str) -> str:
    """Say it loudly.

    In capitals."""
    return text.upper()

def broken() -> str:
    raise Exception("it broke")
'''


def llm_run(arguments, text=None):
    result = click.testing.CliRunner().invoke(llm.cli.cli, arguments, input=text)
    return result


def must(*arguments, text=None):
    result = llm_run(list(arguments), text)
    assert result.exit_code == 0, (arguments, result.output, result.exception)


def calls(*items, prompt="now"):
    return json.dumps(
        {"prompt": prompt, "tool_calls": [{"name": name, "arguments": arguments} for name, arguments in items]}
    )


def raw(text):
    return json.dumps({"raw": text})


def make_current(path):
    folder = pathlib.Path(HOME)
    (folder / "pelicans.txt").write_text("Pelicans are large water birds.\nThey eat fish.\n")
    (folder / "code.html").write_text("".join(f"<p>{i}</p>\n" for i in range(12)))
    (folder / "rules.txt").write_text("Answer `briefly`.")
    (folder / "dot.png").write_bytes(PNG)
    log = ["-d", str(path)]
    must("-m", "echo", "Two names for a pelican", "-s", "Be brief.", *log)
    must("-m", "echo", "-c", "One more: \"please\" & 'thanks'", "-o", "example_bool", "true", *log)
    must("-m", "echo", "Explain", "-f", str(folder / "pelicans.txt"), "-f", str(folder / "code.html"),
         "--sf", str(folder / "rules.txt"), "-s", "You are a zoologist.\nUse two lines.", *log)
    db = sqlite_utils.Database(path)
    db["fragment_aliases"].insert({"alias": "birds", "fragment_id": 1})
    under_schema(db, "name, age int", False, '{"name": "Ada", "age": 36}', log)
    under_schema(db, "name, parts str: what it consists of", True,
                 '{"items": [{"name": "A"}, {"name": "B", "response_id": "taken"}]}', log)
    under_schema(db, "name, age int", False, "not JSON at all", log)
    must("-m", "echo", "What is this?", "-a", str(folder / "dot.png"), *log)
    must("-m", "echo", "And this?", "--at", "-", "image/png", *log, text=PNG.decode("latin-1"))
    must("-m", "echo", "--functions", MULTIPLY, calls(("multiply", {"x": 3, "y": 5})), *log)
    must("-m", "echo", "--functions", MULTIPLY, "-T", "llm_version",
         calls(("shout", {"text": "a `tick`\nand a line"}), ("broken", {}), ("llm_version", {})), *log)
    must("-m", "echo", "-o", "thinking", "true", "Think first", *log)
    must("-m", "echo", raw("Here:\n\n```python\nprint('one')\n```\nand\n````\n```\ninner\n```\n````\nend"),
         *log)
    must("-m", "echo", "Long " + "words and more of them " * 12 + "the end", "-s", "x" * 130, *log)
    must("-m", "echo", "\u00fcber \u65e5\u672c\u8a9e \U0001f600 tab\there\n\n- item: value # no comment\n", *log)
    must("-m", "echo", "2024-01-01", "-s", "yes", *log)
    add_rows_by_hand(db)
    db.execute("update turns set duration_ms = 61005 where id = (select min(id) from turns)")
    db.conn.commit()


def under_schema(db, fields, multi, reply, log):
    """A turn under a schema, which the echo model does not take."""
    must("-m", "echo", raw(reply), *log)
    schema_id, content = llm.utils.make_schema_id(llm.utils.schema_dsl(fields, multi))
    db["schemas"].insert({"id": schema_id, "content": content}, ignore=True)
    db.execute("update turns set schema_id = ? where id = (select max(id) from turns)", [schema_id])
    db.conn.commit()


def add_rows_by_hand(db):
    """What no command of llm with the echo model writes."""
    from llm.logs import LogStore, TURN_SEARCH_INSERT_SQL, condense_payload
    from llm.parts import Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart, AttachmentPart
    from llm import Attachment

    store = LogStore(db)
    long = "A sentence of the reply that is long enough to be replaced by a reference to it. "
    outputs = [
        Message("assistant", [
            ReasoningPart("Let me search.\n", provider_metadata={"signature": "s" * 70}),
            ToolCallPart("web_search", {"query": "pelican"}, "srv_1", server_executed=True),
            ToolResultPart("web_search", "Found `it`", "srv_1", server_executed=True,
                           attachments=[Attachment(type="image/png", content=PNG)]),
            TextPart(long),
        ]),
    ]
    parent = store.ensure_chain([
        Message("system", [TextPart("Search when you must.")]),
        Message("user", [TextPart("Look it up"), AttachmentPart(Attachment(type="image/gif",
                                                                          url="https://example.org/x.gif"))]),
    ])
    tip = store.ensure_chain(outputs, parent=parent)
    payload = {
        "id": "resp_1", "output": [{"text": long, "more": "before " + long + "after"}, {"$": "mark"},
                                   {"signature": "s" * 70, "x": None}], "temperature": 1.0, "big": 1e16,
        "instructions": None, "arguments": '{"query":"pelican"}', "nested": {"a": [], "b": {}},
    }
    db["threads"].insert({"id": "01j00000000000000000000000", "name": "By hand", "tip_message_hash": tip,
                          "datetime_utc": "2024-08-01 10:00:00"})
    db["turns"].insert({
        "id": "01j00000000000000000000001", "thread_id": "01j00000000000000000000000",
        "parent_message_hash": parent, "tip_message_hash": tip, "model": "hand-made",
        "resolved_model": "hand-made-2024", "options_json": json.dumps(
            {"stop": ["a", "it's"], "temperature": 0.1, "seed": None, "deep": {"x": True}, "top_p": 1.0}),
        "input_tokens": 12345, "output_tokens": 0, "token_details": '{"cached": {"read": 7}}',
        "duration_ms": 3723004, "datetime_utc": "2024-08-01T10:00:00.123456+00:00",
        "response_json": condense_payload(payload, outputs),
    })
    db.execute(TURN_SEARCH_INSERT_SQL, {"turn_id": "01j00000000000000000000001"})
    tool = db["tools"].insert({"hash": "f" * 64, "name": "Box_open", "description": "Open it.  \n\n  Wide. ",
                               "input_schema": '{"type": "object"}', "plugin": "box"}).last_pk
    instance = db["tool_instances"].insert({"plugin": "box", "name": "Box", "arguments": '{"lid": 1}'}).last_pk
    db["turn_tools"].insert({"turn_id": "01j00000000000000000000001", "tool_id": tool, "instance_id": instance})
    db["tool_instantiations"].insert({"turn_id": "01j00000000000000000000001", "tool_call_id": "srv_1",
                                      "instance_id": instance})


def make_legacy(path):
    db = sqlite_utils.Database(path)
    llm.migrations.ensure_migrations_table(db)
    for migration in llm.migrations.MIGRATIONS:
        migration(db)
        db["_llm_migrations"].insert({"name": migration.__name__, "applied_at": "2025-01-01"})
        if migration.__name__ == "m022_response_reasoning":
            break
    db["conversations"].insert_all([
        {"id": "01h00000000000000000000001", "name": "Two of a kind", "model": "old-model"},
        {"id": "01h00000000000000000000002", "name": None, "model": "older-model"},
    ])
    db["schemas"].insert({"id": "848bffbc260a905ad40888a4518f40ef",
                          "content": '{"type":"object","properties":{"name":{"type":"string"},"age":'
                                     '{"type":"integer"}},"required":["name","age"]}'})
    base = {"prompt_json": None, "options_json": "{}", "response_json": None, "duration_ms": 1200,
            "input_tokens": None, "output_tokens": None, "token_details": None, "schema_id": None,
            "resolved_model": None, "reasoning": None, "system": None}
    db["responses"].insert_all([
        base | {"id": "01h00000000000000000000011", "model": "old-model", "prompt": "A question about pelicans",
                "system": "Be old.", "response": "An answer about pelicans and gulls",
                "conversation_id": "01h00000000000000000000001", "datetime_utc": "2023-07-01T10:00:00.5",
                "response_json": '{"id": "x", "n": 1.50}', "options_json": '{"temperature": 0.5}'},
        base | {"id": "01h00000000000000000000012", "model": "old-model", "prompt": "Another",
                "system": "Be old.", "response": '{"name": "Ada", "age": 36}', "prompt_json": '{"messages": []}',
                "conversation_id": "01h00000000000000000000001", "datetime_utc": "2023-07-01 10:01:00",
                "schema_id": "848bffbc260a905ad40888a4518f40ef", "input_tokens": 10, "output_tokens": 2000,
                "resolved_model": "old-model-0601", "reasoning": "Hm. \n"},
        base | {"id": "01h00000000000000000000013", "model": "older-model", "prompt": "Use a tool on gulls",
                "response": "", "conversation_id": "01h00000000000000000000002",
                "datetime_utc": "2023-08-01T10:01:00.25", "options_json": None, "duration_ms": None},
        base | {"id": "01h00000000000000000000014", "model": "older-model", "prompt": "",
                "response": "It says 15\n\n```\n15\n```\n", "conversation_id": "01h00000000000000000000002",
                "datetime_utc": "2023-08-01T10:02:00.25"},
    ])
    db["attachments"].insert_all([
        {"id": "a1", "type": "image/png", "path": None, "url": None, "content": PNG},
        {"id": "a2", "type": "image/gif", "path": "/pictures/x.gif", "url": None, "content": None},
        {"id": "a3", "type": "image/gif", "path": None, "url": "https://example.org/x.gif", "content": None},
    ])
    db["prompt_attachments"].insert_all(
        {"response_id": "01h00000000000000000000011", "attachment_id": f"a{i}", "order": i} for i in (3, 1, 2))
    db["fragments"].insert_all([
        {"id": 4, "hash": "4" * 64, "content": "Four " * 30, "datetime_utc": "2023", "source": "four.txt"},
        {"id": 7, "hash": "7" * 64, "content": "Seven", "datetime_utc": "2023", "source": None},
    ])
    db["fragment_aliases"].insert_all([{"alias": "four", "fragment_id": 4}, {"alias": "vier", "fragment_id": 4}])
    db["prompt_fragments"].insert_all([
        {"response_id": "01h00000000000000000000012", "fragment_id": 7, "order": 1},
        {"response_id": "01h00000000000000000000012", "fragment_id": 4, "order": 0}])
    db["system_fragments"].insert({"response_id": "01h00000000000000000000012", "fragment_id": 7, "order": 0})
    db["tools"].insert_all([
        {"id": 3, "hash": "c" * 64, "name": "count_gulls", "description": "Counts.",
         "input_schema": '{"type": "object", "properties": {"where": {"type": "string"}}}', "plugin": None}])
    db["tool_responses"].insert_all(
        {"tool_id": 3, "response_id": f"01h0000000000000000000001{i}"} for i in (3, 4))
    db["tool_calls"].insert({"response_id": "01h00000000000000000000013", "tool_id": 3, "name": "count_gulls",
                             "arguments": '{"where": "pier", "deep": [1, {"a": 2.0}]}', "tool_call_id": "tc_1"})
    db["tool_instances"].insert({"plugin": "p", "name": "Gulls", "arguments": "{}"})
    db["tool_results"].insert({"response_id": "01h00000000000000000000014", "tool_id": 3, "name": "count_gulls",
                               "output": "15", "tool_call_id": "tc_1", "instance_id": 1, "exception": None})


def make_oldest(path):
    db = sqlite3.connect(path)
    db.execute("create table log (provider text, system text, prompt text, chat_id text, response text,"
               " model text, timestamp text)")
    rows = [
        ("openai", "", "First prompt", None, "First reply", "gpt-3.5-turbo", "2023-04-01 20:59:24.123456"),
        ("openai", None, "Second prompt", None, "Second reply", "gpt-4", "2023-04-01 21:00:00"),
        ("openai", None, "It goes on", "2", "So it does", "gpt-4", "2023-04-01 21:01:00"),
        ("openai", None, None, None, None, None, None),
    ]
    db.executemany("insert into log values (?, ?, ?, ?, ?, ?, ?)", rows)
    db.commit()
    db.close()


def command_lines(name, path):
    copy = sqlite3.connect(path)
    every = [["logs", "list", "-n", "0"], ["logs", "-n", "0", "--json"], ["logs", "-n", "0", "-s"],
             ["logs", "-n", "0", "-s", "-u"], ["logs", "-n", "0", "-u"], ["logs", "-n", "0", "-e"],
             ["logs", "-n", "0", "-t"], ["logs", "-n", "0", "-t", "--json"], ["logs", "-n0", "-se"],
             ["logs", "-n", "0", "--json", "-e"], ["logs"], ["logs", "-n", "1"], ["logs", "-n", "-1", "-s"],
             ["logs", "-c"], ["logs", "-c", "-n", "1"], ["logs", "-r"], ["logs", "-cue"], ["logs", "-r", "-x"],
             ["logs", "-x", "-n", "0"], ["logs", "--xl", "-n", "0"], ["logs", "-xr"], ["logs", "-n", "0", "-xt"],
             ["logs", "--short", "--json"], ["logs", "--short", "-r"], ["logs", "-s", "--json", "-r"],
             ["logs", "--tools", "-n", "0"], ["logs", "--tools", "--json"],
             ["logs", "-n", "0", "--data"], ["logs", "-n", "0", "--data-array"],
             ["logs", "-n", "0", "--data", "--data-key", "items"], ["logs", "--data-ids", "-n", "0"],
             ["logs", "--data-key", "items", "--data-ids", "--data-array", "-n", "0"],
             ["logs", "--schema", "name, age int", "-n", "0", "-s"], ["logs", "--schema-multi", "name", "-s"],
             ["logs", "--schema", "848bffbc260a905ad40888a4518f40ef", "--data-array"],
             ["logs", "--cid", "nothing"], ["logs", "-m", "nothing", "--json"], ["logs", "-T", "nothing"],
             ["logs", "--nothing"], ["logs", "extra"], ["logs", "-n", "x"],
             ["logs", "-q", "unknownword", "-s"], ["logs", "-q", '"', "-s"], ["logs", "-q", "AND", "-s"],
             ["logs", "-q", "nocolumn:x"],
             ["schemas", "--full"] if name == "legacy" else ["logs", "-n", "2", "-u", "-s"],
             ["schemas", "list"] if name == "legacy" else ["logs", "-n", "2", "-e", "-u"],
             ["schemas", "--json"] if name == "legacy" else ["logs", "-n", "2", "-r"],
             ["schemas", "--nl", "-q", "age", "-q", "name"] if name == "legacy" else ["logs", "-n", "2", "--json"],
             ["schemas", "show", "848bffbc260a905ad40888a4518f40ef"], ["schemas", "show", "nothing"],
             ["schemas", "-q", "nothing"], ["schemas", "--json", "-q", "nothing"]]
    if name == "current":
        ids = [row[0] for row in copy.execute("select id from turns order by id")]
        threads = [row[0] for row in copy.execute("select thread_id from turns order by id")]
        hashes = [row[0] for row in copy.execute("select hash from fragments order by id")]
        every += [["logs", "--cid", thread] for thread in threads[:4]]
        every += [["logs", "--cid", threads[3], "--json"], ["logs", "--conversation", threads[0], "-u", "-s"],
                  ["logs", "--id-gt", ids[3], "-s", "-n", "0"], ["logs", "--id-gte", ids[3], "-s", "-n", "2"],
                  ["logs", "-f", hashes[0], "-s"], ["logs", "-f", hashes[0], "-f", hashes[1], "--json"],
                  ["logs", "-f", "birds"], ["logs", "-f", hashes[0], "-f", hashes[2], "-f", hashes[1], "-e"],
                  ["logs", "-T", "multiply", "--json"], ["logs", "-T", "shout", "-T", "broken", "-u"],
                  ["logs", "-T", "multiply", "-T", "shout"], ["logs", "-m", "hand-made", "-u"],
                  ["logs", "-m", "hand-made-2024", "--json"], ["logs", "-m", "echo", "-n", "2", "-s"],
                  ["logs", "-q", "pelican", "-s"], ["logs", "-q", "pelican", "-l", "-s"],
                  ["logs", "-q", "pelican OR words", "-n", "1", "-s"], ["logs", "-q", "pelican", "--json"],
                  ["logs", "-q", "pel*", "-m", "echo", "-s", "-n", "0"], ["logs", "-q", "zoologist"],
                  ["logs", "-q", "prompt:pelican", "-s", "-n", "0"], ["logs", "-q", "name", "-r"]]
    if name == "legacy":
        every += [["logs", "--cid", "01h00000000000000000000001"], ["logs", "-q", "pelicans"],
                  ["logs", "-q", "pelicans OR gulls", "-s"], ["logs", "-q", "gulls", "-l", "--json"],
                  ["logs", "-T", "count_gulls", "--json"], ["logs", "-f", "vier", "-e"],
                  ["logs", "-f", "7" * 64, "-f", "4" * 64, "--json"], ["logs", "-m", "old-model-0601"],
                  ["logs", "--id-gt", "01h00000000000000000000012", "--json"]]
    return every


def pack(path):
    db = sqlite3.connect(path)
    db.execute("pragma journal_mode = delete")
    db.execute("pragma page_size = 512")
    db.execute("vacuum")
    db.close()


def main(target):
    target = pathlib.Path(target)
    target.mkdir(parents=True, exist_ok=True)
    expected = {}
    for name, make in (("current", make_current), ("legacy", make_legacy), ("oldest", make_oldest)):
        path = pathlib.Path(HOME) / f"{name}.db"
        make(path)
        pack(path)
        content = path.read_bytes()
        (target / f"{name}.db.gz").write_bytes(gzip.compress(content, mtime=0))
        if name == "oldest":
            continue
        expected[name] = []
        for arguments in command_lines(name, path):
            copy = pathlib.Path(HOME) / "copy.db"  # llm migrates what it opens
            copy.write_bytes(content)
            result = llm_run(arguments + ["-d", str(copy)])
            assert result.exit_code in (0, 1, 2)
            if result.exit_code == 1 and not isinstance(result.exception, SystemExit):
                continue  # llm itself fails
            expected[name].append([arguments, result.exit_code, result.stdout])
    (target / "expected.json.gz").write_bytes(gzip.compress(json.dumps(expected, indent=0).encode(), mtime=0))


if __name__ == "__main__":
    random.seed(1)
    main(sys.argv[1])
