#!/usr/bin/env python3
"""Renders conversations with Jinja2 exactly as transformers does, as vectors for
src/text/chat_template_test.cpp.

    make_template_vectors.py  writes templates/vectors.json for the templates in templates/
    make_template_vectors.py --all DIR  prints the vectors of every DIR/*.jinja, one JSON object a line

Needs: pip install jinja2. The environment is that of transformers/utils/chat_template_utils.py.
"""

import json
import pathlib
import sys
from datetime import datetime

import jinja2
import jinja2.ext
import jinja2.sandbox

HERE = pathlib.Path(__file__).parent

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": 'The weather of a place, as "text" & <numbers>.',
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "City, e.g. Z\u00fcrich"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "array", "items": {"type": "integer"}, "default": [1, 2]},
            },
            "required": ["place"],
        },
    },
}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Search.",
        "parameters": {
            "type": "object",
            "properties": {"q": {"type": "string"}},
            "required": ["q"],
        },
    },
}
SYSTEM = {"role": "system", "content": "You are terse.\nAnswer in one line."}
HI = {"role": "user", "content": "Hi there"}
HELLO = {"role": "assistant", "content": "Hello! How can I help?"}
MORE = {"role": "user", "content": "  What's 2 + 2?  \n"}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "id": "call00001",
            "type": "function",
            "function": {
                "name": "get_weather",
                "arguments": {
                    "place": "Z\u00fcrich",
                    "unit": "celsius",
                    "days": [1, 2.5, True, None],
                },
            },
        }
    ],
}
CALL_TEXT = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "call00001",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"place": "Z\u00fcrich"}'},
        }
    ],
}
RESULT = {
    "role": "tool",
    "tool_call_id": "call00001",
    "name": "get_weather",
    "content": '{"temperature": 21.5}',
}
THOUGHT = {
    "role": "assistant",
    "content": "<think>\nTwo and two.\n</think>\n\n4",
    "reasoning_content": "Two and two.",
}

CASES = {
    "user": ([HI], {}, True),
    "user_no_prompt": ([HI], {}, False),
    "system": ([SYSTEM, HI], {}, True),
    "turns": ([SYSTEM, HI, HELLO, MORE], {}, True),
    "turns_ended": ([HI, HELLO], {}, False),
    "parts": (
        [
            {
                "role": "user",
                "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}],
            }
        ],
        {},
        True,
    ),
    "unicode": (
        [
            {
                "role": "user",
                "content": "\u4f60\u597d <b>&amp;</b> \"quoted\" 'single' {{ braces }} \U0001f600\n\n",
            }
        ],
        {},
        True,
    ),
    "reasoning": ([HI, THOUGHT, MORE], {}, True),
    "no_thinking": ([SYSTEM, HI], {"enable_thinking": False}, True),
    "tools": ([SYSTEM, HI], {"tools": [WEATHER, SEARCH]}, True),
    "tool_call": ([HI, CALL, RESULT], {"tools": [WEATHER]}, True),
    "tool_call_text": ([HI, CALL_TEXT, RESULT, HELLO, MORE], {"tools": [WEATHER]}, True),
    "empty": ([], {}, True),
    "bad_order": ([HELLO, HI, HI], {}, True),
}
NAMES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def strftime_now(form):
    return datetime.now().strftime(form)


def compile_template(source):
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = strftime_now
    return environment.from_string(source)


def vectors(source):
    compiled = compile_template(source)
    for case, (messages, variables, prompt) in CASES.items():
        vector = {
            "case": case,
            "messages": messages,
            "variables": NAMES | variables,
            "add_generation_prompt": prompt,
        }
        everything = {"tools": None, "documents": None} | NAMES | variables
        try:
            vector["rendered"] = compiled.render(
                messages=messages, add_generation_prompt=prompt, **everything
            )
        except Exception as error:
            vector["error"] = str(error)
        yield vector


def main():
    if sys.argv[1:2] == ["--all"]:
        for path in sorted(pathlib.Path(sys.argv[2]).glob("*.jinja")):
            source = path.read_text()
            for vector in vectors(source):
                print(json.dumps({"name": path.stem, "template": source} | vector))
        return
    out = []
    for path in sorted((HERE / "templates").glob("*.jinja")):
        for vector in vectors(path.read_text()):
            result = {k: vector[k] for k in ("rendered", "error") if k in vector}
            out.append({"template": path.name, "case": vector["case"]} | result)
    cases = {
        name: {"messages": m, "variables": NAMES | v, "add_generation_prompt": p}
        for name, (m, v, p) in CASES.items()
    }
    (HERE / "templates/vectors.json").write_text(
        json.dumps({"cases": cases, "vectors": out}, indent=1, ensure_ascii=False) + "\n"
    )
    print(f"{len(out)} vectors")


if __name__ == "__main__":
    main()
