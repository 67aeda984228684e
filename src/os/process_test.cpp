#include "os/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "os/file.h"

namespace hob::os {
namespace {

using ::testing::HasSubstr;

TEST(Process, ExitStatusAndSignals) {
  EXPECT_EQ(*run_shell("exit 7"), 7);
  EXPECT_EQ(*run_shell("true"), 0);
  EXPECT_EQ(*run_shell("kill -TERM $$"), 128 + SIGTERM);
  EXPECT_EQ(*run_shell("no-such-program-here 2> /dev/null"), 127);
}

TEST(Process, TheEditorGetsThePathWhole) {
  const std::string path =
      (std::filesystem::temp_directory_path() / "hob it's $HOME.txt").string();
  ASSERT_TRUE(write_file_atomically(path, "before"));
  ::unsetenv("VISUAL");
  ::setenv("EDITOR", "printf after >", 1);
  EXPECT_TRUE(edit_file(path));
  EXPECT_EQ(*read_file(path), "after");
  ::setenv("VISUAL", "false", 1);
  EXPECT_THAT(edit_file(path).error().message, HasSubstr("false: Editing failed"));
  ::unsetenv("VISUAL");
  ::unsetenv("EDITOR");
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace hob::os
