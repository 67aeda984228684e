// hob bench on tiny models: which tests it runs, what it prints. No figure is looked at but for
// being one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/bench_limits.h"
#include "cli/bench_run.h"
#include "cli/run.h"
#include "tests/support/tiny_run.h"

namespace hob::cli {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Streams : Io {
  Streams() {
    in = std::tmpfile();
    out = std::tmpfile();
    err = std::tmpfile();
  }
  ~Streams() {
    for (FILE* file : {in, out, err}) std::fclose(file);
  }
  static std::string text(FILE* file) {
    std::rewind(file);
    std::string read;
    for (int c; (c = std::getc(file)) != EOF;) read.push_back(static_cast<char>(c));
    return read;
  }
};

nlohmann::json bench(std::vector<std::string> flags) {
  static const std::string model = test::write_tiny_model({.context = 64});
  Streams io;
  flags.insert(flags.begin(), {"bench", "-m", model, "--json", "--threads", "1"});
  EXPECT_EQ(run(flags, io), 0) << Streams::text(io.err);
  return nlohmann::json::parse(Streams::text(io.out));
}

std::vector<std::string> names(const nlohmann::json& tests) {
  std::vector<std::string> out;
  for (const auto& test : tests) out.push_back(test["test"]);
  return out;
}

TEST(Bench, RunsAPromptAndAGeneration) {
  const auto tests = bench({"--prompt", "20", "--generate", "3", "--repeat", "2"});
  EXPECT_THAT(names(tests), ElementsAre("pp20", "tg3"));
  for (const auto& test : tests) {
    EXPECT_THAT(test["runs"].get<std::vector<double>>(), SizeIs(2));
    EXPECT_THAT(test["runs"].get<std::vector<double>>(), Each(Gt(0)));
    for (const char* figure : {"tokens_per_second", "percent_of_limit", "gops", "read_gbps",
                               "attention_percent", "limit_read_gbps", "limit_quantised_gops"}) {
      EXPECT_GT(test[figure].get<double>(), 0) << figure;
    }
    EXPECT_EQ(test["numerics"], "portable");
  }
}

TEST(Bench, SequencesTogetherAndDepthAreInTheName) {
  const auto tests =
      bench({"--prompt", "8", "--generate", "4", "--sequences", "3", "--depth", "30"});
  EXPECT_THAT(names(tests), ElementsAre("pp8@30", "tg4x3@30"));
  EXPECT_EQ(tests[1]["sequences"], 3);
  EXPECT_GT(tests[1]["attention_percent"].get<double>(), 0);
}

// A context of depth and test holds every run: nothing piles up from one to the next.
TEST(Bench, EveryRunStartsAtTheDepth) {
  EXPECT_THAT(names(bench({"--depth", "60", "--prompt", "4", "--generate", "4", "--repeat", "5"})),
              ElementsAre("pp4@60", "tg4@60"));
}

TEST(Bench, SequencesShareTheTimeOfARun) {
  const Measured measured{{"tg4x3", true, 4, 3}, {10, 14}};
  EXPECT_EQ(measured.mean(), 12);
  EXPECT_DOUBLE_EQ(measured.mean_seconds(), 1);
}

TEST(Bench, LimitsExcludeTheFlagsOfTests) {
  for (const char* flag : {"--prompt", "--generate", "--depth", "--sequences", "--repeat"}) {
    Streams io;
    EXPECT_EQ(run({"bench", "--limits", flag, "1"}, io), 2) << flag;
    EXPECT_THAT(Streams::text(io.err), HasSubstr(flag));
  }
}

TEST(Bench, LimitsForOneThreadAndForAll) {
  Streams io;
  const LimitsRequest request{
      .threads = 2, .model_bytes = 5, .json = true, .memory_bytes = 1 << 20};
  ASSERT_TRUE(show_limits(io, request));
  const auto limits = nlohmann::json::parse(Streams::text(io.out));
  ASSERT_THAT(limits, SizeIs(2));
  EXPECT_EQ(limits[0]["threads"], 1);
  EXPECT_EQ(limits[1]["threads"], 2);
  for (const auto& row : limits) {
    for (const char* figure : {"fp32_gflops", "int8_gops", "read_gbps", "model_read_gbps"})
      EXPECT_GT(row[figure].get<double>(), 0) << figure;
    EXPECT_TRUE(row.contains("bf16_tiles_gflops"));  // null where there are none
    EXPECT_EQ(row["model_bytes"], 5);
  }
}

TEST(Bench, LimitsAsATable) {
  Streams io;
  ASSERT_TRUE(show_limits(io, {.threads = 1, .memory_bytes = 1 << 20}));
  const std::string text = Streams::text(io.out);
  EXPECT_THAT(text, HasSubstr("THREADS"));
  EXPECT_THAT(text, HasSubstr("INT8 TILES"));
  EXPECT_THAT(text, HasSubstr("from memory"));
}

}  // namespace
}  // namespace hob::cli
