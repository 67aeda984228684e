"""A toy embedding model for llm, the same as hob's built-in one: a text's vector has 16 numbers,
the lengths of its first 16 words in characters, then zeros."""

import llm


class Toy(llm.EmbeddingModel):
    model_id = "toy"
    batch_size = 10

    def embed_batch(self, items):
        for item in items:
            lengths = [float(len(word)) for word in item.split()][:16]
            yield lengths + [0.0] * (16 - len(lengths))


@llm.hookimpl
def register_embedding_models(register):
    register(Toy(), aliases=())
