#include "cli/tokenizer_of.h"

#include "chat/model_store.h"
#include "formats/gguf.h"
#include "models/vocabulary.h"

namespace hob::cli {

Result<text::Tokenizer> tokenizer_of(const std::string& model) {
  HOB_TRY(const std::string path, chat::ModelStore::standard().find(model));
  HOB_TRY(const auto file, gguf::File::open(path));
  HOB_TRY(auto vocabulary, models::read_vocabulary(file));
  return text::Tokenizer::create(std::move(vocabulary));
}

}  // namespace hob::cli
