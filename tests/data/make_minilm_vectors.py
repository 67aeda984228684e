#!/usr/bin/env python3
"""Writes minilm_vectors.json (200 texts) and minilm_vectors.f16 (their vectors by PyTorch).

The reference: Hugging Face's tokenizer, and BERT by PyTorch's own functions in float32, then masked
mean and normalisation as the model's card has them. Numbers are kept as float16, which moves a cosine
by less than 1e-6. Needs: pip install torch tokenizers safetensors numpy, and the model's folder as
the argument. With --time it says how many texts a second that is, in batches as
sentence-transformers makes them, and writes nothing.
"""

import json
import pathlib
import random
import sys
import time

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
BY_HAND = [
    "hello world",
    "The hob sits by the fire and does the chores.",
    "How do I map a file into memory without copying it?",
    "Der Hund schl\u00e4ft unter dem alten Tisch.",
    "\u00c0 la recherche du temps perdu, caf\u00e9 cr\u00e8me et na\u00efvet\u00e9",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u4eca\u65e5\u306f\u4e16\u754c\u3002",
    "\u0412\u0441\u0435 \u0441\u0447\u0430\u0441\u0442\u043b\u0438\u0432\u044b\u0435 \u0441\u0435\u043c\u044c\u0438",
    "\uc548\ub155\ud558\uc138\uc694 \uc138\uacc4",
    "\U0001f600 emoji and \u2014 dashes \u2026 and \u201cquotes\u201d",
    "a",
    "!",
    "1234567890 3.14159 1e-9 0xdeadbeef",
    "int main() { return printf(\"%d\\n\", 42); }",
    "SELECT id, title FROM posts WHERE body LIKE '%cat%' ORDER BY id DESC;",
    "https://example.org/a/b?c=d&e=f#g",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "x" * 120,
    "Not all those who wander are lost; some of them are looking for their keys.",
]
SUBJECTS = (
    "the old cat|a tired engineer|my neighbour|the committee|every second train|this database"
    "|the small owl|a glass of water|our teacher|the last volcano|nobody|the orchestra"
).split("|")
VERBS = (
    "sleeps|complains about the weather|writes a letter|breaks without warning|waits for the bus"
    "|counts to a hundred|remembers everything|was never measured|answers slowly|turns blue"
).split("|")
PLACES = (
    "in the kitchen|on a Tuesday|near the harbour|during the talk|under heavy load|since 1987"
    "|behind the library|at 4.5 GHz|before breakfast|for no good reason"
).split("|")


def sentence(rng):
    words = f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(PLACES)}"
    return words.capitalize() + "."


def texts():
    rng = random.Random(11)
    made = list(BY_HAND)
    while len(made) < 150:
        made.append(sentence(rng))
    while len(made) < 200:  # up to what the model takes, and beyond
        made.append(" ".join(sentence(rng) for _ in range(rng.randrange(2, 40))))
    return made


class Bert:
    def __init__(self, folder):
        self.weights = load_file(folder / "model.safetensors")
        self.config = json.loads((folder / "config.json").read_text())

    def linear(self, x, name):
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, x, name):
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        return F.layer_norm(x, weight.shape, weight, bias, self.config["layer_norm_eps"])

    def __call__(self, ids, mask):  # [B,T] [B,T] -> [B,T,D]
        w, heads = self.weights, self.config["num_attention_heads"]
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.token_type_embeddings.weight"][0]
        x = x + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = self.norm(x, "embeddings.LayerNorm")
        seen = mask[:, None, None, :].bool()
        split = lambda y: y.unflatten(-1, (heads, -1)).transpose(1, 2)
        for i in range(self.config["num_hidden_layers"]):
            at = f"encoder.layer.{i}."
            q, k, v = (split(self.linear(x, f"{at}attention.self.{n}")) for n in ("query", "key", "value"))
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
            mixed = self.linear(mixed.transpose(1, 2).flatten(2), at + "attention.output.dense")
            x = self.norm(x + mixed, at + "attention.output.LayerNorm")
            inner = F.gelu(self.linear(x, at + "intermediate.dense"))
            x = self.norm(x + self.linear(inner, at + "output.dense"), at + "output.LayerNorm")
        return x


def embed(bert, tokenizer, texts):
    """[B,D] of one batch, padded to its longest text."""
    encoded = tokenizer.encode_batch(texts)
    ids = torch.tensor([e.ids for e in encoded])
    mask = torch.tensor([e.attention_mask for e in encoded])
    hidden, seen = bert(ids, mask), mask.unsqueeze(-1).float()
    return F.normalize((hidden * seen).sum(1) / seen.sum(1), dim=1)


def main():
    folder = pathlib.Path(sys.argv[1])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    most = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
    tokenizer.enable_truncation(most)
    tokenizer.enable_padding()
    bert, all_texts = Bert(folder), texts()
    with torch.inference_mode():
        if sys.argv[2:] == ["--time"]:
            return measure(bert, tokenizer)
        vectors = [embed(bert, tokenizer, [text])[0].numpy() for text in all_texts]
    rows = ",\n".join(json.dumps(text) for text in all_texts)
    (HERE / "minilm_vectors.json").write_text(f"[\n{rows}\n]\n")
    numpy.stack(vectors).astype("<f2").tofile(HERE / "minilm_vectors.f16")


def measure(bert, tokenizer, count=2000, batch=32):
    """Texts a second: sorted by length, in batches of 32."""
    rng = random.Random(5)
    made = sorted((sentence(rng) for _ in range(count)), key=len, reverse=True)
    for _ in range(3):
        began = time.perf_counter()
        for at in range(0, count, batch):
            embed(bert, tokenizer, made[at : at + batch])
        seconds = time.perf_counter() - began
        print(f"{count / seconds:.0f} texts/s, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
