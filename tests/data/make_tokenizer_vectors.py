#!/usr/bin/env python3
"""Writes tokenizer_vectors.json: a small vocabulary, texts, and their tokens under each
pre-tokenizer.

Hugging Face's tokenizers train the vocabulary (on SAMPLE and the templates beside this file) and
give the expected tokens. The pre-tokenizers are those of the tokenizer.json of a model of each
family. To keep the file small, the tokens of a text are listed once per distinct result. Needs: pip
install tokenizers.
"""

import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "oracle"))
import tokenizer_differential as differential  # noqa: E402

SAMPLE = """The hob sits by the fire and does the chores; it's small, it doesn't complain, and they'll miss it when it's gone.
In 1997 there were 12 of them, in 2024 more than 1234567. Running, walking, talking, thinking: the endings repeat.
for i in range(10):\n    print(i)\n        return x\n#include <vector>\nint main() { return 0; }
\u00dcber den Wolken mu\u00df die Freiheit wohl grenzenlos sein. \u00c0 la recherche du temps perdu. El ni\u00f1o comi\u00f3.
\u0412\u0441\u0435 \u0441\u0447\u0430\u0441\u0442\u043b\u0438\u0432\u044b\u0435 \u0441\u0435\u043c\u044c\u0438 \u043f\u043e\u0445\u043e\u0436\u0438 \u0434\u0440\u0443\u0433 \u043d\u0430 \u0434\u0440\u0443\u0433\u0430. \u4f60\u597d\uff0c\u4e16\u754c\u3002\u4eca\u65e5\u306f\u4e16\u754c\u3002\uc548\ub155\ud558\uc138\uc694. \u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645. \u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e.
\U0001f600\U0001f600 \U0001f525 caf\u00e9, HTTPServer, snake_case, fooBar, don't, I'm, we've, you're, he'd.
"""
VOCABULARY_SIZE = 900
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
USER_DEFINED = ["<tool_call>", "</tool_call>", "      "]
BY_HAND = [
    "",
    " ",
    "  ",
    "   a",
    "a  b",
    "a \n b",
    "\n\n\n",
    "\t\t x",
    " \n\n  \nx",
    "a\r\n\r\nb",
    "hello world",
    "Hello, World!",
    "it's IT'S It'S 'sS",
    "don't DON'T \u2019t",
    "1",
    "12",
    "123",
    "1234567",
    "a1b22c333",
    "\u0661\u0662\u0663\u0664",
    "x\u00b2 \u2167 \u00bd",
    "caf\u00e9 cafe\u0301",
    "'\u017f",
    "\u00a0x\u3000y\u2028z",
    "a\u180eb \u180e ",
    "\x85x",
    "\x00\x01\x7f",
    "!!!???...",
    "a.b,c;d",
    "$$$ ++ <=> ^~|`",
    "foo_bar.baz(qux)[0] = {1: 'a'}",
    "HTTPServerError fooBARbaz",
    "\u4f60\u597d\u4e16\u754c 123 \u3053\u3093\u306b\u3061\u306f",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
    "a" * 70,
    " " * 70,
    "ab" * 60,
    "=" * 65 + "\n",
    "<|im_end|>",
    "<|im_start|>system\nx<|im_end|>",
    "<tool_call>{}</tool_call>",
    "<tool_call",
    "       x",
    "\U00011f04\U00011f50 \U0001e4d0",
    "\u1c89\u1c8a",
]
LETTERS_UPPER, LETTERS_LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def o200k(contraction, digits):
    return (
        rf"[^\r\n\p{{L}}\p{{N}}]?{LETTERS_UPPER}*{LETTERS_LOWER}+{contraction}|"
        rf"[^\r\n\p{{L}}\p{{N}}]?{LETTERS_UPPER}+{LETTERS_LOWER}*{contraction}|{digits}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )


split, BYTES = differential.split, differential.BYTES
PRE = {
    name: differential.PRE[name]
    for name in ("gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-coder")
}
PRE["qwen35"] = [
    split(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    BYTES,
]
PRE["gpt-4o"] = [split(o200k("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", r"\p{N}{1,3}")), BYTES]
PRE["tekken"] = [split(o200k("", r"\p{N}")), BYTES]
PRE["deepseek-v3"] = [
    split(r"\p{N}{1,3}"),
    split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
    split(
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
        r"""| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
    ),
    BYTES,
]
WHOLE_PIECES = {"llama-bpe", "tekken"}


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    templates = [p.read_text() for p in sorted((HERE / "templates").glob("*.jinja"))]
    tokenizer.train_from_iterator([SAMPLE] * 4 + templates, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    merges = [" ".join(m) if isinstance(m, list) else m for m in model["merges"]]
    return sorted(model["vocab"], key=model["vocab"].get), merges


def main():
    tokens, merges = train()
    control = list(range(len(tokens), len(tokens) + len(CONTROL)))
    user_defined = list(range(control[-1] + 1, control[-1] + 1 + len(USER_DEFINED)))
    vocabulary = {t: i for i, t in enumerate(tokens + CONTROL + USER_DEFINED) if i not in control}
    rng = random.Random(7)
    texts = BY_HAND + [differential.text(rng).decode() for _ in range(200)]
    rows = [{"text": t, "tokens": []} for t in texts]
    for pre, stages in PRE.items():
        tokenizer = Tokenizer(
            models.BPE(
                vocabulary, [tuple(m.split(" ")) for m in merges], ignore_merges=pre in WHOLE_PIECES
            )
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(stages)
        tokenizer.add_tokens([AddedToken(t, normalized=False) for t in USER_DEFINED])
        for row in rows:
            ids = tokenizer.encode(row["text"]).ids
            same = [r for r in row["tokens"] if r["ids"] == ids]
            if same:
                same[0]["pre"].append(pre)
            else:
                row["tokens"].append({"pre": [pre], "ids": ids})
    out = {
        "tokens": tokens + CONTROL + USER_DEFINED,
        "control": control,
        "user_defined": user_defined,
        "merges": merges,
        "whole_pieces": sorted(WHOLE_PIECES),
        "texts": rows,
    }
    lines = [
        f'"{k}": {json.dumps(v, separators=(",", ":"))}' for k, v in out.items() if k != "texts"
    ]
    lines.append(
        '"texts": [\n' + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]"
    )
    path = HERE / "tokenizer_vectors.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(
        f"{len(tokens)} tokens, {len(texts)} texts, {len(PRE)} pre-tokenizers, {path.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
