// Help texts in the layout of Click, which users of `llm` know.
#include "cli/help.h"

#include <algorithm>
#include <memory>

namespace hob::cli {
namespace {

constexpr size_t kHelpWidth = 100;
constexpr size_t kLabelWidth = 26;

// Words of `text` on lines of at most kHelpWidth, continued at column `indent`.
std::string wrapped(std::string_view text, size_t column, size_t indent) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (column > indent && column + end > kHelpWidth) {
      if (out.ends_with(' ')) out.pop_back();
      out += '\n' + std::string(indent, ' ');
      column = indent;
    }
    out += text.substr(0, end);
    column += end;
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!text.empty() && column < kHelpWidth) out += ' ', ++column;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string two_columns(std::string_view label, std::string_view text) {
  std::string out = fmt::format("  {:<{}}", label, kLabelWidth);
  if (label.size() >= kLabelWidth) out += '\n' + std::string(kLabelWidth + 2, ' ');
  return out + wrapped(text, kLabelWidth + 2, kLabelWidth + 2) + '\n';
}

std::string indented(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    out += fmt::format("  {}\n", lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return out;
}

bool is_positional(const CLI::Option& option) {
  return option.get_lnames().empty() && option.get_snames().empty();
}

std::string flag_label(const CLI::Option& option) {
  std::string label;
  for (const auto& name : option.get_snames())
    label += fmt::format("{}-{}", label.empty() ? "" : ", ", name);
  for (const auto& name : option.get_lnames())
    label += fmt::format("{}--{}", label.empty() ? "" : ", ", name);
  const std::string value = option.get_option_text();
  return value.empty() ? label : label + ' ' + value;
}

}  // namespace

std::string usage_line(const Command& command, const CLI::App& app) {
  std::string line = fmt::format("Usage: hob {} [OPTIONS]", command.name);
  for (const CLI::Option* option : app.get_options()) {
    if (!is_positional(*option)) continue;
    const std::string name = option->get_name(true);
    line += option->get_required() ? ' ' + name : fmt::format(" [{}]", name);
  }
  return line + '\n';
}

std::string command_help(const Command& command, const CLI::App& app) {
  std::string positionals, flags;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    if (is_positional(*option)) {
      positionals += two_columns(option->get_name(true), option->get_description());
    } else {
      flags += two_columns(flag_label(*option), option->get_description());
    }
  }
  std::string out = usage_line(command, app) + fmt::format("\n  {}.\n", command.summary);
  if (!command.details.empty()) out += '\n' + indented(command.details);
  if (!positionals.empty()) out += "\nArguments:\n" + positionals;
  return out + "\nOptions:\n" + flags + "\nExamples:\n" + indented(command.examples);
}

std::string overview(std::string_view group) {
  std::string out =
      group.empty()
          ? "Usage: hob [COMMAND] [OPTIONS] [PROMPT]\n\n"
            "  Language models on your own machine. Without a command, the text is a prompt.\n"
          : fmt::format("Usage: hob {} COMMAND [OPTIONS]\n", group);
  out += "\nCommands:\n";
  for (const Command& command : commands()) {
    if (!group.empty() && !command.name.starts_with(fmt::format("{} ", group))) continue;
    out += two_columns(command.name, command.summary);
  }
  if (!group.empty()) {
    if (find_command(fmt::format("{} list", group)))
      out += fmt::format("\n'hob {0}' is short for 'hob {0} list', also with its flags.\n", group);
    return out + fmt::format("\nSee 'hob {} COMMAND --help'.\n", group);
  }
  out += "\nOptions:\n" + two_columns("--version", "Show the version and exit") +
         two_columns("-h, --help", "Show this help, or that of a command, and exit");
  out += "\nExamples:\n" + indented(
                               "hob 'What is the capital of France?'\n"
                               "cat report.txt | hob 'Summarise this'\n"
                               "hob chat\n"
                               "hob models");
  return out + "\nSee 'hob COMMAND --help' for the options of a command.\n";
}

std::string command_reference() {
  std::string out =
      "# Commands\n\nMade from `hob COMMAND --help`; the tests compare the two. The guide that "
      "explains "
      "them is [guide.md](guide.md).\n\n## hob\n\n```text\n" +
      overview() + "```\n";
  for (const Command& command : commands()) {
    CLI::App app;
    Io io;
    define_common(app);
    command.define(app, io);
    out += fmt::format("\n## hob {}\n\n```text\n{}```\n", command.name, command_help(command, app));
  }
  return out;
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    for (const auto& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

}  // namespace hob::cli
