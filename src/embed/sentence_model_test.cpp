// The real model against PyTorch (tests/data/make_minilm_vectors.py), and the same bits in any
// company; folders that lie.
#include "embed/sentence_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/half.h"
#include "embed/similarity.h"
#include "os/file.h"
#include "os/terminal.h"
#include "tests/support/temp_folder.h"

namespace hob::embed {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class SentenceModelTest : public test::FolderTest {
 protected:
  void SetUp() override {
    const std::string file = os::environment("HOB_TEST_EMBEDDING_MODEL");
    if (file.empty()) GTEST_SKIP() << "HOB_TEST_EMBEDDING_MODEL is not set";
    model_folder = fs::path(file).parent_path();
  }
  std::unique_ptr<Model> open(int threads = 2) {
    auto model = SentenceModel::open(model_folder.string(), {.threads = threads});
    EXPECT_TRUE(model) << model.error().message;
    return *std::move(model);
  }
  static std::vector<std::string> texts() {
    std::ifstream file(HOB_SOURCE_DIR "/tests/data/minilm_vectors.json");
    return nlohmann::json::parse(file).get<std::vector<std::string>>();
  }
  fs::path model_folder;
};

TEST_F(SentenceModelTest, TheVectorsOfPyTorch) {
  const auto all = texts();
  const std::string halves = *os::read_file(HOB_SOURCE_DIR "/tests/data/minilm_vectors.f16");
  constexpr size_t kNumbers = 384;
  ASSERT_EQ(all.size(), 200u);
  ASSERT_EQ(halves.size(), all.size() * kNumbers * 2);
  const auto model = open();
  const size_t count = HOB_SANITIZED ? 24 : all.size();  // the sanitizers take a second for each
  const auto vectors = *model->embed(std::span(all).first(count));
  ASSERT_EQ(vectors.size(), count);
  double least = 1;
  for (size_t i = 0; i < count; ++i) {
    Vector expected(kNumbers);
    for (size_t k = 0; k < kNumbers; ++k) {
      uint16_t bits;
      std::memcpy(&bits, &halves[(i * kNumbers + k) * 2], 2);
      expected[k] = to_float(Half{bits});
    }
    least = std::min(least, cosine(vectors[i], expected));
    EXPECT_GT(cosine(vectors[i], expected), 0.99999) << all[i];  // half floats alone cost 1e-7
  }
  RecordProperty("least_cosine", fmt::format("{}", least));
  std::printf("least cosine %.9f\n", least);
  if (!HOB_SANITIZED) EXPECT_GT(model->cut_items(), 0u);
}

TEST_F(SentenceModelTest, TheSameBitsInAnyCompanyAndTeam) {
  auto all = texts();
  all.resize(HOB_SANITIZED ? 15 : 60);
  const auto together = *open(2)->embed(all);
  const auto one = open(1), three = open(3);
  for (size_t i = 0; i < all.size(); i += 7) {
    EXPECT_EQ((*one->embed({&all[i], 1}))[0], together[i]) << i;
    EXPECT_EQ((*three->embed({&all[i], 1}))[0], together[i]) << i;
  }
}

TEST_F(SentenceModelTest, AnEmptyTextHasAVectorToo) {
  const std::string empty;
  const auto vectors = open()->embed({&empty, 1});
  ASSERT_TRUE(vectors);
  EXPECT_NEAR(cosine((*vectors)[0], (*vectors)[0]), 1, 1e-12);
}

TEST_F(SentenceModelTest, FoldersThatLie) {
  const std::pair<const char*, std::pair<const char*, const char*>> lies[] = {
      {"config.json", {"\"hidden_size\": 384", "\"hidden_size\": 380"}},
      {"config.json", {"\"hidden_size\": 384", "\"hidden_size\": 1e9"}},
      {"config.json", {"\"num_attention_heads\": 12", "\"num_attention_heads\": 7"}},
      {"config.json", {"\"vocab_size\": 30522", "\"vocab_size\": 30521"}},
      {"config.json", {"\"hidden_act\": \"gelu\"", "\"hidden_act\": \"swish\""}},
      {"config.json", {"\"model_type\": \"bert\"", "\"model_type\": \"gpt2\""}},
      {"config.json", {"{", "["}},
      {"sentence_bert_config.json", {"256", "0"}},
      {"sentence_bert_config.json", {"256", "513"}},
      {"vocab.txt", {"[CLS]", "[cls]"}},
      {"1_Pooling/config.json",
       {"\"pooling_mode_cls_token\": false", "\"pooling_mode_cls_token\": true"}},
      {"modules.json", {"[", "("}},
      {"modules.json", {".Normalize", ".Dense"}},
  };
  for (const auto& [name, change] : lies) {
    fs::remove_all(folder_ / "model");
    fs::create_directories(folder_ / "model/1_Pooling");
    for (const char* file : {"config.json", "sentence_bert_config.json", "vocab.txt",
                             "modules.json", "1_Pooling/config.json", "tokenizer_config.json"})
      fs::copy_file(model_folder / file, folder_ / "model" / file);
    fs::create_symlink(model_folder / "model.safetensors", folder_ / "model/model.safetensors");
    const std::string changed = path(std::string("model/") + name);
    std::string content = *os::read_file(changed);
    const size_t at = content.find(change.first);
    ASSERT_NE(at, content.npos) << name << " " << change.first;
    content.replace(at, std::strlen(change.first), change.second);
    ASSERT_TRUE(os::write_file_atomically(changed, content));
    const auto model = SentenceModel::open(path("model"), {});
    ASSERT_FALSE(model) << name << " " << change.second;
    EXPECT_THAT(model.error().message, HasSubstr(path("model"))) << change.second;
  }
  fs::remove(folder_ / "model/model.safetensors");
  EXPECT_FALSE(SentenceModel::open(path("model"), {}));
}

}  // namespace
}  // namespace hob::embed
