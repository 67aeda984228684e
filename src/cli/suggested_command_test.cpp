#include "cli/suggested_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hob::cli {
namespace {

using ::testing::HasSubstr;

std::string taken(std::string_view reply) {
  const auto out = suggested_command(reply);
  return out ? *out : "error: " + out.error().message;
}

TEST(SuggestedCommand, OneLineWithoutWhatIsAroundIt) {
  EXPECT_EQ(taken("ls -l\n"), "ls -l");
  EXPECT_EQ(taken("```bash\nls -l\n```"), "ls -l");
  EXPECT_EQ(taken("```\n$ ls -l\n```\n"), "ls -l");
  EXPECT_EQ(taken("`ls -l`"), "ls -l");
  EXPECT_EQ(taken("Rscript -e 'c(1, 2)'"), "Rscript -e 'c(1, 2)'");
  EXPECT_EQ(taken("PAGER=cat git log"), "PAGER=cat git log");
  EXPECT_EQ(taken("$HOME/bin/x"), "$HOME/bin/x");
  EXPECT_EQ(taken("echo 'caf\xC3\xA9'"), "echo 'caf\xC3\xA9'");
}

TEST(SuggestedCommand, NothingThatCouldPressEnterOrDeceive) {
  EXPECT_THAT(taken("rm -rf ~\nls"), HasSubstr("several lines"));
  EXPECT_THAT(taken("ls\rrm -rf ~"), HasSubstr("several lines"));
  EXPECT_THAT(taken("```\na\nb\n```"), HasSubstr("several lines"));
  EXPECT_THAT(taken("ls \x1b[2Krm"), HasSubstr("unprintable"));
  EXPECT_THAT(taken(std::string("ls\0rm", 5)), HasSubstr("unprintable"));
  EXPECT_THAT(taken("ls\trm"), HasSubstr("unprintable"));
  EXPECT_THAT(taken("ls \x04"), HasSubstr("unprintable"));
  EXPECT_THAT(taken("echo \xE2\x80\xAE"), HasSubstr("unprintable"));
  EXPECT_THAT(taken("echo \xff"), HasSubstr("unprintable"));
  EXPECT_THAT(taken("You can delete it with rm -r *. Be careful"), HasSubstr("a sentence"));
  EXPECT_THAT(taken("you can use `rm -r *`"), HasSubstr("back quotes"));
  EXPECT_THAT(taken("1. `rm -r *`"), HasSubstr("back quotes"));
  EXPECT_THAT(taken(" \n "), HasSubstr("no command"));
  EXPECT_THAT(taken("``````"), HasSubstr("``````"));
  EXPECT_THAT(taken(std::string(5000, 'x')), HasSubstr("5000 bytes"));
}

}  // namespace
}  // namespace hob::cli
