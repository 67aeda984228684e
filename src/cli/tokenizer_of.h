// A model's tokenizer alone, for what only counts.
#pragma once

#include <string>

#include "base/result.h"
#include "text/tokenizer.h"

namespace hob::cli {

// `model` as -m takes it; empty: as for a prompt.
Result<text::Tokenizer> tokenizer_of(const std::string& model);

}  // namespace hob::cli
