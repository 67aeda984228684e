#include "prompts/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "os/file.h"
#include "prompts/templates.h"
#include "tests/support/temp_folder.h"

namespace hob::prompts {
namespace {

using ::testing::HasSubstr;

using SettingsTest = test::FolderTest;

TEST_F(SettingsTest, AliasesAreWrittenAsLlmDoes) {
  Aliases aliases(path("new/aliases.json"), path("llm.json"));
  ASSERT_TRUE(aliases.set("e", "echo"));
  EXPECT_EQ(*os::read_file(path("new/aliases.json")), "{\n    \"e\": \"echo\"\n}\n");
  ASSERT_TRUE(aliases.set("caf\xC3\xA9", "x"));
  EXPECT_THAT(*os::read_file(path("new/aliases.json")), HasSubstr("\"caf\\u00e9\": \"x\""));
  ASSERT_TRUE(aliases.remove("e"));
  EXPECT_EQ(aliases.remove("e").error().message, "No such alias: e");
}

TEST_F(SettingsTest, LlmsAliasesFillWhatIsMissing) {
  write("own.json", R"({"a": "mine"})");
  write("llm.json", R"({"a": "theirs", "b": "theirs", "n": 3})");
  const Aliases aliases(path("own.json"), path("llm.json"));
  EXPECT_EQ(aliases.all()->dump(), R"({"a":"mine","b":"theirs"})");
  EXPECT_EQ(**aliases.find("b"), "theirs");
  EXPECT_FALSE(aliases.find("n")->has_value());
}

TEST_F(SettingsTest, ABrokenFileIsAnErrorAndStays) {
  write("own.json", "{oops");
  Aliases aliases(path("own.json"), "");
  EXPECT_THAT(aliases.set("a", "b").error().message, HasSubstr("own.json"));
  EXPECT_EQ(*os::read_file(path("own.json")), "{oops");
  write("llm.json", "[");
  EXPECT_TRUE(Aliases(path("none.json"), path("llm.json")).all());
}

TEST_F(SettingsTest, OptionsPerModel) {
  ModelOptions options(path("model_options.json"));
  EXPECT_TRUE(options.of("m")->empty());
  ASSERT_TRUE(options.set("m", "temperature", "0.5"));
  ASSERT_TRUE(options.set("m", "seed", "7"));
  EXPECT_EQ(*os::read_file(path("model_options.json")),
            "{\n  \"m\": {\n    \"temperature\": \"0.5\",\n    \"seed\": \"7\"\n  }\n}");
  ASSERT_TRUE(options.clear("m", "seed"));
  ASSERT_TRUE(options.clear("m", "absent"));
  EXPECT_EQ(options.of("m")->dump(), R"({"temperature":"0.5"})");
  ASSERT_TRUE(options.clear("m", "temperature"));
  EXPECT_EQ(*os::read_file(path("model_options.json")), "{}");
}

TEST_F(SettingsTest, OptionsThatAreNoObjectAreNamedAndStay) {
  const std::string content = R"({"echo": "x"})";
  write("model_options.json", content);
  ModelOptions options(path("model_options.json"));
  for (const Result<>& done : {options.set("echo", "k", "v"), options.clear("echo", "k")})
    EXPECT_EQ(done.error().message,
              path("model_options.json") + ": the options of 'echo' are not an object");
  EXPECT_EQ(*os::read_file(path("model_options.json")), content);
}

TEST_F(SettingsTest, ThoseWhoChangeAFileTakeTurns) {
  constexpr int kThreads = 4, kEach = 25;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      Aliases aliases(path("new/aliases.json"), "");
      for (int i = 0; i < kEach; ++i) EXPECT_TRUE(aliases.set(fmt::format("{}-{}", t, i), "m"));
    });
  }
  for (auto& thread : threads) thread.join();
  const auto all = Aliases(path("new/aliases.json"), "").all();
  EXPECT_EQ(all->size(), static_cast<size_t>(kThreads * kEach));
}

TEST_F(SettingsTest, TemplatesOfBothFolders) {
  write("own/a.yaml", "prompt: mine");
  write("llm/a.yaml", "prompt: theirs");
  write("llm/b.yaml", "just a text");
  write("llm/c.yaml", "unknown: key");
  write("llm/d.txt", "prompt: no");
  const TemplateStore store({path("own"), path("llm")});
  const auto list = store.list();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].prompt, "mine");
  EXPECT_EQ(list[1].name, "b");
  EXPECT_EQ(store.load("b")->prompt, "just a text");
  EXPECT_EQ(store.load(path("llm/a.yaml"))->prompt, "theirs");
  EXPECT_EQ(store.load("zzz").error().message, "Invalid template: zzz");
  EXPECT_THAT(store.load("c").error().message, HasSubstr("unknown key"));
  EXPECT_THAT(store.load("no:x").error().message, HasSubstr("Unknown template prefix: no"));
  EXPECT_THAT(store.load("git:" + path("own") + ":x").error().message,
              HasSubstr("Could not load template"));
}

TEST_F(SettingsTest, SavesAsLlmDoes) {
  const TemplateStore store({path("t")});
  ASSERT_TRUE(store.save("s", {{"model", "echo"},
                               {"system", "Be: brief"},
                               {"defaults", {{"n", "1"}}},
                               {"fragments", {"f"}}}));
  EXPECT_EQ(*os::read_file(path("t/s.yaml")),
            "model: echo\nsystem: 'Be: brief'\ndefaults:\n    n: '1'\nfragments:\n- f\n");
  EXPECT_EQ(store.load("s")->defaults->dump(), R"({"n":"1"})");
}

}  // namespace
}  // namespace hob::prompts
