// A folder of a test's own, gone when the test is.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/rng.h"
#include "embed/model.h"

namespace hob::embed {

class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder = std::filesystem::temp_directory_path() /
             fmt::format("hob_{}_{}_{}", test->test_suite_name(), test->name(), ::getpid());
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string path(const std::string& name) const { return (folder / name).string(); }
  std::filesystem::path folder;
};

// Numbers from -1 to 1, a function of the seed.
inline Vector random_vector(size_t length, uint64_t seed) {
  Vector vector(length);
  for (size_t i = 0; i < length; ++i)
    vector[i] = static_cast<float>(2 * random_unit(seed, RandomStream::kTest, i) - 1);
  return vector;
}

}  // namespace hob::embed
