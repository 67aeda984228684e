#include "logs/rows.h"

#include <algorithm>

#include "store/json_text.h"
#include "store/log_chain.h"
#include "text/python_text.h"
#include "text/yaml.h"

namespace hob::logs {
namespace {

using nlohmann::ordered_json;
using store::LoggedAttachment;
using store::LoggedFragment;
using store::LoggedResult;
using store::LoggedTurn;

constexpr size_t kCut = 100, kShortCut = 120;  // llm's lengths, in characters

ordered_json or_null(const store::Text& text) {
  return text ? ordered_json(*text) : ordered_json();
}
ordered_json or_null(const store::Count& count) {
  return count ? ordered_json(*count) : ordered_json();
}

ordered_json parsed(const std::string& text) {
  auto value = store::parse_shallow_json(text);
  return value ? *value : ordered_json(text);
}

ordered_json instance_json(const std::optional<store::LoggedInstance>& instance, bool of_tool) {
  if (!instance) return nullptr;
  ordered_json out = {{"name", or_null(instance->name)}};
  if (!of_tool) out["plugin"] = or_null(instance->plugin);
  out["arguments"] = or_null(instance->arguments);
  return out;
}

ordered_json attachment_json(const LoggedAttachment& attachment, bool legacy) {
  ordered_json out = {{"id", attachment.id},
                      {"type", or_null(attachment.type)},
                      {"path", or_null(attachment.path)},
                      {"url", or_null(attachment.url)}};
  if (!legacy) out["content"] = attachment.has_content ? ordered_json(true) : ordered_json();
  out["content_length"] =
      attachment.has_content ? ordered_json(attachment.content_length) : ordered_json();
  return out;
}

ordered_json fragments_json(const std::vector<LoggedFragment>& fragments, bool expand) {
  auto out = ordered_json::array();
  for (const LoggedFragment& fragment : fragments) {
    out.push_back({{"hash", fragment.hash},
                   {"content", expand ? fragment.content : text::shortened(fragment.content, kCut)},
                   {"aliases", fragment.aliases}});
  }
  return out;
}

ordered_json tools_json(const LoggedTurn& turn) {
  auto out = ordered_json::array();
  for (const auto& tool : turn.tools) {
    out.push_back({{"id", tool.id},
                   {"hash", or_null(tool.hash)},
                   {"name", or_null(tool.name)},
                   {"description", or_null(tool.description)},
                   {"input_schema", tool.input_schema},
                   {"instance", instance_json(tool.instance, true)}});
  }
  return out;
}

ordered_json calls_json(const LoggedTurn& turn) {
  auto out = ordered_json::array();
  for (const auto& call : turn.tool_calls) {
    out.push_back({{"id", or_null(call.id)},
                   {"tool_id", or_null(call.tool_id)},
                   {"name", call.name},
                   {"arguments", call.arguments},
                   {"tool_call_id", or_null(call.tool_call_id)}});
    if (!turn.legacy) out.back()["server_executed"] = call.server_executed;
  }
  return out;
}

ordered_json results_json(const LoggedTurn& turn) {
  auto out = ordered_json::array();
  for (const LoggedResult& result : turn.tool_results) {
    ordered_json item = {{"id", or_null(result.id)},
                         {"tool_id", or_null(result.tool_id)},
                         {"name", result.name},
                         {"output", result.output},
                         {"tool_call_id", or_null(result.tool_call_id)},
                         {"exception", or_null(result.exception)}};
    if (!turn.legacy) item["server_executed"] = result.server_executed;
    item["instance"] = instance_json(result.instance, false);
    item["attachments"] = ordered_json::array();
    for (const auto& attachment : result.attachments)
      item["attachments"].push_back(attachment_json(attachment, false));
    out.push_back(std::move(item));
  }
  return out;
}

class Members {
 public:
  explicit Members(bool truncate) : truncate_(truncate) {}

  void add(const char* name, ordered_json value) { out[name] = std::move(value); }
  // JSON text: told as the value it is, or left out.
  void add_json(const char* name, const store::Text& text) {
    if (!text) {
      out[name] = nullptr;
    } else if (!truncate_) {
      out[name] = parsed(*text);
    }
  }
  void add_text(const char* name, const store::Text& text) {
    out[name] = truncate_ ? ordered_json(text::shortened(text.value_or(""), kCut)) : or_null(text);
  }

  ordered_json out;

 private:
  bool truncate_;
};

void add_timing(Members& members, const LoggedTurn& turn) {
  members.add("conversation_id", or_null(turn.conversation_id));
  members.add("duration_ms", or_null(turn.duration_ms));
  members.add("datetime_utc", turn.datetime_utc);
  members.add("input_tokens", or_null(turn.input_tokens));
  members.add("output_tokens", or_null(turn.output_tokens));
  members.add("token_details", or_null(turn.token_details));
  members.add("conversation_name", or_null(turn.conversation_name));
  members.add("conversation_model", or_null(turn.conversation_model));
  members.add_json("schema_json", turn.schema_json);
}

// What a turn's text columns say; llm orders the members of the two generations differently.
ordered_json base_json(const LoggedTurn& turn, bool truncate) {
  Members members(truncate);
  members.add("id", turn.id);
  members.add("model", turn.model);
  members.add("resolved_model", or_null(turn.resolved_model));
  if (turn.legacy) {
    members.add_text("prompt", turn.prompt);
    members.add("system", or_null(turn.system));
    members.add_json("prompt_json", turn.prompt_json);
    members.add_json("options_json", turn.options_json);
    members.add_text("response", turn.response);
    members.add("reasoning", or_null(turn.reasoning));
    members.add_json("response_json", turn.response_json);
    add_timing(members, turn);
  } else {
    members.add_json("options_json", turn.options_json);
    add_timing(members, turn);
    members.add_text("prompt", turn.prompt);
    members.add("system", or_null(turn.system));
    members.add_text("response", turn.response);
    members.add("reasoning", or_null(turn.reasoning));
    members.add_json("prompt_json", turn.prompt_json);
    members.add_json("response_json", turn.response_json);
  }
  return std::move(members.out);
}

// `key`, with as many underscores behind it as make it a new one.
std::string unused_key(const ordered_json& object, std::string key) {
  while (object.contains(key)) key += '_';
  return key;
}

std::vector<ordered_json> items_of(const ordered_json& reply,
                                   const std::optional<std::string>& key) {
  if (key && reply.is_object() && reply.contains(*key)) {
    const ordered_json& list = reply[*key];
    const bool objects = list.is_array() &&
                         std::all_of(list.begin(), list.end(),
                                     [](const ordered_json& item) { return item.is_object(); });
    if (objects) return std::vector<ordered_json>(list.begin(), list.end());
  }
  return std::vector<ordered_json>(1, reply);
}

}  // namespace

ordered_json turn_json(const LoggedTurn& turn, const RowOptions& options) {
  ordered_json out = base_json(turn, options.truncate);
  out["prompt_fragments"] = fragments_json(turn.prompt_fragments, options.expand);
  out["system_fragments"] = fragments_json(turn.system_fragments, options.expand);
  out["tools"] = tools_json(turn);
  out["tool_calls"] = calls_json(turn);
  out["tool_results"] = results_json(turn);
  out["attachments"] = ordered_json::array();
  for (const LoggedAttachment& attachment : turn.attachments)
    out["attachments"].push_back(attachment_json(attachment, turn.legacy));
  if (turn.state != "done") {
    out["state"] = turn.state;
    if (turn.error) out["error"] = *turn.error;
  }
  return out;
}

std::string turns_json(const std::vector<LoggedTurn>& turns, const RowOptions& options) {
  auto out = ordered_json::array();
  for (const LoggedTurn& turn : turns) out.push_back(turn_json(turn, options));
  return store::indented_json(out) + "\n";
}

Result<std::string> short_entry(const LoggedTurn& turn, bool truncate, bool usage) {
  const auto cut = [&](const store::Text& text) {
    return truncate ? text::shortened(text.value_or(""), kCut) : text.value_or("");
  };
  ordered_json entry = {{"model", turn.model},
                        {"datetime", turn.datetime_utc.substr(0, turn.datetime_utc.find('.'))},
                        {"duration_ms", or_null(turn.duration_ms)},
                        {"conversation", or_null(turn.conversation_id)}};
  if (turn.state != "done") entry["state"] = turn.state;
  for (const auto& call : turn.tool_calls) {
    entry["tool_calls"].push_back(
        fmt::format("{}({})", call.name, store::json_text(call.arguments)));
  }
  for (const LoggedResult& result : turn.tool_results) {
    entry["tool_results"].push_back(
        fmt::format("{}: {}", result.name, text::shortened(result.output, kCut)));
  }
  const std::string system =
      text::shortened(turn.system.value_or(""), kShortCut, {.one_line = true});
  const std::string prompt =
      text::shortened(cut(turn.prompt), kShortCut, {.one_line = true, .keep_end = true});
  if (!system.empty()) entry["system"] = system;
  if (!prompt.empty()) entry["prompt"] = prompt;
  for (const LoggedAttachment& attachment : turn.attachments) {
    ordered_json item = {{"type", or_null(attachment.type)}};
    if (attachment.path && !attachment.path->empty()) item["path"] = *attachment.path;
    if (attachment.url && !attachment.url->empty()) item["url"] = *attachment.url;
    entry["attachments"].push_back(std::move(item));
  }
  const auto hashes = [](const std::vector<LoggedFragment>& fragments) {
    auto out = ordered_json::array();
    for (const LoggedFragment& fragment : fragments) out.push_back(fragment.hash);
    return out;
  };
  entry["prompt_fragments"] = hashes(turn.prompt_fragments);
  entry["system_fragments"] = hashes(turn.system_fragments);
  if (usage && (turn.input_tokens.value_or(0) || turn.output_tokens.value_or(0))) {
    entry["usage"] = {{"input", or_null(turn.input_tokens)},
                      {"output", or_null(turn.output_tokens)}};
    if (turn.token_details && !turn.token_details->empty())
      entry["usage"]["details"] = parsed(*turn.token_details);
  }
  HOB_TRY(const std::string yaml, text::to_yaml(ordered_json::array({entry})));
  return yaml;
}

std::string data_lines(const std::vector<LoggedTurn>& turns, const DataOptions& options) {
  std::vector<std::string> items;
  for (const LoggedTurn& turn : turns) {
    const auto reply = store::parse_shallow_json(turn.response.value_or(""));
    if (!reply) continue;
    for (ordered_json& item : items_of(*reply, options.key)) {
      if (options.ids && item.is_object()) {
        item[unused_key(item, "response_id")] = turn.id;
        item[unused_key(item, "conversation_id")] = or_null(turn.conversation_id);
      }
      items.push_back(store::json_text(item));
    }
  }
  if (!options.array) {
    std::string out;
    for (const std::string& item : items) out += item + "\n";
    return out;
  }
  std::string out = items.empty() ? "[" : "";
  for (size_t i = 0; i < items.size(); ++i)
    out += (i == 0 ? "[" : ",\n ") + items[i];
  return out + "]\n";
}

}  // namespace hob::logs
