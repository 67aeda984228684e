// A sentence encoder of the sentence-transformers library: WordPiece, BERT, the mean of the token
// vectors, normalised to length 1 where the folder says so.
//
// A folder as the library lays it out: config.json, model.safetensors, vocab.txt or tokenizer.json,
// and where they are there modules.json, 1_Pooling/config.json, sentence_bert_config.json and
// tokenizer_config.json. Other modules and kinds of pooling are refused by name. Texts run
// together, one behind the other without padding; a text's vector has the same bits in any company.
#pragma once

#include "embed/model.h"
#include "models/bert.h"
#include "ops/ctx.h"
#include "text/wordpiece.h"

namespace hob::embed {

class SentenceModel : public Model {
 public:
  static Result<std::unique_ptr<Model>> open(const std::string& folder,
                                             const ModelOptions& options);

  size_t batch_size() const override { return 1000; }
  Result<std::vector<Vector>> embed(std::span<const std::string> items) override;
  size_t cut_items() const override { return cut_items_; }
  size_t most_tokens() const override { return most_tokens_; }

 private:
  SentenceModel(text::WordPiece tokenizer, std::shared_ptr<const models::Bert> bert,
                const kernels::Table& kernels, int threads);

  text::WordPiece tokenizer_;
  std::shared_ptr<const models::Bert> bert_;
  os::ThreadPool pool_;
  ops::Ctx ctx_;
  std::unique_ptr<models::BertRun> run_;
  size_t most_tokens_ = 0;
  size_t cut_items_ = 0;
  bool normalise_ = false;
};

}  // namespace hob::embed
