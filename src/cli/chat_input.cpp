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

constexpr std::string_view kFragment = "!fragment ";

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!(text = trimmed(text)).empty()) {
    const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
    words.emplace_back(word);
    text.remove_prefix(word.size());
  }
  return words;
}

struct CommandName {
  std::string_view name;
  ChatAction action;
};
constexpr CommandName kCommands[] = {
    {"!quit", ChatAction::kQuit},   {"!exit", ChatAction::kQuit},
    {"!reset", ChatAction::kReset}, {"!system", ChatAction::kSystem},
    {"!model", ChatAction::kModel}, {"!help", ChatAction::kHelp},   {"!edit", ChatAction::kEdit},
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
      if (words.starts_with(kFragment))
        return {ChatAction::kMessage, {}, words_of(words.substr(kFragment.size()))};
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
  if (trimmed(line) == "!edit") return {ChatAction::kEdit, {}};
  if (line.starts_with(kFragment)) {
    for (auto& name : words_of(line.substr(kFragment.size())))
      fragments_.push_back(std::move(name));
    return {ChatAction::kMore, {}};
  }
  if (trimmed(line) != end_) {
    text_ += line;
    text_ += '\n';
    return {ChatAction::kMore, {}};
  }
  multi_ = false;
  std::string text = std::exchange(text_, {});
  auto fragments = std::exchange(fragments_, {});
  if (text.ends_with('\n')) text.pop_back();
  if (trimmed(text).empty() && fragments.empty()) return {};
  return {ChatAction::kMessage, std::move(text), std::move(fragments)};
}

ChatTurn ChatInput::edited(std::string_view text) {
  if (multi_) {
    text_.append(trimmed(text)) += '\n';
    return {ChatAction::kMore, {}};
  }
  text = trimmed(text);
  if (text.empty()) return {};
  if (text == "exit" || text == "quit") return {ChatAction::kQuit, {}};
  return {ChatAction::kMessage, std::string(text)};
}

ChatTurn ChatInput::abandon() {
  *this = {};
  return {};
}

std::string_view chat_help() {
  return "!multi [WORD]    a message of many lines, up to a line that says !end [WORD]\n"
         "!edit            write the message in $EDITOR\n"
         "!fragment NAME   put a fragment (file, URL, alias, dir:PATH ...) before the message\n"
         "!reset           forget the conversation\n"
         "!system [TEXT]   set the system prompt (nothing: remove it) and forget the conversation\n"
         "!model [NAME]    go on with another model (nothing: say which it is)\n"
         "!help            this list\n"
         "!quit, exit      leave, as Ctrl-D does\n"
         "A line ending in a backslash goes on with the next. Ctrl-C stops the reply.\n";
}

}  // namespace hob::cli
