#include "chat/model_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/support/temp_folder.h"

namespace hob::chat {
namespace {

using ::testing::HasSubstr;

class ModelStoreTest : public test::FolderTest {
 protected:
  ModelStoreTest() { ::unsetenv("HOB_MODEL"); }

  std::string add(const std::string& name) const { return write(name, "12345"); }
  ModelStore store() const { return ModelStore({folder_.string(), "/nowhere/at/all"}); }
  std::string message(std::string_view wanted) const {
    const auto found = store().find(wanted);
    return found ? "found " + *found : found.error().message;
  }
};

TEST_F(ModelStoreTest, ListsByName) {
  add("zeta.gguf");
  add("org/alpha-Q4_K_M.GGUF");
  add("notes.txt");
  const auto models = store().list();
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[0].name, "org/alpha-Q4_K_M");
  EXPECT_EQ(models[1].name, "zeta");
  EXPECT_EQ(models[1].bytes, 5u);
}

TEST_F(ModelStoreTest, ExactBeatsPrefixBeatsPart) {
  const auto tiny = add("tiny.gguf");
  const auto tiny_chat = add("tiny-chat.gguf");
  const auto other = add("other-model-tiny-part.gguf");
  EXPECT_EQ(*store().find("tiny"), tiny);
  EXPECT_EQ(*store().find("TINY.gguf"), tiny);
  EXPECT_EQ(*store().find("tiny-"), tiny_chat);
  EXPECT_EQ(*store().find("model"), other);
  EXPECT_EQ(*store().find(other), other);
}

TEST_F(ModelStoreTest, SaysWhatIsAmbiguousOrNear) {
  add("qwen2.5-coder-0.5b.gguf");
  add("qwen3-8b.gguf");
  EXPECT_THAT(message("qwen"), HasSubstr("could be any of qwen2.5-coder-0.5b, qwen3-8b"));
  EXPECT_THAT(message("qwen3-8c"), HasSubstr("near: qwen3-8b"));
  EXPECT_THAT(message("gemma-3-27b-it"),
              HasSubstr("no model named 'gemma-3-27b-it'; 'hob models'"));
  EXPECT_THAT(message("./absent.gguf"), HasSubstr("no such file"));
  EXPECT_THAT(message(folder_.string()), HasSubstr("is a folder"));
}

TEST_F(ModelStoreTest, DefaultAndAliases) {
  EXPECT_THAT(message(""), HasSubstr("run ./hob once to fetch it"));
  const auto fallback = add(std::string(kDefaultModel) + ".gguf");
  const auto other = add("other.gguf");
  for (const KnownModel& known : known_models()) EXPECT_EQ(*store().find(known.alias), fallback);
  EXPECT_EQ(*store().find(""), fallback);
  ::setenv("HOB_MODEL", "other", 1);
  EXPECT_EQ(*store().find(""), other);
  ::unsetenv("HOB_MODEL");
}

TEST_F(ModelStoreTest, FirstFolderWins) {
  add("a/same.gguf");
  add("b/same.gguf");
  const ModelStore both({path("b"), path("a")});
  ASSERT_EQ(both.list().size(), 1u);
  EXPECT_EQ(both.list()[0].path, path("b/same.gguf"));
}

TEST_F(ModelStoreTest, OtherProgramsModelsAreUsedInPlace) {
  const std::string own = add("own/org/repo/both.gguf");
  add("studio/org/repo/both.gguf");
  const std::string other = add("studio/org/repo/other.gguf");
  const ModelStore with_caches({path("own")}, {.lm_studio = {path("studio")}});
  EXPECT_EQ(with_caches.list().size(), 2u);
  EXPECT_EQ(with_caches.find("both").value(), own);
  EXPECT_EQ(with_caches.find("org/repo/other").value(), other);
}

}  // namespace
}  // namespace hob::chat
