// The vocabulary of a GGUF file: its tokenizer.ggml.* keys as text::Vocabulary.
#pragma once

#include "base/result.h"
#include "formats/gguf.h"
#include "text/tokenizer.h"

namespace hob::models {

// The result views strings of the file, which must live until Tokenizer::create has read them.
// Checks types and ranges; what the tokens and merges mean is checked by Tokenizer::create. Errors
// name the file and the key.
Result<text::Vocabulary> read_vocabulary(const gguf::File& file);

}  // namespace hob::models
