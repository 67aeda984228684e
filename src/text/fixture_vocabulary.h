// For tests: the small vocabulary of tests/data/tokenizer_vectors.json as a Tokenizer under any
// pre-tokenizer.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace hob::text {

class FixtureVocabulary {
 public:
  FixtureVocabulary() {
    std::ifstream in(HOB_SOURCE_DIR "/tests/data/tokenizer_vectors.json");
    json_ = nlohmann::json::parse(in);
    tokens_ = json_["tokens"].get<std::vector<std::string>>();
    merges_ = json_["merges"].get<std::vector<std::string>>();
  }

  const nlohmann::json& json() const { return json_; }

  // Views this object's strings.
  Vocabulary vocabulary(const std::string& pre) const {
    Vocabulary v{.source = "fixture", .model = "gpt2", .pre = pre};
    v.tokens.assign(tokens_.begin(), tokens_.end());
    v.merges.assign(merges_.begin(), merges_.end());
    v.kinds.assign(tokens_.size(), TokenKind::kNormal);
    for (const size_t id : json_["control"]) v.kinds[id] = TokenKind::kControl;
    for (const size_t id : json_["user_defined"]) v.kinds[id] = TokenKind::kUserDefined;
    return v;
  }

  Tokenizer tokenizer(const std::string& pre) const {
    auto tokenizer = Tokenizer::create(vocabulary(pre));
    if (!tokenizer) ADD_FAILURE() << tokenizer.error().message;
    return *std::move(tokenizer);
  }

 private:
  nlohmann::json json_;
  std::vector<std::string> tokens_, merges_;
};

}  // namespace hob::text
