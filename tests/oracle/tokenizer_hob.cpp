// hob's tokenizer as a filter, with the protocol of tokenizer_llama.cpp.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "formats/gguf.h"
#include "models/vocabulary.h"
#include "text/tokenizer.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto file = hob::gguf::File::open(argv[1]);
  if (!file) return 1;
  auto vocabulary = hob::models::read_vocabulary(*file);
  if (!vocabulary) return 1;
  const auto tokenizer = hob::text::Tokenizer::create(*std::move(vocabulary));
  if (!tokenizer) return 1;
  uint32_t length;
  std::string text;
  while (std::fread(&length, sizeof length, 1, stdin) == 1) {
    text.resize(length);
    if (length > 0 && std::fread(text.data(), 1, length, stdin) != length) return 1;
    const std::vector<hob::text::Token> tokens = tokenizer->encode(text);
    const auto count = static_cast<uint32_t>(tokens.size());
    std::fwrite(&count, sizeof count, 1, stdout);
    std::fwrite(tokens.data(), sizeof tokens[0], count, stdout);
  }
}
