#!/usr/bin/env python3
"""Random texts through hob's tokenizer, llama.cpp's and Hugging Face's tokenizers, which must agree
on every token.

    tokenizer_differential.py --hob PROGRAM --llama PROGRAM [--count 20000] [--seed 1] MODEL.gguf...

PROGRAM are tokenizer_hob.cpp (linked with hob_models) and tokenizer_llama.cpp (linked with
libllama) of this folder. Needs: pip install gguf tokenizers.

Texts mix scripts, emoji, digits, white space, contractions, code, control characters, unassigned
and invalid UTF-8. Where the three may differ:
 - Invalid UTF-8: llama.cpp makes U+FFFD of it, losing the bytes, and `tokenizers` takes only str.
   So hob is compared with itself there: decoding must give the bytes back.
 - Unicode: llama.cpp knows 15.1, `tokenizers` and hob know 16. A text where llama.cpp alone differs
   and that has such a character is counted as "newer Unicode"; one with U+017F after an apostrophe
   as "long s" (case-blind contractions).
 - Bytes without a token: hob and `tokenizers` leave them out before merging, llama.cpp after.
   Counted as "missing byte".
Where `tokenizers` agrees with hob, any other difference of llama.cpp is counted as "other"
(deepseek-coder: 4 in 20,000). Every other difference is a failure.
"""

import argparse
import random
import struct
import subprocess
import sys
import unicodedata

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
# As in the tokenizer.json of a model of each family.
PRE = {
    "gpt-2": [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)],
    "mpt": [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)],
    "smollm": [
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ],
    "starcoder": [
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ],
    "llama-bpe": [split(CL100K % r"\p{N}{1,3}"), BYTES],
    "qwen2": [split(CL100K % r"\p{N}"), BYTES],
    "deepseek-coder": [
        split(r"[\r\n]"),
        split(r"\s?\p{L}+"),
        split(r"\s?\p{P}+"),
        split("[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"),
        split(r"\p{N}"),
        BYTES,
    ],
}


def read_vocabulary(path):
    fields = gguf.GGUFReader(path).fields
    get = lambda key: (
        fields["tokenizer.ggml." + key].contents() if "tokenizer.ggml." + key in fields else None
    )
    return get("pre"), get("tokens"), get("merges"), get("token_type")


def hugging_face(pre, tokens, merges, kinds):
    if pre not in PRE:
        return None
    vocabulary = {t: i for i, (t, kind) in enumerate(zip(tokens, kinds)) if kind in (1, 4)}
    tokenizer = Tokenizer(
        models.BPE(
            vocabulary, [tuple(m.split(" ")) for m in merges], ignore_merges=pre == "llama-bpe"
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(PRE[pre])
    tokenizer.add_tokens(
        [AddedToken(t, normalized=False) for t, kind in zip(tokens, kinds) if kind == 4]
    )
    return tokenizer


SCRIPTS = [
    (0x41, 0x7A),
    (0xC0, 0x24F),
    (0x370, 0x3FF),
    (0x400, 0x4FF),
    (0x590, 0x5FF),
    (0x600, 0x6FF),
    (0x900, 0x97F),
    (0xE00, 0xE7F),
    (0x1100, 0x11FF),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0x1E00, 0x1FFF),
    (0xFF00, 0xFFEF),
    (0x10400, 0x1044F),
    (0x1D400, 0x1D7FF),
    (0x20000, 0x2A6DF),
    (0x300, 0x36F),
]
SPACES = " \t\n\r\x0b\x0c\x85\xa0\u1680\u180e\u2000\u2003\u2009\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
CONTRACTIONS = [
    "'s",
    "'t",
    "'re",
    "'ve",
    "'m",
    "'ll",
    "'d",
    "'S",
    "'T",
    "'RE",
    "'Ve",
    "'M",
    "'lL",
    "'D",
    "\u2019s",
    "''s",
    "'\u017f",
    "n't",
    "'tis",
    "o'clock",
]
WORDS = [
    "the",
    "Hello",
    "world",
    "tokenizer",
    "fooBar",
    "snake_case",
    "HTTPServer",
    "na\u00efve",
    "stra\u00dfe",
    "x",
    "I",
    "3D",
    "<|im_end|>",
    "<|endoftext|>",
    "<s>",
    "[INST]",
    "</think>",
    "def f(x):\n    return x",
    "https://example.com/a?b=c&d",
]


def character(rng, low, high):
    while True:
        c = rng.randrange(low, high + 1)
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def piece(rng):
    kind = rng.randrange(13)
    run = rng.choice((1, 1, 2, 3, 5, 9, 20))
    if kind == 0:
        low, high = rng.choice(SCRIPTS)
        return "".join(character(rng, low, high) for _ in range(run))
    if kind == 1:
        return "".join(rng.choice("0123456789") for _ in range(run))
    if kind == 2:
        return "".join(
            character(
                rng, *rng.choice([(0x660, 0x669), (0xB2, 0xBE), (0x2150, 0x218B), (0x966, 0x96F)])
            )
            for _ in range(run)
        )
    if kind == 3:
        return "".join(rng.choice(SPACES) for _ in range(run))
    if kind == 4:
        return rng.choice(" \n\t") * run
    if kind == 5:
        return rng.choice(CONTRACTIONS)
    if kind in (6, 7):
        return rng.choice(("", " ")) + rng.choice(WORDS)
    if kind == 8:
        return "".join(rng.choice("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") for _ in range(run))
    if kind == 9:
        return "".join(
            character(
                rng,
                *rng.choice(
                    [
                        (0x1F300, 0x1FAFF),
                        (0x2600, 0x27BF),
                        (0x1F1E6, 0x1F1FF),
                        (0xFE0F, 0xFE0F),
                        (0x200D, 0x200D),
                    ]
                ),
            )
            for _ in range(run)
        )
    if kind == 10:
        return "".join(
            chr(rng.choice([*range(0x20), 0x7F, *range(0x80, 0xA0)])) for _ in range(run)
        )
    if kind == 11:
        return "".join(character(rng, 0x80, 0x10FFFF) for _ in range(run))
    return "".join(character(rng, 0x20, 0x7E) for _ in range(run))


def text(rng):
    return "".join(piece(rng) for _ in range(rng.randrange(1, 12))).encode()


def with_invalid_bytes(rng, encoded):
    encoded = bytearray(encoded)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(encoded) + 1)
        if rng.random() < 0.5 and at < len(encoded):
            del encoded[at]
        else:
            encoded[at:at] = bytes(
                rng.choice([0x80, 0xBF, 0xC0, 0xC3, 0xE2, 0xED, 0xF0, 0xF5, 0xFF])
                for _ in range(rng.randrange(1, 4))
            )
    return bytes(encoded)


def run(program, model, texts):
    data = b"".join(struct.pack("<I", len(t)) + t for t in texts)
    out = subprocess.run([program, model], input=data, stdout=subprocess.PIPE, check=True).stdout
    ids, at = [], 0
    for _ in texts:
        (count,) = struct.unpack_from("<I", out, at)
        ids.append(list(struct.unpack_from(f"<{count}i", out, at + 4)))
        at += 4 + 4 * count
    return ids


def byte_alphabet():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}


def excuse(raw, missing):
    decoded = raw.decode()
    if any(b in missing for b in raw):
        return "missing byte"
    if "'\u017f" in decoded:
        return "long s"
    if any(unicodedata.category(c) == "Cn" for c in decoded):
        return "newer Unicode"  # unassigned in this Python's Unicode, 14 to 15.1
    return None


def compare(args, model):
    pre, tokens, merges, kinds = read_vocabulary(model)
    rng = random.Random(args.seed)
    texts = [text(rng) for _ in range(args.count)]
    invalid = [with_invalid_bytes(rng, t) for t in texts[: args.count // 10]]
    alphabet = byte_alphabet()
    spelled = {
        alphabet[t] for t, kind in zip(tokens, kinds) if kind == 1 and len(t) == 1 and t in alphabet
    }
    missing = set(range(256)) - spelled

    def decode(ids):
        parts = [
            bytes(alphabet[c] for c in tokens[i]) if kinds[i] == 1 else tokens[i].encode()
            for i in ids
        ]
        return b"".join(parts)

    ours = run(args.hob, model, texts)
    llama = run(args.llama, model, texts)
    tokenizer = hugging_face(pre, tokens, merges, kinds)
    failures, excused = [], {}
    for raw, mine, theirs in zip(texts, ours, llama):
        if any(kinds[i] == 3 for i in mine):
            failures.append(("control token", raw, mine, theirs))
        if bytes(b for b in raw if b not in missing) != bytes(b for b in decode(mine)):
            failures.append(("round trip", raw, mine, decode(mine)))
        face = None
        if tokenizer is not None:
            face = tokenizer.encode(raw.decode()).ids
            if face != mine:
                failures.append(("tokenizers", raw, mine, face))
        if mine != theirs:
            reason = excuse(raw, missing) or ("other" if face == mine else None)
            if reason is None:
                failures.append(("llama.cpp", raw, mine, theirs))
            else:
                excused[reason] = excused.get(reason, 0) + 1
    for raw, mine in zip(invalid, run(args.hob, model, invalid)):
        if bytes(b for b in raw if b not in missing) != decode(mine):
            failures.append(("round trip", raw, mine, decode(mine)))
    against = "llama.cpp and tokenizers" if tokenizer is not None else "llama.cpp"
    print(
        f"{model.rsplit('/', 1)[-1]} ({pre}): {len(texts)} texts against {against}, {len(invalid)} with invalid UTF-8: "
        f"{len(failures)} differences; llama.cpp alone: {excused}"
    )
    for kind, raw, mine, theirs in failures[:5]:
        print("  ", kind, raw, mine, theirs)
    return len(failures)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hob", required=True)
    parser.add_argument("--llama", required=True)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("models", nargs="+")
    args = parser.parse_args()
    sys.exit(1 if sum(compare(args, model) for model in args.models) else 0)


if __name__ == "__main__":
    main()
