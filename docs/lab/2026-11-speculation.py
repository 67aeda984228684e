#!/usr/bin/env python3
"""Where drafts by lookup (-o draft N) gain and where not: tokens per second of the reply against draft 0.

    2026-11-speculation.py HOB MODEL [--rounds R] [--tokens N] [--only TASK] [--drafts 2,3,4] [--numerics WHICH]

Draft settings take turns within a round, so that a slow moment of the machine meets all alike; a figure is the
median over rounds of the ratio of neighbours. The replies of a round must be the same, or it stops.
"""
import argparse
import json
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = (ROOT / "src/engine/kv_cache.cpp").read_text()
TEXT = (ROOT / "docs/guide.md").read_text()[:3500]
TASKS = {
    "edit code": "Rename the class KvCache to AttentionCache in this file. Answer with the whole file, changed.\n\n" + CODE,
    "copy text": "Repeat the following text word for word.\n\n" + TEXT[:1800],
    "reformat": "Turn this table into JSON, one object per row with the keys city, country and people.\n\n"
                + "\n".join(f"| {c} | {n} | {p} |" for c, n, p in [
                    ("Paris", "France", 2102650), ("Rome", "Italy", 2748109), ("Madrid", "Spain", 3332035),
                    ("Berlin", "Germany", 3677472), ("Vienna", "Austria", 1982097), ("Lisbon", "Portugal", 545796)]),
    "summarise": "Summarise this text in one paragraph.\n\n" + TEXT,
    "write code": "Write a Python class for a stack with push, pop, peek and size, and unit tests for it.",
    "story": "Tell me a story about a lighthouse keeper who finds a letter in a bottle.",
    "question": "Why is the sky blue, and why are sunsets red?",
}
SAMPLERS = {"greedy": ["-o", "temperature", "0"], "usual": ["--seed", "7"]}


def reply(args, task, sampler, draft):
    command = [args.hob, "prompt", "-m", args.model, "--threads", "2", "--json", "-n", str(args.tokens),
               "-o", "draft", str(draft), *SAMPLERS[sampler]]
    if args.numerics:
        command += ["--numerics", args.numerics]
    done = subprocess.run(command, input=TASKS[task], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("hob")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--only", action="append")
    parser.add_argument("--sampler", action="append", choices=SAMPLERS)
    parser.add_argument("--drafts", default="2,3,4")
    parser.add_argument("--numerics")
    args = parser.parse_args()
    drafts = [int(d) for d in args.drafts.split(",")]
    for task in args.only or TASKS:
        for sampler in args.sampler or SAMPLERS:
            ratios = {d: [] for d in drafts}
            for _ in range(args.rounds):
                without = reply(args, task, sampler, 0)
                for d in drafts:
                    got = reply(args, task, sampler, d)
                    assert got["response"] == without["response"], (task, sampler, d)
                    ratios[d].append(got["reply_tokens_per_second"] / without["reply_tokens_per_second"])
                    counts = f'{got["accepted_tokens"]}/{got["drafted_tokens"]}'
            cells = " | ".join(f"{statistics.median(ratios[d]):.2f}" for d in drafts)
            print(f'| {task} | {sampler} | {without["output_tokens"]} | {cells} | {counts} |', flush=True)


main()
