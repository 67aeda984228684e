#include "cli/logits_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/support/temp_folder.h"

namespace hob::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr LogitsShape kShape = {.vocabulary = 3, .chunk = 4, .chunks = 2};  // one row a chunk

class LogitsFiles : public test::FolderTest {
 protected:
  void write_two_chunks() {
    auto writer = LogitsWriter::create(path_, kShape);
    ASSERT_TRUE(writer) << writer.error().message;
    for (int chunk = 0; chunk < 2; ++chunk) {
      const std::vector<int32_t> tokens(4, chunk);
      const std::vector<float> logits = {1.0f, 2.0f, static_cast<float>(chunk)};
      ASSERT_TRUE(writer->begin_chunk(tokens));
      ASSERT_TRUE(writer->add_rows(logits));
    }
    ASSERT_TRUE(writer->finish());
  }

  const std::string path_ = path("logits");
};

TEST_F(LogitsFiles, AreReadAsTheyWereWritten) {
  write_two_chunks();
  const auto file = LogitsFile::open(path_);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->shape().chunks, 2u);
  EXPECT_THAT(file->tokens(1), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(file->row(0, 0), ElementsAre(1, 2, 0));
  EXPECT_THAT(file->row(1, 0), ElementsAre(1, 2, 1));
}

TEST_F(LogitsFiles, HaveTheirNameOnlyWhenTheyAreWhole) {
  {
    auto writer = LogitsWriter::create(path_, kShape);
    ASSERT_TRUE(writer);
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(LogitsFiles, OfEveryOtherLengthAreRefused) {
  write_two_chunks();
  std::ifstream in(path_, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  for (size_t length = 0; length < whole.size(); ++length) {
    std::ofstream(path_, std::ios::binary) << whole.substr(0, length);
    EXPECT_FALSE(LogitsFile::open(path_)) << length;
  }
  std::ofstream(path_, std::ios::binary) << whole << "x";
  const auto longer = LogitsFile::open(path_);
  ASSERT_FALSE(longer);
  EXPECT_THAT(longer.error().message, HasSubstr(path_));
}

TEST_F(LogitsFiles, WithHugeCountsAreRefused) {
  write_two_chunks();
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(8);
  for (int i = 0; i < 12; ++i) file.put('\xff');
  file.close();
  EXPECT_FALSE(LogitsFile::open(path_));
}

TEST(Difference, OfEqualLogitsIsNothingWhateverIsAddedToARow) {
  Difference difference;
  difference.add(std::vector<float>{1, 2, 3}, std::vector<float>{11, 12, 13});
  EXPECT_NEAR(difference.nmse(), 0, 1e-15);           // sums of small whole numbers
  EXPECT_NEAR(difference.kl_divergence(), 0, 1e-12);  // a few roundings of double
  EXPECT_EQ(difference.same_top(), 1);
}

TEST(Difference, CountsByHand) {
  Difference difference;
  difference.add(std::vector<float>{1, 0}, std::vector<float>{0, 1});
  // Without their means: (0.5, -0.5) and (-0.5, 0.5).
  EXPECT_NEAR(difference.nmse(), 2 / 0.5, 1e-12);  // exact but for one division
  const double p = 1 / (1 + std::exp(1.0)), q = 1 - p;
  EXPECT_NEAR(difference.kl_divergence(), p * std::log(p / q) + q * std::log(q / p), 1e-12);
  EXPECT_EQ(difference.same_top(), 0);
  Difference both;
  both.add(difference);
  both.add(std::vector<float>{1, 2}, std::vector<float>{1, 2});
  EXPECT_EQ(both.count(), 2u);
  EXPECT_EQ(both.same_top(), 0.5);
}

}  // namespace
}  // namespace hob::cli
