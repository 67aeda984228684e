// Chat templates: Jinja as Hugging Face's transformers runs it, through minijinja (rust/).
//
// Differences of content and literal survive rendering: wherever a person's or tool's text spells a control token, a
// guard character is put inside the spelling before rendering; Tokenizer::encode_rendered removes guards again.
// Templates are untrusted: rendering is limited in steps and output size.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace hob::text {

struct RenderOptions {
  bool add_generation_prompt = true;
  // Further variables of the template (tools, documents, enable_thinking, date_string...). Strings are guarded.
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
};

class ChatTemplate {
 public:
  // Compiles; a syntax error names the line. bos and eos text come from the tokenizer when one is given.
  static Result<ChatTemplate> compile(std::string source, const Tokenizer* tokenizer);

  // `messages` as in OpenAI's API: [{"role": ..., "content": ...}, ...]. The result is for encode_rendered().
  Result<std::string> render(const nlohmann::ordered_json& messages, const RenderOptions& options = {}) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

// For showing: the rendered text without guards.
std::string without_guards(std::string_view rendered);

}  // namespace hob::text
