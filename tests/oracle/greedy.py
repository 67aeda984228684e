#!/usr/bin/env python3
"""Greedy replies of hob and of llama.cpp to the same 20 prompts, token by token.

  tests/oracle/greedy.py --hob build/release/hob --llama FOLDER_WITH_BUILD --source LLAMA_SOURCE MODEL.gguf [EXACT.gguf]

Both engines round activations to int8, each in its own way, so a choice between two almost equal tokens may fall
differently. EXACT.gguf, the same weights as F32 (llama-quantize --allow-requantize MODEL EXACT F32), shows how much of
the difference that is: there nothing is rounded and every reply should be the same.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent


def run(command, text=''):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def build_oracle(folder, llama, source):
    binary = f'{folder}/llama_greedy'
    run(['c++', '-std=c++17', '-O2', f'-I{source}/include', f'-I{source}/ggml/include', str(HERE / 'llama_greedy.cpp'),
         '-o', binary, f'-L{llama}', '-lllama', '-lggml', '-lggml-base', f'-Wl,-rpath,{llama}'])
    return binary


def prompt_ids(args, prompt):
    rendered = run([args.hob, 'template', 'render', '-m', args.model],
                   json.dumps([{'role': 'user', 'content': prompt}]))
    out = run([f'{args.llama}/llama-tokenize', '-m', args.model, '--ids', '--log-disable', '--no-bos', '-p', rendered])
    return json.loads(out.strip().splitlines()[-1])


def hob_reply(args, model, prompt):
    out = run([args.hob, '-m', model, '--json', '-o', 'temperature', '0', '-n', str(args.count), '--logprobs', '2',
               '--kv', args.kv, prompt], '')
    tokens = json.loads(out)[0].get('tokens', [])
    return [(t['id'], t['top'][0]['logprob'] - t['top'][1]['logprob']) for t in tokens]


def compare(args, oracle, model, prompts):
    ids = '\n'.join(' '.join(map(str, prompt_ids(args, p))) for p in prompts) + '\n'
    theirs = [[(int(t.split(':')[0]), float(t.split(':')[1])) for t in line.split()]
              for line in run([oracle, model, str(args.count)], ids).splitlines()]
    same = 0
    for prompt, a in zip(prompts, theirs):
        b = hob_reply(args, model, prompt)
        differs = next((i for i, (x, y) in enumerate(zip(a, b)) if x[0] != y[0]), None)
        if differs is None and len(a) == len(b):
            same += 1
        elif differs is None:
            print(f'  {prompt!r}: lengths {len(a)} and {len(b)}')
        else:
            print(f'  {prompt!r}: token {differs}, margins llama.cpp {a[differs][1]:.3f}, hob {b[differs][1]:.3f}')
    print(f'{pathlib.Path(model).name}: {same} of {len(prompts)} replies have the same first {args.count} tokens')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--hob', required=True)
    parser.add_argument('--llama', required=True, help='folder of libllama.so and llama-tokenize')
    parser.add_argument('--source', required=True, help="llama.cpp's source folder, for its headers")
    parser.add_argument('--count', type=int, default=32)
    parser.add_argument('--kv', default='f16')
    parser.add_argument('model')
    parser.add_argument('exact', nargs='?')
    args = parser.parse_args()
    prompts = [line.strip() for line in (HERE / 'prompts.txt').read_text().splitlines() if line.strip()]
    with tempfile.TemporaryDirectory() as folder:
        oracle = build_oracle(folder, args.llama, args.source)
        for model in [args.model] + ([args.exact] if args.exact else []):
            compare(args, oracle, model, prompts)
    return 0


if __name__ == '__main__':
    sys.exit(main())
