// What a line typed into a chat means. Apart from the terminal, so that it can be tested.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hob::cli {

enum class ChatAction {
  kMore,     // the message goes on: read another line
  kNothing,  // an empty line
  kMessage,  // text: what to say, after `fragments`
  kEdit,     // write the message in an editor, then call edited()
  kQuit,
  kReset,   // forget the conversation
  kSystem,  // text: the new system prompt; empty removes it
  kModel,   // text: the model to go on with; empty asks which it is
  kHelp,
  kUnknown,  // text: a command that is none
};

struct ChatTurn {
  ChatAction action = ChatAction::kNothing;
  std::string text;
  std::vector<std::string> fragments = {};  // names, of "!fragment NAME ..."
};

// Lines become turns. A message is one line; more with a backslash at the end of each but the last,
// or between "!multi [WORD]" and "!end [WORD]", where the same WORD must close what it opened. A
// line "!fragment NAME ..." names fragments: alone it is a message of theirs, inside !multi they go
// before the text. "exit" and "quit" leave.
class ChatInput {
 public:
  ChatTurn line(std::string_view line);
  // The text that the editor of kEdit left.
  ChatTurn edited(std::string_view text);
  // The unfinished message at end of input, or after Ctrl-C: gives it up.
  ChatTurn abandon();
  // Inside an unfinished message.
  bool pending() const { return multi_ || continued_; }
  // The mark before the next line.
  const char* mark() const { return multi_ ? "" : continued_ ? ". " : "> "; }

 private:
  ChatTurn multi_line(std::string_view line);
  std::string text_;
  std::vector<std::string> fragments_;
  std::string end_;  // the line that closes !multi
  bool multi_ = false;
  bool continued_ = false;
};

// The in-chat help.
std::string_view chat_help();

}  // namespace hob::cli
