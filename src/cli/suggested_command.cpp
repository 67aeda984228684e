#include "cli/suggested_command.h"

#include <algorithm>

#include "cli/safe_text.h"
#include "text/utf8.h"

namespace hob::cli {
namespace {

constexpr size_t kMostBytes = 4096;  // a line that a person can read before pressing Enter

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// The inside of a text that is one fenced block and nothing else.
std::string_view unfenced(std::string_view text) {
  constexpr std::string_view kFence = "```";
  if (!text.starts_with(kFence) || !text.ends_with(kFence)) return text;
  const size_t line_end = text.find('\n');
  if (line_end == text.npos || line_end + 1 + kFence.size() > text.size()) return text;
  return trimmed(text.substr(line_end + 1, text.size() - line_end - 1 - kFence.size()));
}

// "You can delete it with rm -r *."
bool is_sentence(std::string_view line) {
  const auto is_letter = [](char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; };
  const std::string_view word = line.substr(0, line.find_first_of(" ,:"));
  const bool begins = line.front() >= 'A' && line.front() <= 'Z' &&
                      std::all_of(word.begin(), word.end(),
                                  [&](char c) { return is_letter(c) || c == '\''; });
  const bool goes_on = line.find_first_of("!?") != line.npos || line.ends_with('.') ||
                       line.ends_with(':') || line.find(". ") != line.npos;
  return begins && goes_on;
}

}  // namespace

Result<std::string> suggested_command(std::string_view reply) {
  std::string_view line = unfenced(trimmed(reply));
  if (line.starts_with("$ ")) line = trimmed(line.substr(2));
  if (line.size() > 2 && line.front() == '`' && line.back() == '`' &&
      line.substr(1, line.size() - 2).find('`') == line.npos) {
    line = trimmed(line.substr(1, line.size() - 2));
  }
  if (line.empty()) return fail(ErrorKind::kInvalid, "the model suggested no command");
  if (line.size() > kMostBytes) {
    return fail(ErrorKind::kTooLarge, "the model suggested {} bytes, a command may have {}",
                line.size(), kMostBytes);
  }
  if (line.find('\n') != line.npos || line.find('\r') != line.npos) {
    return fail(ErrorKind::kInvalid, "the model suggested several lines, not one command");
  }
  // What safe_text would show as something else must not be put under a cursor.
  if (!text::is_utf8(line) || safe_text(line) != line || line.find('\t') != line.npos) {
    return fail(ErrorKind::kInvalid, "the model suggested a command with unprintable characters");
  }
  if (line.find('`') != line.npos)
    return fail(ErrorKind::kInvalid, "the model's answer has back quotes, which a shell runs: {}",
                line);
  if (is_sentence(line))
    return fail(ErrorKind::kInvalid, "the model answered with a sentence, not a command: {}", line);
  return std::string(line);
}

std::string command_instructions(std::string_view shell, std::string_view system) {
  return fmt::format(
      "You turn a request into one command line for {} on {}. Answer with that command line alone: "
      "one line, no explanation, no Markdown, no quotes around it. What you answer is shown to the "
      "person, who decides whether it runs.\n"
      "Example. Request: show the five largest files here. Answer: du -a . | sort -rn | head -n 5",
      shell, system);
}

}  // namespace hob::cli
