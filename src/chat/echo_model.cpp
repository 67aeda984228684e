// A model that needs no model: it answers with its request as JSON, so that everything around
// models can be tested to the byte. The contract is that of the llm-echo plugin: a prompt that is a
// JSON object may say what to answer ("raw") or what to take for the prompt ("prompt"). Tokens are
// words.
#include <cctype>

#include "base/ascii.h"
#include "chat/model.h"
#include "store/json_text.h"

namespace hob::chat {
namespace {

using nlohmann::ordered_json;
using store::PartKind;

constexpr std::string_view kThinking[] = {"First I consider the prompt, ",
                                          "then I decide what to say."};

int64_t words(std::string_view text) {
  int64_t count = 0;
  bool inside = false;
  for (const char c : text) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    count += !space && !inside;
    inside = !space;
  }
  return count;
}

std::optional<bool> boolean(std::string_view text) {
  constexpr std::string_view kTrue[] = {"true", "1", "yes", "on", "t", "y"};
  constexpr std::string_view kFalse[] = {"false", "0", "no", "off", "f", "n"};
  const std::string lower = ascii_lower(text);
  for (const auto word : kTrue) {
    if (lower == word) return true;
  }
  for (const auto word : kFalse) {
    if (lower == word) return false;
  }
  return std::nullopt;
}

ordered_json text_or_null(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}

ordered_json attachments_json(const store::Message& message) {
  auto out = ordered_json::array();
  for (const store::Part& part : message.parts) {
    if (!part.attachment) continue;
    const store::Attachment& attachment = *part.attachment;
    out.push_back({{"type", text_or_null(attachment.type)},
                   {"path", text_or_null(attachment.path)},
                   {"url", text_or_null(attachment.url)},
                   {"id", attachment.id()}});
  }
  return out;
}

class EchoModel : public Model {
 public:
  EchoModel() {
    info_.id = "echo";
    info_.kind = "Echo";
    info_.provider = "echo";
    info_.attachment_types = {"image/png", "image/jpeg", "image/gif"};
  }

  const ModelInfo& info() const override { return info_; }

  Result<ordered_json> check_options(const OptionTexts& given) const override {
    ordered_json found = ordered_json::object(), out = ordered_json::object();
    for (const auto& [key, value] : given) {
      if (key != "example_bool" && key != "thinking")
        return fail(ErrorKind::kInvalid, "{}: Extra inputs are not permitted", key);
      const auto flag = boolean(value);
      if (!flag)
        return fail(ErrorKind::kInvalid,
                    "{}: Input should be a valid boolean, unable to interpret input '{}'", key,
                    value);
      found[key] = *flag;
    }
    for (const char* key : {"example_bool", "thinking"}) {
      if (found.contains(key)) out[key] = found[key];
    }
    return out;
  }

  Result<std::optional<size_t>> count_tokens(const ModelRequest& request) override {
    return static_cast<size_t>(input_words(request));
  }

  Result<ModelReply> reply(const ModelRequest& request, const OnText& on_text) override {
    HOB_TRY_VOID(check_constraint(info_, request.constraint));
    ModelReply reply;
    reply.text = answer(request);
    reply.input_tokens = input_words(request);
    reply.output_tokens = words(reply.text);
    if (request.options.value("thinking", false)) {
      for (const std::string_view chunk : kThinking) {
        reply.reasoning += chunk;
        *reply.output_tokens += words(chunk);
        if (on_text) on_text(Stream::kReasoning, chunk);
      }
    }
    if (on_text) on_text(Stream::kText, reply.text);
    return reply;
  }

 private:
  // What is asked; nothing where a conversation is to go on without a word.
  static store::Message last(const ModelRequest& request) {
    const auto& messages = request.messages;
    const bool asks = !messages.empty() && messages.back().role == "user";
    return asks ? messages.back() : store::Message{};
  }

  static int64_t input_words(const ModelRequest& request) {
    return words(last(request).text()) + words(request.system);
  }

  static std::string answer(const ModelRequest& request) {
    std::string prompt = last(request).text();
    const size_t first = prompt.find_first_not_of(" \t\r\n\v\f");
    if (first != prompt.npos && prompt[first] == '{') {
      const auto asked = ordered_json::parse(prompt, nullptr, false);
      if (asked.is_object()) {
        if (asked.contains("raw") && asked["raw"].is_string())
          return asked["raw"].get<std::string>();
        prompt = asked.contains("prompt") && asked["prompt"].is_string()
                     ? asked["prompt"].get<std::string>()
                     : "";
      }
    }
    ordered_json info = {{"prompt", prompt},
                         {"system", request.system},
                         {"attachments", attachments_json(last(request))},
                         {"stream", request.stream},
                         {"previous", previous(request)}};
    if (request.options.contains("example_bool"))
      info["options"] = {{"example_bool", request.options["example_bool"]}};
    return store::indented_json(info);
  }

  // The prompts before this one, of the same run of the program.
  static ordered_json previous(const ModelRequest& request) {
    auto out = ordered_json::array();
    for (const std::string& prompt : request.earlier_prompts) out.push_back({{"prompt", prompt}});
    return out;
  }

  ModelInfo info_;
};

}  // namespace

std::unique_ptr<Model> echo_model() { return std::make_unique<EchoModel>(); }

}  // namespace hob::chat
