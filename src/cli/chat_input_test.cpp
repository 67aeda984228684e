#include "cli/chat_input.h"

#include <gtest/gtest.h>

#include <vector>

namespace hob::cli {
namespace {

ChatTurn last_of(ChatInput& input, const std::vector<const char*>& lines) {
  ChatTurn turn;
  for (const char* line : lines) turn = input.line(line);
  return turn;
}

TEST(ChatInput, OneLineIsAMessage) {
  ChatInput input;
  const auto turn = input.line("  hello there ");
  EXPECT_EQ(turn.action, ChatAction::kMessage);
  EXPECT_EQ(turn.text, "  hello there ");
  EXPECT_EQ(input.line("   ").action, ChatAction::kNothing);
  EXPECT_STREQ(input.mark(), "> ");
}

TEST(ChatInput, BackslashGoesOn) {
  ChatInput input;
  EXPECT_EQ(input.line("one\\").action, ChatAction::kMore);
  EXPECT_TRUE(input.pending());
  EXPECT_STREQ(input.mark(), ". ");
  EXPECT_EQ(input.line("!quit\\").action, ChatAction::kMore);  // text by now, not a command
  EXPECT_EQ(input.line("two").text, "one\n!quit\ntwo");
  EXPECT_FALSE(input.pending());
}

TEST(ChatInput, MultiKeepsEveryLine) {
  ChatInput input;
  EXPECT_EQ(last_of(input, {"!multi", "a", "", "exit", "b \\", "!end"}).text, "a\n\nexit\nb \\");
  EXPECT_EQ(last_of(input, {"!multi stop here", "x", "!end", "!end stop"}).action,
            ChatAction::kMore);
  EXPECT_EQ(input.line(" !end stop here").text, "x\n!end\n!end stop");
  EXPECT_EQ(last_of(input, {"!multi", "  ", "!end"}).action, ChatAction::kNothing);
}

TEST(ChatInput, Commands) {
  ChatInput input;
  for (const char* line : {"exit", "quit", " quit ", "!quit", "!exit"}) {
    EXPECT_EQ(input.line(line).action, ChatAction::kQuit) << line;
  }
  EXPECT_EQ(input.line("!reset").action, ChatAction::kReset);
  EXPECT_EQ(input.line("!system You are  brief").text, "You are  brief");
  EXPECT_EQ(input.line("!system").text, "");
  EXPECT_EQ(input.line("!model qwen").action, ChatAction::kModel);
  EXPECT_EQ(input.line("!nonsense here").text, "!nonsense");
  EXPECT_EQ(input.line("! that is surprising").action, ChatAction::kMessage);
  EXPECT_EQ(input.line("exit the building").action, ChatAction::kMessage);
}

TEST(ChatInput, AbandonForgetsWhatWasBegun) {
  ChatInput input;
  last_of(input, {"!multi", "half"});
  input.abandon();
  EXPECT_FALSE(input.pending());
  EXPECT_EQ(input.line("new").text, "new");
}

TEST(ChatInput, HelpNamesEveryCommand) {
  for (const char* name : {"!multi", "!reset", "!system", "!model", "!help", "!quit"}) {
    EXPECT_NE(chat_help().find(name), std::string_view::npos) << name;
  }
}

TEST(ChatInput, FragmentsAloneAndInsideAMessage) {
  ChatInput input;
  const ChatTurn alone = input.line("!fragment a.txt  dir:src ");
  EXPECT_EQ(alone.action, ChatAction::kMessage);
  EXPECT_EQ(alone.text, "");
  EXPECT_EQ(alone.fragments, (std::vector<std::string>{"a.txt", "dir:src"}));
  input.line("!multi");
  EXPECT_EQ(input.line("one").action, ChatAction::kMore);
  EXPECT_EQ(input.line("!fragment b").action, ChatAction::kMore);
  input.line("two");
  const ChatTurn many = input.line("!end");
  EXPECT_EQ(many.text, "one\ntwo");
  EXPECT_EQ(many.fragments, std::vector<std::string>{"b"});
  EXPECT_TRUE(input.line("next").fragments.empty());
}

TEST(ChatInput, TheEditorsTextIsAMessageOrALineOfOne) {
  ChatInput input;
  EXPECT_EQ(input.line("!edit").action, ChatAction::kEdit);
  EXPECT_EQ(input.edited(" many\nlines \n").text, "many\nlines");
  EXPECT_EQ(input.edited(" \n").action, ChatAction::kNothing);
  input.line("!multi");
  EXPECT_EQ(input.line("!edit").action, ChatAction::kEdit);
  EXPECT_EQ(input.edited("x").action, ChatAction::kMore);
  EXPECT_EQ(input.line("!end").text, "x");
}

}  // namespace
}  // namespace hob::cli
