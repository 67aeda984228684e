"""A GGUF of the llama family with random weights: any shape, every matrix in one weight type.

For speed only, where no published model has the shape or the type. Quantised blocks are random bytes
with scales such that weights have a standard deviation near 0.02, so that nothing overflows, and no
scale is a subnormal half. They are drawn once per model, POOL_BLOCKS of them, and tensors repeat them
from random places: random enough for caches and multipliers, and quick to write. The tokenizer is
byte-level BPE with one merge and a row of unused tokens. Standard library only.
"""

import array
import random
import struct
import sys
from dataclasses import dataclass

POOL_BLOCKS = 1 << 13
ALIGNMENT = 32
DEVIATION = 0.02  # of a weight, as trained ones of this size have

# GGUF's numbers of the types of metadata values.
UINT32, INT32, FLOAT32, STRING, ARRAY = 4, 5, 6, 8, 9


@dataclass(frozen=True)
class Shape:
    layers: int = 30
    width: int = 576
    heads: int = 9
    kv_heads: int = 3
    ffn: int = 1536
    vocabulary: int = 49152
    context: int = 16384


# --- weights ---


def _halves(values):
    return struct.pack(f"<{len(values)}e", *values)


def _with_scales(draw, scales, bytes_after):
    """A quantised block: halves first, then random bytes."""
    return _halves([draw.choice((-1, 1)) * scales[0], *scales[1:]]) + draw.randbytes(bytes_after)


def _symmetric(levels, bytes_after):
    """w = d * (q - levels / 2), q uniform."""
    d = DEVIATION * 12**0.5 / levels
    return lambda draw: _with_scales(draw, [d], bytes_after)


def _with_minimum(levels, bytes_after):
    """w = d * q + m."""
    d = DEVIATION * 12**0.5 / levels

    def block(draw):
        sign = draw.choice((-1, 1))
        return _halves([sign * d, -sign * d * (levels - 1) / 2]) + draw.randbytes(bytes_after)

    return block


def _k_block(levels, bytes_after):
    """w = d * sc * q - dmin * mn. The top bits of the packed sc and mn stay clear: they keep the
    products small, and d large enough to be a normal half."""
    middle = (levels - 1) / 2
    d = DEVIATION / (6 * levels)

    def block(draw):
        packed = bytes(draw.getrandbits(5) for _ in range(8)) + draw.randbytes(4)
        return _halves([d, d * middle]) + packed + draw.randbytes(bytes_after)

    return block


def _q6_k(draw):
    scales = struct.pack("16b", *(draw.randrange(-16, 16) for _ in range(16)))
    return draw.randbytes(192) + scales + _halves([DEVIATION / 170])


def _floats(draw):
    return struct.pack("<32f", *(draw.gauss(0, DEVIATION) for _ in range(32)))


def _half_floats(draw):
    return _halves([draw.gauss(0, DEVIATION) for _ in range(32)])


def _bfloats(draw):
    wide = _floats(draw)
    return b"".join(wide[i + 2 : i + 4] for i in range(0, len(wide), 4))


@dataclass(frozen=True)
class WeightType:
    number: int  # in GGUF
    length: int  # weights in a block; for floats, any number of them serves
    block: object  # draw -> bytes


WEIGHT_TYPES = {
    "F32": WeightType(0, 32, _floats),
    "F16": WeightType(1, 32, _half_floats),
    "BF16": WeightType(30, 32, _bfloats),
    "Q4_0": WeightType(2, 32, _symmetric(16, 16)),
    "Q4_1": WeightType(3, 32, _with_minimum(16, 16)),
    "Q5_0": WeightType(6, 32, _symmetric(32, 20)),
    "Q5_1": WeightType(7, 32, _with_minimum(32, 20)),
    "Q8_0": WeightType(8, 32, _symmetric(256, 32)),
    "Q4_K": WeightType(12, 256, _k_block(16, 128)),
    "Q5_K": WeightType(13, 256, _k_block(32, 160)),
    "Q6_K": WeightType(14, 256, _q6_k),
}


class Pool:
    """Blocks of one type, to be had in any number from any place."""

    def __init__(self, draw, weight_type):
        self._draw, self._type = draw, weight_type
        blocks = [weight_type.block(draw) for _ in range(POOL_BLOCKS)]
        self._block_bytes = len(blocks[0])
        self._bytes = b"".join(blocks) * 2  # so that a pool's worth can start anywhere

    def size(self, rows, cols):
        if cols % self._type.length:
            raise ValueError(f"rows of {cols} weights are no multiple of {self._type.length}")
        return rows * cols // self._type.length * self._block_bytes

    def write(self, file, rows, cols):
        left = self.size(rows, cols)
        while left > 0:
            start = self._draw.randrange(POOL_BLOCKS) * self._block_bytes
            piece = min(left, POOL_BLOCKS * self._block_bytes)
            file.write(memoryview(self._bytes)[start : start + piece])
            left -= piece


# --- the file ---


def _string(text):
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _value(kind, value):
    if kind == STRING:
        return _string(value)
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f"}[kind], value)


def _entry(key, kind, value):
    head = _string(key) + struct.pack("<I", ARRAY if isinstance(value, list) else kind)
    if not isinstance(value, list):
        return head + _value(kind, value)
    return head + struct.pack("<IQ", kind, len(value)) + b"".join(_value(kind, v) for v in value)


def _byte_tokens():
    """GPT-2's printable stand-ins for the 256 bytes, in the order of the bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    spelt = {byte: chr(byte) for byte in printable}
    spelt |= {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [spelt[byte] for byte in range(256)]


def _metadata(shape):
    normal, control, unused = 1, 3, 5
    tokens = ["<|endoftext|>", *_byte_tokens(), "th"]
    types = [control] + [normal] * (len(tokens) - 1)
    extra = shape.vocabulary - len(tokens)
    if extra < 0:
        raise ValueError(f"a vocabulary of {shape.vocabulary} has no room for {len(tokens)} tokens")
    tokens += [f"<extra_{i}>" for i in range(extra)]
    types += [unused] * extra
    numbers = {
        "context_length": shape.context,
        "embedding_length": shape.width,
        "block_count": shape.layers,
        "feed_forward_length": shape.ffn,
        "attention.head_count": shape.heads,
        "attention.head_count_kv": shape.kv_heads,
        "rope.dimension_count": shape.width // shape.heads,
        "vocab_size": shape.vocabulary,
    }
    yield _entry("general.architecture", STRING, "llama")
    yield _entry("general.name", STRING, "random weights")
    for key, number in numbers.items():
        yield _entry(f"llama.{key}", UINT32, number)
    yield _entry("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5)
    yield _entry("llama.rope.freq_base", FLOAT32, 100000.0)
    yield _entry("tokenizer.ggml.model", STRING, "gpt2")
    yield _entry("tokenizer.ggml.pre", STRING, "gpt-2")
    yield _entry("tokenizer.ggml.tokens", STRING, tokens)
    yield _entry("tokenizer.ggml.token_type", INT32, types)
    yield _entry("tokenizer.ggml.merges", STRING, ["t h"])
    yield _entry("tokenizer.ggml.bos_token_id", UINT32, 0)
    yield _entry("tokenizer.ggml.eos_token_id", UINT32, 0)


def _tensors(shape):
    """(name, rows, columns); a norm has no rows."""
    head = shape.width // shape.heads
    query, key = shape.heads * head, shape.kv_heads * head
    yield "token_embd.weight", shape.vocabulary, shape.width
    for layer in range(shape.layers):
        of_layer = [
            ("attn_norm", None, shape.width),
            ("attn_q", query, shape.width),
            ("attn_k", key, shape.width),
            ("attn_v", key, shape.width),
            ("attn_output", shape.width, query),
            ("ffn_norm", None, shape.width),
            ("ffn_gate", shape.ffn, shape.width),
            ("ffn_up", shape.ffn, shape.width),
            ("ffn_down", shape.width, shape.ffn),
        ]
        for name, rows, cols in of_layer:
            yield f"blk.{layer}.{name}.weight", rows, cols
    yield "output_norm.weight", None, shape.width


def _pad(file):
    file.write(bytes(-file.tell() % ALIGNMENT))


def write(path, shape, type_name, seed=0):
    """Writes the model to `path`. The same arguments give the same bytes."""
    draw = random.Random(seed)
    weight_type = WEIGHT_TYPES[type_name]
    pool = Pool(draw, weight_type)
    ones = array.array("f", [1.0]) * shape.width
    if sys.byteorder == "big":
        ones.byteswap()
    tensors = list(_tensors(shape))
    metadata = list(_metadata(shape))
    with open(path, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)))
        file.write(b"".join(metadata))
        offset = 0
        for name, rows, cols in tensors:
            dimensions = [cols] if rows is None else [cols, rows]
            number = 0 if rows is None else weight_type.number
            size = len(ones) * 4 if rows is None else pool.size(rows, cols)
            file.write(_string(name) + struct.pack("<I", len(dimensions)))
            file.write(struct.pack(f"<{len(dimensions)}Q", *dimensions))
            file.write(struct.pack("<IQ", number, offset))
            offset += size + -size % ALIGNMENT
        for _, rows, cols in tensors:
            _pad(file)
            if rows is None:
                file.write(ones.tobytes())
            else:
                pool.write(file, rows, cols)
