#include "base/spelling.h"

#include <gtest/gtest.h>

namespace hob {
namespace {

TEST(Spelling, Distances) {
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(distance_inside("qwn", "qwen2.5-coder"), 1u);
  EXPECT_EQ(distance_inside("coder", "qwen2.5-coder-0.5b"), 0u);
}

TEST(Spelling, NearestWithinASlip) {
  const std::vector<std::string> names = {"--model", "--threads", "--seed"};
  EXPECT_EQ(nearest("--modle", names), "--model");
  EXPECT_EQ(nearest("--thread", names), "--threads");
  EXPECT_EQ(nearest("--zebra", names), "");
  EXPECT_EQ(nearest("-q", {"-m", "-n"}), "");  // so short that everything is near
}

}  // namespace
}  // namespace hob
