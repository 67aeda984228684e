#!/usr/bin/env python3
"""Writes gguf_small.gguf with the PyPI package `gguf` (0.19.0): every value type, arrays,
five tensors, alignment 64.

For src/formats/*_test.cpp, which knows these values.

    pip install gguf==0.19.0 numpy; python3 make_gguf_small.py
"""
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as Type, GGUFWriter, quants

w = GGUFWriter(pathlib.Path(__file__).with_name("gguf_small.gguf"), "llama")
w.add_custom_alignment(64)
w.add_uint8("t.u8", 200)
w.add_int8("t.i8", -100)
w.add_uint16("t.u16", 60000)
w.add_int16("t.i16", -30000)
w.add_uint32("t.u32", 4000000000)
w.add_int32("t.i32", -2000000000)
w.add_float32("t.f32", 0.5)
w.add_uint64("t.u64", 2**64 - 1)
w.add_int64("t.i64", -(2**63))
w.add_float64("t.f64", 1e300)
w.add_bool("t.bool", True)
w.add_string("t.string", "h\u00f6b\n")
w.add_array("t.strings", ["a", "", "\u20ac"])
w.add_array("t.ints", [1, -2, 3])
w.add_array("t.floats", [0.25, -1.5])
w.add_array("t.bools", [True, False])
matrix = (np.arange(2 * 32, dtype=np.float32).reshape(2, 32) - 31) / 8
w.add_tensor("f32", matrix)
w.add_tensor("f16", matrix.astype(np.float16))
w.add_tensor("cube", np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4))
for name in ["Q4_0", "Q8_0"]:
    w.add_tensor(name.lower(), quants.quantize(matrix, Type[name]), raw_dtype=Type[name])
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
