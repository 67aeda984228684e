// What the Tab key offers, from words to lines. The scripts are tested in real shells by
// tests/completion_test.py.
#include "cli/complete.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <random>
#include <sstream>

#include "cli/command.h"
#include "store/log_schema.h"
#include "store/user_folder.h"
#include "tests/support/temp_folder.h"

namespace hob::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::vector<std::string> values(const Completion& completion) {
  std::vector<std::string> values;
  for (const Candidate& candidate : completion.candidates) values.push_back(candidate.value);
  return values;
}

std::vector<std::string> offered(std::vector<std::string> words) { return values(complete(words)); }

class CompleteTest : public test::FolderTest {
 protected:
  CompleteTest() {
    for (const char* name : {"HOB_HOME", "HOME", "LLM_USER_PATH", "HF_HOME", "OLLAMA_MODELS"})
      ::setenv(name, folder_.c_str(), 1);
    for (const char* name : {"HF_HUB_CACHE", "XDG_CACHE_HOME", "HOB_MODELS"}) ::unsetenv(name);
    write("models/little-model.gguf", "x");
    write("aliases.json", R"({"quick": "little-model"})");
    write("templates/summary.yaml", "prompt: x");
    auto logs = store::Database::open(store::logs_database(), store::Access::kCreate,
                                      store::log_migrations());
    EXPECT_TRUE(logs && logs->write([](SQLite::Database& sql) -> Result<> {
      sql.exec("insert into threads (id, name) values ('01aaa', 'A crow'), ('01bbb', 'Two crows')");
      return {};
    }));
  }
  ~CompleteTest() override {
    for (const char* name : {"HOB_HOME", "LLM_USER_PATH", "HF_HOME", "OLLAMA_MODELS"})
      ::unsetenv(name);
  }
};

TEST_F(CompleteTest, CommandsAndTheirMembers) {
  const auto all = offered({""});
  EXPECT_THAT(all, Contains("chat"));
  EXPECT_THAT(all, Contains("prices"));
  EXPECT_THAT(all, Contains("help"));
  EXPECT_THAT(all, Not(Contains("prices list")));
  EXPECT_THAT(offered({"pri"}), ElementsAre("prices"));
  EXPECT_THAT(offered({"prices", ""}), UnorderedElementsAre("list", "show", "update"));
  EXPECT_THAT(offered({"prices", "u"}), ElementsAre("update"));
  EXPECT_THAT(offered({"help", "ch"}), ElementsAre("chat"));
}

TEST_F(CompleteTest, EveryCommandIsOfferedSomewhere) {
  for (const Command& command : commands()) {
    const std::string name(command.name);
    std::vector<std::string> words;
    std::istringstream text(name);
    for (std::string word; text >> word;) words.push_back(word);
    const std::string last = words.back();
    words.back().clear();
    EXPECT_THAT(offered(words), Contains(last)) << name;
  }
}

TEST_F(CompleteTest, FlagsOfTheCommand) {
  EXPECT_THAT(offered({"cost", "estimate", "--it"}), ElementsAre("--items"));
  EXPECT_THAT(offered({"cost", "--si"}), ElementsAre("--since")) << "those of `cost list`";
  EXPECT_THAT(offered({"--sys"}), Contains("--system")) << "those of `prompt`";
  EXPECT_THAT(offered({"hello", "-"}), Contains("-m"));
  EXPECT_THAT(offered({"hello", "--", "--sys"}), IsEmpty());
}

TEST_F(CompleteTest, ValuesOfFlags) {
  EXPECT_THAT(offered({"-m", "lit"}), ElementsAre("little-model"));
  EXPECT_THAT(offered({"hi", "--model", "qui"}), ElementsAre("quick"));
  EXPECT_THAT(offered({"--model=lit"}), ElementsAre("--model=little-model"));
  EXPECT_THAT(offered({"-um", "lit"}), ElementsAre("little-model")) << "short flags in one word";
  EXPECT_THAT(offered({"-mlittle-model", "--sys"}), Contains("--system"));
  EXPECT_THAT(offered({"-o", "temp"}), ElementsAre("temperature"));
  EXPECT_THAT(offered({"-o", "temperature", "0"}), IsEmpty()) << "a value nobody knows";
  EXPECT_THAT(offered({"-o", "temperature", "0", "--sys"}), Contains("--system"));
  EXPECT_THAT(offered({"cost", "--by", ""}), ElementsAre("model", "day", "thread", "tag"));
  for (const char* name : {"--cid", "--conversation"})
    EXPECT_THAT(offered({name, ""}), ElementsAre("01bbb", "01aaa"));
  EXPECT_THAT(offered({"embed", "-m", "all-MiniLM-L6"}), Contains("all-MiniLM-L6-v2"));
  EXPECT_THAT(offered({"embed", "-m", "toy"}), IsEmpty()) << "it is there for tests";
  EXPECT_THAT(offered({"cost", "estimate", "-m", "gemini-1.5-flash-8"}),
              ElementsAre("gemini-1.5-flash-8b"));
}

TEST_F(CompleteTest, EachRuleIsOfAFlagOrPositionalThatThereIs) {
  for (const ValueRule& rule : value_rules()) {
    bool there = false;
    for (const Command& command : commands()) {
      if (!rule.command.empty() && rule.command != command.name) continue;
      CLI::App app;
      Io none;
      command.define(app, none);
      for (const CLI::Option* option : app.get_options())
        there |= option->check_name(std::string(rule.word));
    }
    EXPECT_TRUE(there) << rule.command << " " << rule.word;
  }
}

TEST_F(CompleteTest, Positionals) {
  EXPECT_THAT(offered({"prices", "show", "grok-cod"}), ElementsAre("grok-code-fast-1"));
  EXPECT_THAT(offered({"prices", "show", "gpt-4o", "g"}), IsEmpty()) << "it takes one";
  EXPECT_THAT(offered({"completion", ""}), ElementsAre("bash", "zsh", "fish"));
  EXPECT_TRUE(complete({"prices", "update", ""}).files);
  EXPECT_FALSE(complete({"hello there", ""}).files);
}

TEST_F(CompleteTest, LiveValues) {
  const auto threads = live_values(ValueKind::kConversation, "01");
  ASSERT_EQ(threads.size(), 2u);
  EXPECT_EQ(threads[0].value, "01bbb");
  EXPECT_EQ(threads[0].help, "Two crows");
  EXPECT_EQ(live_values(ValueKind::kTemplate, "").at(0).value, "summary");
  EXPECT_EQ(live_values(ValueKind::kAlias, "").at(0).value, "quick");
  EXPECT_TRUE(live_values(ValueKind::kCollection, "").empty()) << "there is no such database";
}

TEST_F(CompleteTest, WhatCannotBeReadOffersNothing) {
  write("aliases.json", "{");
  write("logs.db", "no database at all, but long enough to be looked at");
  EXPECT_TRUE(live_values(ValueKind::kConversation, "").empty());
  EXPECT_TRUE(live_values(ValueKind::kAlias, "").empty());
}

TEST(CompleteLine, WordsAsAShellCutsThem) {
  EXPECT_THAT(words_of_line("hob"), ElementsAre(""));
  EXPECT_THAT(words_of_line("hob "), ElementsAre(""));
  EXPECT_THAT(words_of_line("hob chat  -m x"), ElementsAre("chat", "-m", "x"));
  EXPECT_THAT(words_of_line("hob chat "), ElementsAre("chat", ""));
  EXPECT_THAT(words_of_line("hob 'a b' \"c \\\" d\" e\\ f"), ElementsAre("a b", "c \" d", "e f"));
  EXPECT_THAT(words_of_line("hob 'unfinished wor"), ElementsAre("unfinished wor"));
  EXPECT_THAT(words_of_line("hob \"\" x"), ElementsAre("", "x"));
  EXPECT_THAT(words_of_line("hob x\\"), ElementsAre("x\\"));
  EXPECT_THAT(words_of_line(""), ElementsAre(""));
}

TEST(CompleteLine, LinesForBash) {
  Completion completion;
  completion.candidates = {{"--model=a b", "x"}, {"--model=c", ""}, {"bad\nname", ""}};
  EXPECT_EQ(completion_lines(completion, "--model=", true), "a\\ b\nc\n");
  completion.candidates = {{"org/name:file", ""}};
  EXPECT_EQ(completion_lines(completion, "org/name:f", true), "file\n");
  EXPECT_EQ(completion_lines(completion, "org", true), "org/name:file\n");
  completion.candidates = {{"$(rm)", ""}};
  EXPECT_EQ(completion_lines(completion, "", true), "\\$\\(rm\\)\n");
}

TEST(CompleteLine, LinesForOthers) {
  Completion completion{{{"a", "first\nline"}}, true};
  EXPECT_EQ(completion_lines(completion, "", false), ":files\na\tfirst line\n");
}

TEST(CompleteLine, SurvivesAnything) {
  std::mt19937 random(11);  // any seed
  constexpr std::string_view kBytes = "hob -m=:'\"\\ \n$x";
  for (int i = 0; i < 500; ++i) {
    std::string line;
    for (size_t n = random() % 30; n > 0; --n) line += kBytes[random() % kBytes.size()];
    const auto words = words_of_line(line);
    ASSERT_FALSE(words.empty());
    complete(words);
  }
}

}  // namespace
}  // namespace hob::cli
