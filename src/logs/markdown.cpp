#include "logs/markdown.h"

#include <algorithm>

#include "store/json_text.h"
#include "store/log_chain.h"
#include "text/fenced_code.h"
#include "text/python_text.h"

namespace hob::logs {
namespace {

using nlohmann::ordered_json;
using store::LoggedResult;
using store::LoggedTool;
using store::LoggedTurn;

constexpr size_t kCut = 100;

std::string or_none(const store::Text& text) { return text.value_or("None"); }

std::string inline_code(const std::string& text) {
  const std::string fence = text::fence_for(text, 1);
  const bool apart = text.starts_with('`') || text.ends_with('`');
  const char* space = apart ? " " : "";
  return fence + space + text + space + fence;
}

// A block in a list item.
std::string fenced_block(const std::string& text) {
  const std::string fence = text::fence_for(text);
  return text::indented(fmt::format("{}\n{}\n{}", fence, text, fence), "    ");
}

// llm fences what looks like code: many angle brackets, or many short lines.
std::string fenced_if_code(const std::string& text) {
  constexpr size_t kBrackets = 10, kLines = 3, kShortLine = 120;
  bool code = std::count(text.begin(), text.end(), '<') > static_cast<std::ptrdiff_t>(kBrackets);
  const auto lines = text::unicode_lines(text);
  if (!code && lines.size() > kLines) {
    const auto few = std::count_if(lines.begin(), lines.end(), [](std::string_view line) {
      return text::shortened(text::without_line_end(line), kShortLine - 1) ==
             text::without_line_end(line);
    });
    code = static_cast<double>(few) / static_cast<double>(lines.size()) > 0.9;
  }
  if (!code) return text;
  const std::string fence = text::fence_for(text);
  return fmt::format("\n{}\n{}\n{}", fence, text::stripped(text), fence);
}

std::string with_thousands(int64_t number) {
  std::string digits = std::to_string(number);
  const size_t first = number < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string arguments_of(const ordered_json& arguments) {
  if (!arguments.is_object() || arguments.empty())
    return fmt::format("    Arguments: {}", inline_code(store::json_text(arguments)));
  std::string out;
  for (const auto& [name, value] : arguments.items()) {
    if (!out.empty()) out += '\n';
    out += value.is_string()
               ? fmt::format("    {}:\n{}", name, fenced_block(value.get<std::string>()))
               : fmt::format("    {}: {}", name, inline_code(store::json_text(value)));
  }
  return out;
}

std::string duration(int64_t milliseconds) {
  const int64_t seconds = milliseconds / 1000, minutes = seconds / 60, hours = minutes / 60;
  if (hours > 0) return fmt::format("{}h {}m {}s", hours, minutes % 60, seconds % 60);
  if (minutes > 0) return fmt::format("{}m {}s", minutes, seconds % 60);
  return fmt::format("{}s", seconds);
}

std::string attachment_text(const store::LoggedAttachment& attachment) {
  std::string out;
  if (attachment.type && !attachment.type->empty()) out += *attachment.type + ": ";
  if (attachment.path && !attachment.path->empty()) return out + *attachment.path;
  if (attachment.url && !attachment.url->empty()) return out + *attachment.url;
  if (attachment.has_content)
    out += fmt::format("<{} bytes>", with_thousands(attachment.content_length));
  return out;
}

bool is_true(const ordered_json& value) {
  if (value.is_null() || (value.is_structured() && value.empty())) return false;
  if (value.is_boolean()) return value.get<bool>();
  return true;
}

}  // namespace

std::string MarkdownLog::entry(const LoggedTurn& turn) {
  out_.clear();
  head(turn);
  prompt(turn);
  tools(turn);
  const auto is_local = [](const LoggedResult& result) { return !result.server_executed; };
  if (std::any_of(turn.tool_results.begin(), turn.tool_results.end(), is_local)) {
    out_ += "\n### Tool results\n\n";
    results(turn, false);
  }
  attachments(turn);
  response(turn);
  if (options_.usage) usage(turn);
  return std::move(out_);
}

void MarkdownLog::head(const LoggedTurn& turn) {
  out_ += fmt::format("# {}", turn.datetime_utc.substr(0, turn.datetime_utc.find('.')));
  if (show_conversation_) {
    out_ += fmt::format("    conversation: {} id: {}\n\nModel: **{}**",
                        or_none(turn.conversation_id), turn.id, turn.model);
    if (turn.resolved_model && !turn.resolved_model->empty())
      out_ += fmt::format(" (resolved: **{}**)", *turn.resolved_model);
  }
  out_ += "\n\n";
  if (options_.one_conversation) show_conversation_ = false;
}

void MarkdownLog::prompt(const LoggedTurn& turn) {
  const auto cut = [&](const store::Text& text) {
    return options_.truncate ? text::shortened(text.value_or(""), kCut) : text.value_or("");
  };
  const std::string prompt = cut(turn.prompt);
  out_ += fmt::format("## Prompt\n\n{}\n", prompt.empty() ? "-- none --" : prompt);
  fragments(turn.prompt_fragments, "Prompt fragments");
  if (turn.options_json && !options_.truncate) {
    const auto options = store::parse_shallow_json(*turn.options_json);
    if (options && options->is_object() && !options->empty()) {
      out_ += "\n## Options\n\n";
      for (const auto& [name, value] : options->items())
        out_ += fmt::format("- {}: {}\n", name, text::python_str(value));
    }
  }
  if (turn.system != system_) {
    if (turn.system) out_ += fmt::format("\n## System\n\n{}\n", *turn.system);
    system_ = turn.system;
  }
  fragments(turn.system_fragments, "System fragments");
  if (!turn.schema_json || options_.truncate) return;
  const auto schema = store::parse_shallow_json(*turn.schema_json);
  if (schema && is_true(*schema))
    out_ += fmt::format("\n## Schema\n\n```json\n{}\n```\n", store::indented_json(*schema));
}

void MarkdownLog::fragments(const std::vector<store::LoggedFragment>& fragments,
                            std::string_view title) {
  if (fragments.empty()) return;
  out_ += fmt::format("\n### {}\n\n", title);
  for (const auto& fragment : fragments) {
    if (options_.expand) {
      out_ += fmt::format("<details><summary>{}</summary>\n{}\n</details>\n", fragment.hash,
                          fenced_if_code(fragment.content));
    } else {
      out_ += fmt::format("- {}\n", fragment.hash);
    }
  }
}

std::string MarkdownLog::tool(const LoggedTool& tool) {
  const std::string hash = tool.hash.value_or("");
  if (!seen_tools_.insert(hash).second)
    return fmt::format("- **{}**: `{}`", or_none(tool.name), hash.substr(0, 7));
  const auto properties = tool.input_schema.is_object() ? tool.input_schema.find("properties")
                                                        : tool.input_schema.end();
  const std::string description(text::without_trailing_space(tool.description.value_or("")));
  return fmt::format("- **{}**: `{}`  \n{}  \n    Arguments: `{}`", or_none(tool.name),
                     or_none(tool.hash), text::indented(description, "    "),
                     properties == tool.input_schema.end() ? "{}" : store::json_text(*properties));
}

void MarkdownLog::tools(const LoggedTurn& turn) {
  if (turn.tools.empty()) return;
  out_ += "\n### Tools\n\n";
  // Tools of one configured set stand below a line of their own.
  std::vector<std::pair<std::string, std::vector<const LoggedTool*>>> sets;
  for (const LoggedTool& one : turn.tools) {
    if (!one.instance) {
      out_ += tool(one) + "\n";
      continue;
    }
    const std::string arguments = one.instance->arguments.value_or("");
    const std::string line = fmt::format("- `{}({})`:\n", or_none(one.instance->name),
                                         arguments == "{}" ? "" : arguments);
    const auto same = std::find_if(sets.begin(), sets.end(),
                                   [&](const auto& set) { return set.first == line; });
    (same == sets.end() ? sets.emplace_back(line, std::vector<const LoggedTool*>()) : *same)
        .second.push_back(&one);
  }
  for (const auto& [line, members] : sets) {
    out_ += line;
    for (const LoggedTool* member : members) out_ += text::indented(tool(*member), "    ") + "\n";
  }
}

void MarkdownLog::results(const LoggedTurn& turn, bool server_executed) {
  for (const LoggedResult& result : turn.tool_results) {
    if (result.server_executed != server_executed) continue;
    out_ += fmt::format("- **{}**: `{}`  \n{}", result.name, or_none(result.tool_call_id),
                        fenced_block(result.output));
    if (result.exception && !result.exception->empty())
      out_ += fmt::format("  \n    **Error**: {}\n", *result.exception);
    for (const auto& attachment : result.attachments)
      out_ += fmt::format("\n    - {}", attachment_text(attachment));
    out_ += '\n';
  }
}

void MarkdownLog::attachments(const LoggedTurn& turn) {
  if (turn.attachments.empty()) return;
  out_ += "\n### Attachments\n\n";
  int number = 0;
  for (const auto& attachment : turn.attachments) {
    ++number;
    const std::string type = or_none(attachment.type);
    if (attachment.path && !attachment.path->empty()) {
      out_ += fmt::format("{}. **{}**: `{}`\n", number, type, *attachment.path);
    } else if (attachment.url && !attachment.url->empty()) {
      out_ += fmt::format("{}. **{}**: {}\n", number, type, *attachment.url);
    } else if (attachment.content_length > 0) {
      out_ += fmt::format("{}. **{}**: `<{} bytes>`\n", number, type,
                          with_thousands(attachment.content_length));
    }
  }
}

void MarkdownLog::response(const LoggedTurn& turn) {
  std::string response = turn.response.value_or("");
  if (options_.truncate) response = text::shortened(response, kCut);
  if (turn.schema_json && !options_.truncate) {
    const auto schema = store::parse_shallow_json(*turn.schema_json);
    const auto data = store::parse_shallow_json(response);
    if (schema && is_true(*schema) && data)
      response = fmt::format("```json\n{}\n```", store::indented_json(*data));
  }
  if (turn.reasoning && !turn.reasoning->empty()) {
    out_ += fmt::format(
        "\n## Reasoning\n\n<details><summary>Reasoning trace</summary>\n\n{}\n\n</details>\n",
        text::without_trailing_space(*turn.reasoning));
  }
  out_ += "\n## Response\n\n";
  if (!turn.tool_calls.empty()) {
    out_ += "### Tool calls\n\n";
    for (const auto& call : turn.tool_calls) {
      out_ += fmt::format("- **{}**: `{}`  \n{}\n", call.name, or_none(call.tool_call_id),
                          arguments_of(call.arguments));
    }
    out_ += '\n';
  }
  const bool server =
      std::any_of(turn.tool_results.begin(), turn.tool_results.end(),
                  [](const LoggedResult& result) { return result.server_executed; });
  if (server) {
    out_ += "### Tool results\n\n";
    results(turn, true);
    out_ += '\n';
  }
  if (!response.empty()) out_ += response + "\n\n";
  if (turn.state == "done") return;
  out_ += fmt::format("## State\n\n{}{}\n\n", turn.state,
                      turn.error && !turn.error->empty() ? ": " + *turn.error : "");
}

void MarkdownLog::usage(const LoggedTurn& turn) {
  std::string tokens;
  const auto add = [&](const std::string& text) { tokens += (tokens.empty() ? "" : ", ") + text; };
  if (turn.input_tokens) add(with_thousands(*turn.input_tokens) + " input");
  if (turn.output_tokens) add(with_thousands(*turn.output_tokens) + " output");
  if (turn.token_details) {
    const auto details = store::parse_shallow_json(*turn.token_details);
    if (details && is_true(*details)) add(inline_code(store::json_text(*details)));
  }
  std::string lines = tokens;
  if (turn.duration_ms) {
    lines += fmt::format("{}Duration: {}ms ({})", lines.empty() ? "" : "\n\n", *turn.duration_ms,
                         duration(*turn.duration_ms));
  }
  if (!lines.empty()) out_ += fmt::format("## Token usage\n\n{}\n\n", lines);
}

}  // namespace hob::logs
