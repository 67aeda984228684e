"""The model files that are compared on: two published ones, and random ones made when needed."""

import os
import pathlib
from dataclasses import dataclass

from versus import peers, random_gguf
from versus.random_gguf import Shape

PUBLISHED = {
    "SmolLM2": "smollm2-135m-instruct-q4_1.gguf",
    "Qwen2.5-Coder": "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
}


class Missing(Exception):
    """A model file that is not on this machine, as one line for a person."""


def folders():
    home = pathlib.Path.home()
    named = [pathlib.Path(name) for name in os.environ.get("HOB_MODELS", "").split(":") if name]
    data = pathlib.Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "hob"
    own = pathlib.Path(os.environ["HOB_HOME"]) if os.environ.get("HOB_HOME") else data
    return [*named, own / "models", home / ".cache/hob-models"]


def published(name):
    for folder in folders():
        if (folder / PUBLISHED[name]).is_file():
            return folder / PUBLISHED[name]
    raise Missing(f"{PUBLISHED[name]} is in none of {', '.join(map(str, folders()))}")


@dataclass(frozen=True)
class Random:
    name: str
    shape: Shape
    weight_type: str

    def path(self):
        """Writes the file when it is not there yet."""
        folder = peers.root() / "random-models"
        file = folder / f"{self.name}.gguf"
        if not file.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = file.with_suffix(".part")
            random_gguf.write(unfinished, self.shape, self.weight_type)
            unfinished.rename(file)
        return file


# SmolLM2-135M's shape with room for a long context.
LONG_CONTEXT = Random("smollm2-shape-16k-q4_0", Shape(), "Q4_0")

# One shape for all types: K-quants need rows of a multiple of 256.
TYPE_SHAPE = Shape(
    layers=12, width=768, heads=12, kv_heads=4, ffn=2048, vocabulary=8192, context=2048
)
BY_TYPE = {
    name: Random(f"types-768-{name.lower()}", TYPE_SHAPE, name)
    for name in random_gguf.WEIGHT_TYPES
}
