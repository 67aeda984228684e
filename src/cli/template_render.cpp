// hob template render: the exact text that a model gets to see.
#include <memory>
#include <nlohmann/json.hpp>

#include "chat/local_model.h"
#include "cli/command.h"
#include "cli/model_flags.h"
#include "formats/gguf.h"
#include "models/vocabulary.h"
#include "os/file.h"
#include "text/chat_template.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct RenderFlags {
  ModelFlag model;
  bool no_generation_prompt = false;
};

bool is_jinja(std::string_view name) {
  return name.ends_with(".jinja") || name.ends_with(".jinja2") || name.ends_with(".j2");
}

Result<text::ChatTemplate> load_template(const ModelFlag& flag) {
  if (is_jinja(flag.model)) {
    HOB_TRY(std::string source, os::read_file(flag.model));
    return text::ChatTemplate::compile(std::move(source), nullptr);
  }
  HOB_TRY(const std::string path, flag.path());
  HOB_TRY(const auto file, gguf::File::open(path));
  HOB_TRY(auto vocabulary, models::read_vocabulary(file));
  HOB_TRY(const auto tokenizer, text::Tokenizer::create(std::move(vocabulary)));
  std::string source = chat::template_source(tokenizer);
  if (source.empty()) return fail(ErrorKind::kNotFound, "{}: has no chat template", path);
  return text::ChatTemplate::compile(std::move(source), &tokenizer);
}

struct Conversation {
  ordered_json messages;
  text::RenderOptions options;
};

Result<Conversation> parse_conversation(const std::string& text) {
  auto json = ordered_json::parse(text, nullptr, false);
  if (json.is_discarded())
    return fail(ErrorKind::kInvalid, "standard input: the conversation is not valid JSON");
  Conversation out;
  if (json.is_array()) {
    out.messages = std::move(json);
  } else if (json.is_object() && json.contains("messages")) {
    out.messages = json["messages"];
    if (json.contains("add_generation_prompt") && json["add_generation_prompt"].is_boolean()) {
      out.options.add_generation_prompt = json["add_generation_prompt"];
    }
    json.erase("messages");
    json.erase("add_generation_prompt");
    out.options.variables = std::move(json);
  }
  if (!out.messages.is_array()) {
    return fail(ErrorKind::kInvalid,
                "standard input: expected a list of messages, or an object with \"messages\"");
  }
  return out;
}

Result<> render(Io& io, const RenderFlags& flags) {
  HOB_TRY(const auto chat_template, load_template(flags.model));
  HOB_TRY(const std::string input, read_input(io));
  HOB_TRY(auto conversation, parse_conversation(input));
  if (flags.no_generation_prompt) conversation.options.add_generation_prompt = false;
  HOB_TRY(const std::string rendered,
          chat_template.render(conversation.messages, conversation.options));
  const std::string text = text::without_guards(rendered);
  io.show(text);
  return {};
}

}  // namespace

Action define_template_render(CLI::App& app, Io& io) {
  auto flags = std::make_shared<RenderFlags>();
  flags->model.declare(app);
  app.get_option("--model")->description(
      "The model whose template to render, or a file NAME.jinja");
  app.add_flag("--no-generation-prompt", flags->no_generation_prompt,
               "Leave out what invites the model's reply");
  return [flags, &io] { return render(io, *flags); };
}

}  // namespace hob::cli
