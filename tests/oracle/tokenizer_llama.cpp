// llama.cpp's tokenizer as a filter, for tests/oracle/tokenizer_differential.py, which also says
// how to build it.
//
// stdin: texts as u32 length and bytes. stdout: per text u32 count and i32 token ids, without BOS
// or control tokens.
#include <llama.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_model_params parameters = llama_model_default_params();
  parameters.vocab_only = true;
  llama_model* model = llama_model_load_from_file(argv[1], parameters);
  if (model == nullptr) return 1;
  const llama_vocab* vocabulary = llama_model_get_vocab(model);
  uint32_t length;
  std::string text;
  std::vector<llama_token> tokens;
  while (std::fread(&length, sizeof length, 1, stdin) == 1) {
    text.resize(length);
    if (length > 0 && std::fread(text.data(), 1, length, stdin) != length) return 1;
    tokens.resize(length + 8);
    const int32_t count =
        llama_tokenize(vocabulary, text.data(), static_cast<int32_t>(length), tokens.data(),
                       static_cast<int32_t>(tokens.size()), false, false);
    if (count < 0) return 1;
    const auto written = static_cast<uint32_t>(count);
    std::fwrite(&written, sizeof written, 1, stdout);
    std::fwrite(tokens.data(), sizeof tokens[0], written, stdout);
  }
}
