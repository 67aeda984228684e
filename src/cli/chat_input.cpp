#include "cli/chat_input.h"

#include <utility>

namespace hob::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

struct CommandName {
  std::string_view name;
  ChatAction action;
};
constexpr CommandName kCommands[] = {
    {"!quit", ChatAction::kQuit},   {"!exit", ChatAction::kQuit},
    {"!reset", ChatAction::kReset}, {"!system", ChatAction::kSystem},
    {"!model", ChatAction::kModel}, {"!help", ChatAction::kHelp},
};

}  // namespace

ChatTurn ChatInput::line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (multi_) return multi_line(line);
  if (!continued_) {
    const std::string_view words = trimmed(line);
    if (words.empty()) return {};
    if (words == "exit" || words == "quit") return {ChatAction::kQuit, {}};
    if (words.starts_with('!')) {
      const std::string_view name = words.substr(0, words.find_first_of(kBlanks));
      const std::string_view rest = trimmed(words.substr(name.size()));
      if (name == "!multi") {
        multi_ = true;
        end_ = rest.empty() ? "!end" : "!end " + std::string(rest);
        return {ChatAction::kMore, {}};
      }
      for (const CommandName& command : kCommands) {
        if (command.name == name) return {command.action, std::string(rest)};
      }
      // A message may well begin with an exclamation mark, but hardly with a word right behind it.
      if (name.size() > 1) return {ChatAction::kUnknown, std::string(name)};
    }
  }
  continued_ = line.ends_with('\\');
  if (continued_) {
    line.remove_suffix(1);
    text_ += line;
    text_ += '\n';
    return {ChatAction::kMore, {}};
  }
  text_ += line;
  return {ChatAction::kMessage, std::exchange(text_, {})};
}

ChatTurn ChatInput::multi_line(std::string_view line) {
  if (trimmed(line) != end_) {
    text_ += line;
    text_ += '\n';
    return {ChatAction::kMore, {}};
  }
  multi_ = false;
  std::string text = std::exchange(text_, {});
  if (text.ends_with('\n')) text.pop_back();
  if (trimmed(text).empty()) return {};
  return {ChatAction::kMessage, std::move(text)};
}

ChatTurn ChatInput::abandon() {
  *this = {};
  return {};
}

std::string_view chat_help() {
  return "!multi [WORD]    a message of many lines, up to a line that says !end [WORD]\n"
         "!reset           forget the conversation\n"
         "!system [TEXT]   set the system prompt (nothing: remove it) and forget the conversation\n"
         "!model [NAME]    go on with another model (nothing: say which it is)\n"
         "!help            this list\n"
         "!quit, exit      leave, as Ctrl-D does\n"
         "A line ending in a backslash goes on with the next. Ctrl-C stops the reply.\n";
}

}  // namespace hob::cli
