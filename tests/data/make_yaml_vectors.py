#!/usr/bin/env python3
"""make_yaml_vectors.py: what PyYAML writes for values that try its rules, and what it reads; needs
PyYAML 6. Prints yaml.json: {"write": [{"value", "indent", "width", "sort", "literal", "text"}],
"read": [{"text", "value"}]}.
"""

import json
import random

import yaml

WORDS = [
    "a", "yes", "No", "null", "~", "1", "010", "0x1F", "1_000", "1:30", "1.5", "1e5", "1.5e+3", ".5",
    ".inf", "-.INF", ".nan", "2024-01-02", "2024-1-2 3:04:05", "<<", "=", "-", "- a", "?", "? b", ":",
    "a: b", "a:b", "#c", "a #c", "a#c", "@x", "`y", "%z", "!t", "&a", "*b", "{x}", "[y]", "x, y", "'",
    '"', "it's", 'say "hi"', "---", "--- a", "...", " lead", "trail ", "tab\there", "two\nlines",
    "three\n\nlines\n", "\nlead", "end\n", "end\n\n", "a\n b", "a \nb", "caf\u00e9", "\u65e5\u672c",
    "\U0001f426 bird", "\u2028", "\ufeff", "\x07", "\x85", "", "true story", "0b101", "09", "+1", "-0",
    "1__", "12:61", "on", "0o17", "back\\slash", "x" * 100, "word " * 40, "caf\u00e9 " * 30,
    "'quoted' " * 20, "Summarise this: $input", "line one\nline 'two' " + "and more " * 20 + "end",
]


def literal(dumper, data):
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", data, style="|" if "\n" in data else None
    )


class Literal(yaml.SafeDumper):
    pass


Literal.add_representer(str, literal)


def value(rng, depth):
    kind = rng.randrange(10 if depth < 3 else 6)
    if kind < 4:
        return rng.choice(WORDS)
    if kind == 4:
        return rng.choice([None, True, False, 0, -7, 12345678901234567890])
    if kind == 5:
        return rng.choice([0.1, 1.0, 1e16, 1.5e-7, -2.5, 1e22, 123456.789])
    if kind < 8:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(WORDS): value(rng, depth + 1) for _ in range(rng.randrange(4))}


def main():
    rng = random.Random(5)
    write = []
    for i in range(140):
        one = {rng.choice(WORDS): value(rng, 1) for _ in range(3)}
        one = [one] if i % 4 == 3 else one
        style = {"indent": 4 if i % 2 else 2, "width": 0 if i % 5 == 4 else 80}
        style |= {"sort": bool(i % 3 == 1), "literal": bool(i % 3 == 2)}
        text = yaml.dump(
            one,
            Dumper=Literal if style["literal"] else yaml.SafeDumper,
            indent=style["indent"],
            width=style["width"] or 10**9,
            sort_keys=style["sort"],
            default_flow_style=False,
        )
        write.append({"value": one, **style, "text": text})
    read = []
    for word in WORDS:
        if any(c in word for c in "\x85\u2028"):
            continue  # line breaks of YAML 1.1 alone, which yaml-cpp takes for text
        for text in (word, f"k: {word}", f"- {word}\n- '{word}'"):
            try:
                got = yaml.safe_load(text)
                json.dumps(got, allow_nan=False)
                if json.loads(json.dumps(got)) != got:
                    continue
            except (yaml.YAMLError, TypeError, ValueError, AttributeError):
                continue
            if isinstance(got, dict) and any(not isinstance(key, str) for key in got):
                continue
            read.append({"text": text, "value": got})
    read.append({"text": "a: &x {b: 1}\nc: {<<: *x, d: 2}", "value": {"a": {"b": 1}, "c": {"b": 1, "d": 2}}})
    print(json.dumps({"write": write, "read": read}, indent=0))


main()
