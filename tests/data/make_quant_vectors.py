#!/usr/bin/env python3
"""Writes quant_vectors.bin: what the PyPI package `gguf` (0.19.0) makes of awkward blocks and
awkward weights.

For src/quant/format_test.cpp. Records follow one another:
    char[8] format name, u32 kind (0 blocks -> floats, 1 floats -> blocks), u32 weights,
    the blocks, the floats
kind 0: random bytes, and blocks whose half-precision scales are zero, denormal, infinite, NaN,
largest, negative, under random, all-zero and all-one levels. kind 1, only where `gguf` can
quantise: normal weights over many magnitudes, zeros, constants, one outlier, halves between levels;
with a fixed seed, so that the file can be made again.

    pip install gguf==0.19.0 numpy; python3 make_quant_vectors.py
"""
import pathlib
import struct

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type, quants

FORMATS = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]
# Where a block keeps its halves.
HALVES = {"F16": [0], "BF16": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
          "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
EDGE_HALVES = [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00,
               0x3C00]
QUANTISABLE = FORMATS[:8]
RANDOM_BLOCKS = 8
rng = np.random.default_rng(20240613)


def awkward_blocks(name: str) -> np.ndarray:
    size = GGML_QUANT_SIZES[Type[name]][1]
    rows = [rng.integers(0, 256, size, dtype=np.uint8) for _ in range(RANDOM_BLOCKS)]
    for i, edge in enumerate(EDGE_HALVES if name in HALVES else []):
        row = [rng.integers(0, 256, size, dtype=np.uint8), np.zeros(size, np.uint8),
               np.full(size, 255, np.uint8)][i % 3]
        for j, place in enumerate(HALVES[name]):
            half = EDGE_HALVES[(i + j) % len(EDGE_HALVES)]
            row[place:place + 2] = [half & 255, half >> 8]
        rows.append(row)
    return np.concatenate(rows)


def awkward_weights() -> np.ndarray:
    rows = [rng.standard_normal(32) * 10.0 ** power for power in range(-6, 4)]
    rows += [np.zeros(32), np.full(32, 0.75), np.full(32, -3.0), np.linspace(-1, 1, 32),
             np.linspace(2, 3, 32)]
    outlier = rng.standard_normal(32) * 0.01
    outlier[7] = -5
    rows += [outlier, -outlier, np.arange(32) - 15.5, np.arange(32) * 0.5 - 8,
             np.abs(rng.standard_normal(32))]
    # scales at the ends of half precision
    rows += [rng.standard_normal(32) * 6e4, rng.standard_normal(32) * 1e-7]
    return np.concatenate(rows).astype(np.float32)


def record(name: str, kind: int, blocks: np.ndarray, floats: np.ndarray) -> bytes:
    head = struct.pack("<8sII", name.encode(), kind, floats.size)
    return head + blocks.tobytes() + floats.astype(np.float32).tobytes()


out = b""
with np.errstate(all="ignore"):
    for name in FORMATS:
        blocks = awkward_blocks(name)
        out += record(name, 0, blocks, quants.dequantize(blocks, Type[name]))
    weights = awkward_weights()
    for name in QUANTISABLE:
        out += record(name, 1, quants.quantize(weights, Type[name]).view(np.uint8), weights)
pathlib.Path(__file__).with_name("quant_vectors.bin").write_bytes(out)
print(len(out), "bytes")
