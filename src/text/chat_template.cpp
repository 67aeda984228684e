// Every string of the conversation is guarded, the whole is handed to rust/ as JSON.
//
// A template may cut and join content so that a spelling arises that no guard broke. So where
// content holds what control tokens begin with, it is rendered again with a guard at each such
// place. That can change what a template decides (it may look for "<think>"); the strongest
// rendering that is the same text as the first, which decided on the content as it stands, is
// returned.
#include "text/chat_template.h"

#include <ctime>
#include <optional>
#include <utility>

#include "hob_rust.h"
#include "text/utf8.h"

namespace hob::text {
namespace {

using Json = nlohmann::ordered_json;

// A conversation nested deeper is refused before anything recurses into it.
constexpr int kDepthLimit = 100;
// Steps a template may take: far more than the longest conversation needs, under a second of work.
constexpr uint64_t kFuel = 2'000'000, kFuelPerByte = 4;
constexpr size_t kOutputBytes = size_t{16} << 20, kOutputPerByte = 8;

// A text made by rust/.
class RustText {
 public:
  RustText() = default;
  RustText(const RustText&) = delete;
  RustText& operator=(const RustText&) = delete;
  ~RustText() { hob_text_free(text_); }
  hob_text* out() { return &text_; }
  std::string_view view() const { return {text_.data, text_.size}; }

 private:
  hob_text text_{nullptr, 0};
};

struct FreeTemplate {
  void operator()(hob_template* compiled) const { hob_template_free(compiled); }
};

size_t format_time(void* context, const char* format, size_t format_size, char* out,
                   size_t out_size) {
  const std::string terminated(format, format_size);
  return std::strftime(out, out_size, terminated.c_str(), static_cast<const std::tm*>(context));
}

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

bool is_deeper(const Json& value, int limit) {
  if (!value.is_structured()) return false;
  if (limit == 0) return true;
  for (const auto& item : value) {
    if (is_deeper(item, limit - 1)) return true;
  }
  return false;
}

// Templates compare roles and types with their own words and may build control tokens of them ("<|"
// + role + "|>").
bool is_structural(std::string_view key) { return key == "role" || key == "type"; }
// Where people's and tools' prose stands; short words elsewhere (a tool's name) are compared by
// templates.
bool is_prose(std::string_view key) { return key == "content" || key == "text"; }

// `strongest` is at least kWholeTexts; `key` is that of the nearest object around the value.
Json guarded(const Guard& guard, const Json& value, Guarding strongest, std::string_view key) {
  if (value.is_string()) {
    Guarding how = strongest;
    if (is_structural(key)) {
      how = Guarding::kInside;
    } else if (strongest == Guarding::kWholeTexts && !is_prose(key)) {
      how = Guarding::kEdges;
    }
    return guard.apply(value.get_ref<const std::string&>(), how);
  }
  if (value.is_array()) {
    Json items = Json::array();
    for (const Json& item : value) items.push_back(guarded(guard, item, strongest, key));
    return items;
  }
  if (value.is_object()) {
    Json object = Json::object();
    for (const auto& [name, item] : value.items()) {
      object[guard.apply(name, Guarding::kInside)] = guarded(guard, item, strongest, name);
    }
    return object;
  }
  return value;
}

}  // namespace

struct ChatTemplate::Impl {
  std::unique_ptr<hob_template, FreeTemplate> compiled;
  std::optional<Guard> guard;
  Json token_names = Json::object();  // bos_token and the like, for the template's own use

  void know(const Tokenizer& tokenizer);
  std::string variables(const Json& messages, const RenderOptions& options,
                        Guarding strongest) const;
  Result<std::string> render(const std::string& variables, std::tm& time) const;
};

void ChatTemplate::Impl::know(const Tokenizer& tokenizer) {
  const Vocabulary& v = tokenizer.vocabulary();
  const std::pair<const char*, Token> named[] = {{"bos_token", v.bos},
                                                 {"eos_token", v.eos},
                                                 {"unk_token", v.unknown},
                                                 {"pad_token", v.padding}};
  for (const auto& [name, token] : named) {
    if (token >= 0 && is_utf8(tokenizer.spelling(token)))
      token_names[name] = tokenizer.spelling(token);
  }
}

Result<ChatTemplate> ChatTemplate::compile(std::string source, const Tokenizer* tokenizer) {
  auto impl = std::make_shared<Impl>();
  RustText error;
  impl->compiled.reset(hob_template_compile(source.data(), source.size(), error.out()));
  if (!impl->compiled) return fail(ErrorKind::kInvalid, "chat template: {}", error.view());
  impl->guard.emplace(tokenizer ? tokenizer->control_spellings() : std::vector<std::string_view>());
  if (tokenizer) impl->know(*tokenizer);
  ChatTemplate compiled;
  compiled.impl_ = std::move(impl);
  return compiled;
}

std::string ChatTemplate::Impl::variables(const Json& messages, const RenderOptions& options,
                                          Guarding strongest) const {
  Json variables = {{"tools", nullptr}, {"documents", nullptr}};
  variables.update(token_names);
  variables["messages"] = guarded(*guard, messages, strongest, "");
  variables["add_generation_prompt"] = options.add_generation_prompt;
  for (const auto& [name, value] : options.variables.items())
    variables[name] = guarded(*guard, value, strongest, name);
  return variables.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> ChatTemplate::Impl::render(const std::string& variables, std::tm& time) const {
  const hob_render_limits limits{kFuel + kFuelPerByte * variables.size(),
                                 kOutputBytes + kOutputPerByte * variables.size()};
  RustText out;
  const bool rendered = hob_template_render(compiled.get(), variables.data(), variables.size(),
                                            limits, &format_time, &time, out.out());
  if (!rendered) return fail(ErrorKind::kInvalid, "chat template: {}", out.view());
  return std::string(out.view());
}

Result<std::string> ChatTemplate::render(const Json& messages, const RenderOptions& options) const {
  if (!messages.is_array()) return fail(ErrorKind::kInvalid, "messages: not a list");
  if (!options.variables.is_object())
    return fail(ErrorKind::kInvalid, "template variables: not an object");
  if (is_deeper(messages, kDepthLimit) || is_deeper(options.variables, kDepthLimit)) {
    return fail(ErrorKind::kTooLarge, "messages: nested more than {} levels deep", kDepthLimit);
  }
  std::tm time = local_time();  // of both renderings
  const std::string variables = impl_->variables(messages, options, Guarding::kWholeTexts);
  HOB_TRY(std::string rendered, impl_->render(variables, time));
  for (const Guarding stronger : {Guarding::kOneCharacter, Guarding::kTwoCharacters}) {
    const std::string again_variables = impl_->variables(messages, options, stronger);
    if (again_variables == variables) break;
    Result<std::string> again = impl_->render(again_variables, time);
    if (again && without_guards(*again) == without_guards(rendered)) return again;
  }
  return rendered;
}

}  // namespace hob::text
