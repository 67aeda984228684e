// Chat templates: Jinja as Hugging Face's transformers runs it, through minijinja (rust/).
//
// Differences of content and literal survive rendering: wherever a person's or tool's text spells a
// control token, a guard character is put inside the spelling before rendering;
// Tokenizer::encode_rendered removes guards again (text/guard.h). Templates are untrusted:
// rendering is limited in steps, memory, output and recursion, as far as hob_rust.h says.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/guard.h"
#include "text/tokenizer.h"

namespace hob::text {

struct RenderOptions {
  bool add_generation_prompt = true;
  // Further variables of the template (tools, documents, enable_thinking, date_string...). Strings
  // are guarded.
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
};

// Thread-safe.
class ChatTemplate {
 public:
  // Compiles; a syntax error names the line. bos and eos text and the spellings to guard come from
  // the tokenizer when one is given; it is not used after the call.
  static Result<ChatTemplate> compile(std::string source, const Tokenizer* tokenizer);

  // `messages` as in OpenAI's API: [{"role": ..., "content": ...}, ...]. Strings may hold any
  // bytes; roles and types are the program's own words, everything else is content. The result is
  // for encode_rendered(), or without_guards(). As in transformers, `tools` and `documents` are
  // none where the variables do not give them.
  Result<std::string> render(const nlohmann::ordered_json& messages,
                             const RenderOptions& options = {}) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace hob::text
