#include "os/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "os/file.h"
#include "tests/support/temp_folder.h"

namespace hob::os {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class AtomicFileTest : public test::FolderTest {
 protected:
  size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }
  const std::string path_ = path("file");
};

TEST_F(AtomicFileTest, TheOldFileStandsUntilTheNewOneIsWhole) {
  ASSERT_TRUE(write_file_atomically(path_, "old"));
  {
    auto file = AtomicFile::create(path_);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append(bytes_of("0123")));
    ASSERT_TRUE(file->append(bytes_of("45")));
    ASSERT_TRUE(file->write_at(1, bytes_of("ab")));
    EXPECT_EQ(*read_file(path_), "old");
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(*read_file(path_), "0ab345");
  }
  EXPECT_EQ(*read_file(path_), "0ab345");
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFileTest, WhatIsNotCommittedLeavesNothing) {
  {
    auto file = AtomicFile::create(path_);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append(bytes_of("0123")));
  }
  EXPECT_EQ(files(), 0u);
  EXPECT_FALSE(AtomicFile::create(path_ + "/none/file"));
}

}  // namespace
}  // namespace hob::os
