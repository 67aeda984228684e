#include "os/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>

#include "os/file.h"

namespace hob::os {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class AtomicFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / fmt::format("hob_atomic_{}", ::getpid());
    std::filesystem::create_directory(folder);
    path = folder / "file";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
  }
  std::filesystem::path folder;
  std::string path;
};

TEST_F(AtomicFileTest, TheOldFileStandsUntilTheNewOneIsWhole) {
  ASSERT_TRUE(write_file_atomically(path, "old"));
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append(bytes_of("0123")));
    ASSERT_TRUE(file->append(bytes_of("45")));
    ASSERT_TRUE(file->write_at(1, bytes_of("ab")));
    EXPECT_EQ(*read_file(path), "old");
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(*read_file(path), "0ab345");
  }
  EXPECT_EQ(*read_file(path), "0ab345");
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFileTest, WhatIsNotCommittedLeavesNothing) {
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append(bytes_of("0123")));
  }
  EXPECT_EQ(files(), 0u);
  EXPECT_FALSE(AtomicFile::create(path + "/none/file"));
}

}  // namespace
}  // namespace hob::os
