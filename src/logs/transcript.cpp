#include "logs/transcript.h"

#include <fmt/format.h>

#include "store/json_text.h"
#include "text/fenced_code.h"
#include "text/python_text.h"

namespace hob::logs {
namespace {

std::string block(std::string_view text, std::string_view language = "") {
  const std::string fence = text::fence_for(text);
  return fmt::format("{}{}\n{}\n{}\n\n", fence, language, text::without_trailing_space(text),
                     fence);
}

std::string paragraph(std::string_view text) {
  return fmt::format("{}\n\n", text::without_trailing_space(text));
}

}  // namespace

std::string title_of(const Transcript& transcript) {
  if (transcript.turns.empty()) return {};
  const auto& first = transcript.turns.front();
  if (first.conversation_name && !first.conversation_name->empty())
    return text::shortened(*first.conversation_name, 200, {.one_line = true});
  return first.conversation_id.value_or(first.id);
}

std::string minute_of(const std::string& time) {
  constexpr size_t kMinutes = 16, kDay = 10;
  std::string out = time.substr(0, kMinutes);
  if (out.size() > kDay) out[kDay] = ' ';
  return out;
}

std::string ending_of(const store::LoggedTurn& turn) {
  if (turn.state == "done") return {};
  return turn.error && !turn.error->empty() ? turn.state + ": " + *turn.error : turn.state;
}

std::string attachment_line(const store::LoggedAttachment& attachment) {
  std::string out = attachment.type.value_or("attachment");
  if (attachment.path) return out + ", " + *attachment.path;
  if (attachment.url) return out + ", " + *attachment.url;
  return out + fmt::format(", {} bytes", attachment.content_length);
}

std::string markdown_text(const Transcript& transcript) {
  std::string out = fmt::format("# {}\n\n", title_of(transcript));
  store::Text system;
  for (const auto& turn : transcript.turns) {
    if (turn.system != system && turn.system) out += "## System\n\n" + paragraph(*turn.system);
    system = turn.system;
    out += fmt::format("## Prompt ({} UTC)\n\n", minute_of(turn.datetime_utc));
    for (const auto& fragment : turn.prompt_fragments)
      out += fmt::format("Fragment {}\n\n", fragment.hash);
    for (const auto& attachment : turn.attachments)
      out += fmt::format("Attachment: {}\n\n", attachment_line(attachment));
    for (const auto& result : turn.tool_results) {
      if (!result.server_executed)
        out += fmt::format("Result of {}:\n\n{}", result.name, block(result.output));
    }
    if (turn.prompt && !turn.prompt->empty()) out += paragraph(*turn.prompt);
    out += fmt::format("## {}\n\n", turn.model);
    if (turn.reasoning && !turn.reasoning->empty()) {
      out += fmt::format("<details><summary>Reasoning</summary>\n\n{}</details>\n\n",
                         paragraph(*turn.reasoning));
    }
    for (const auto& call : turn.tool_calls)
      out += fmt::format("Calls {}:\n\n{}", call.name,
                         block(store::indented_json(call.arguments), "json"));
    for (const auto& result : turn.tool_results) {
      if (result.server_executed)
        out += fmt::format("Result of {}:\n\n{}", result.name, block(result.output));
    }
    if (turn.response && !turn.response->empty()) out += paragraph(*turn.response);
    if (const std::string ending = ending_of(turn); !ending.empty())
      out += fmt::format("({})\n\n", ending);
  }
  out.pop_back();
  return out;
}

}  // namespace hob::logs
