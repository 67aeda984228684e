// hob 'text': one prompt, one reply.
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/constraint_flags.h"
#include "cli/model_flags.h"
#include "cli/safe_text.h"
#include "os/terminal.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct PromptFlags {
  EngineFlags engine;
  ReplyFlags reply;
  ConstraintFlags constraint;
  std::string text;
  bool raw = false, no_stream = false, usage = false, json = false, options = false;
  std::optional<int> logprobs;
};

// Piped text, one space, the argument: as llm joins them.
Result<std::string> whole_prompt(Io& io, const std::string& argument) {
  if (io.in_terminal) {
    if (!argument.empty()) return argument;
    return read_input(io);
  }
  HOB_TRY(std::string piped, read_input(io));
  if (piped.empty()) return argument;
  return argument.empty() ? piped : piped + ' ' + argument;
}

const char* finish_name(const chat::Reply& reply) {
  if (!reply.stop.empty()) return "stop";
  switch (reply.finish) {
    case engine::Finish::kEnd:
      return "end";
    case engine::Finish::kLength:
      return "length";
    case engine::Finish::kStopped:
      return "cancelled";
    case engine::Finish::kContextFull:
      return "context_full";
  }
  return "end";
}

// Bytes of a token as JSON can hold them: half a character becomes U+FFFD.
std::string json_text(std::string_view bytes) {
  return ordered_json::parse(
             ordered_json(bytes).dump(-1, ' ', false, ordered_json::error_handler_t::replace))
      .get<std::string>();
}

ordered_json candidate_json(const text::Tokenizer& tokenizer, text::Token token, float logprob) {
  return {{"id", token}, {"text", json_text(tokenizer.spelling(token))}, {"logprob", logprob}};
}

ordered_json tokens_json(const text::Tokenizer& tokenizer, const chat::Reply& reply) {
  auto out = ordered_json::array();
  for (const chat::ReplyToken& token : reply.tokens) {
    ordered_json entry = candidate_json(tokenizer, token.token, token.logprob.value_or(0));
    auto& top = entry["top"] = ordered_json::array();
    for (const auto& other : token.alternatives) {
      top.push_back(candidate_json(tokenizer, other.token, other.logprob));
    }
    out.push_back(std::move(entry));
  }
  return out;
}

ordered_json options_json(const ReplyFlags& flags) {
  ordered_json out = ordered_json::object();
  for (const auto& [key, value] : flags.options) out[key] = value;
  return out;
}

// One object per model call; the names of `llm --json` where it has them, then hob's own.
ordered_json report(const PromptFlags& flags, const std::string& prompt,
                    const chat::ReplyOptions& options, chat::LocalModel& model,
                    const chat::Reply& reply) {
  const auto& usage = reply.usage;
  ordered_json object = {
      {"model", model.name()},
      {"options_json", options_json(flags.reply)},
      {"duration_ms", static_cast<int64_t>((usage.prompt_seconds + usage.reply_seconds) * 1000)},
      {"input_tokens", usage.prompt_tokens},
      {"output_tokens", usage.reply_tokens},
      {"drafted_tokens", usage.drafted_tokens},
      {"accepted_tokens", usage.accepted_tokens},
      {"prompt", prompt},
      {"system", flags.reply.system.empty() ? ordered_json() : ordered_json(flags.reply.system)},
      {"response", reply.text},
      {"finish", finish_name(reply)},
      {"seed", options.sampler.seed},
      {"threads", model.engine().threads()},
      {"isa", model.engine().isa()},
      {"prompt_tokens_per_second",
       static_cast<double>(usage.prompt_tokens - usage.cached_tokens) / usage.prompt_seconds},
      {"reply_tokens_per_second", static_cast<double>(usage.reply_tokens) / usage.reply_seconds},
  };
  if (options.constraint) {
    object["obeys"] = reply.obeys;
    object["forced_tokens"] = usage.forced_tokens;
    object["constraint_seconds"] = usage.mask_seconds;
  }
  if (flags.logprobs) object["tokens"] = tokens_json(model.tokenizer(), reply);
  return ordered_json::array({object});
}

void note_usage(Io& io, const chat::ReplyOptions& options, const chat::Reply& reply) {
  const Style style = Style::when(io.err_colour);
  const auto& usage = reply.usage;
  const std::string drafts = options.sampler.draft == 0
                                 ? ""
                                 : fmt::format(", \"drafted\": {}, \"accepted\": {}",
                                               usage.drafted_tokens, usage.accepted_tokens);
  io.note(fmt::format(
      "{}{}Token usage: {} input, {} output, {{\"seed\": {}, \"seconds\": {:.2f}{}}}{}\n",
      style.bold, style.yellow, grouped(usage.prompt_tokens), grouped(usage.reply_tokens),
      options.sampler.seed, usage.prompt_seconds + usage.reply_seconds, drafts, style.reset));
}

std::vector<chat::Message> messages_of(const PromptFlags& flags, const std::string& prompt) {
  std::vector<chat::Message> messages;
  if (!flags.reply.system.empty()) messages.push_back({"system", flags.reply.system});
  messages.push_back({"user", prompt});
  return messages;
}

// Ends the line of a reply that did not end it, as a person expects of a terminal and `wc` of a
// file.
void end_line(Io& io, const std::string& text) {
  if (!text.ends_with('\n')) io.write("\n");
}

// --options: what -o takes.
void print_options(Io& io) {
  for (const auto& option : engine::sampler_option_table()) {
    const std::string alias = option.alias.empty() ? "" : fmt::format(" (or {})", option.alias);
    io.print("{}{}\n    {}\n", option.name, alias, option.help);
  }
  io.write(
      "max_tokens\n    longest reply, as -n\nstop\n    end the reply before this text, as "
      "--stop\n");
}

Result<> answer(Io& io, const PromptFlags& flags) {
  if (flags.options) return print_options(io), Result<>();
  if (flags.raw && !flags.reply.system.empty()) {
    return fail(ErrorKind::kInvalid,
                "--system has no place in a --raw prompt: put its text into the prompt");
  }
  HOB_TRY(chat::ReplyOptions options, flags.reply.reply_options());
  HOB_TRY(options.constraint, flags.constraint.constraint(nullptr));
  HOB_TRY(const std::string prompt, whole_prompt(io, flags.text));
  if (prompt.empty())
    return fail(ErrorKind::kInvalid,
                "there is no prompt: give one as an argument or on standard input");
  const bool json = flags.json || flags.logprobs.has_value();
  options.raw = flags.raw;
  if (flags.logprobs) options.alternatives = *flags.logprobs;

  HOB_TRY(auto model, flags.engine.load());
  os::InterruptGuard guard;
  options.cancel = &os::InterruptGuard::requested();
  const bool stream = !flags.no_stream && !json;
  const auto shown = [&](std::string_view text) {
    return io.out_terminal ? safe_text(text) : std::string(text);
  };
  const auto on_text = [&](std::string_view text) {
    if (stream && !io.write(shown(text))) os::InterruptGuard::requested() = true;
  };
  HOB_TRY(const chat::Reply reply, model->reply(messages_of(flags, prompt), options, on_text));

  if (json) {
    io.write(report(flags, prompt, options, *model, reply)
                 .dump(2, ' ', false, ordered_json::error_handler_t::replace) +
             "\n");
  } else {
    if (!stream) io.write(shown(reply.text));
    end_line(io, reply.text);
  }
  if (flags.usage) note_usage(io, options, reply);
  if (reply.finish == engine::Finish::kStopped) return fail(ErrorKind::kCancelled, "stopped");
  if (reply.finish == engine::Finish::kContextFull) {
    io.note(fmt::format("The reply stops here: the context of {} tokens is full (see --context).\n",
                        model->engine().context()));
  }
  if (!reply.obeys) {
    return fail(ErrorKind::kInvalid,
                "the reply ended ({}) before it was all that {} asks for: it is only a piece",
                finish_name(reply), options.constraint->source);
  }
  return {};
}

}  // namespace

Action define_prompt(CLI::App& app, Io& io) {
  auto flags = std::make_shared<PromptFlags>();
  app.add_option("PROMPT", flags->text, "What to ask");
  flags->engine.declare(app);
  flags->reply.declare(app);
  flags->constraint.declare(app);
  app.add_flag("--raw", flags->raw,
               "Continue the text as it stands, without the model's chat template");
  app.add_flag("--no-stream", flags->no_stream, "Print the reply when it is complete");
  app.add_flag("-u,--usage", flags->usage, "Show token counts on standard error");
  app.add_flag("--options", flags->options, "List what -o takes and exit");
  app.add_flag("--json", flags->json, "Print a JSON array with one object about the reply");
  app.add_option("--logprobs", flags->logprobs,
                 "With every token its log-probability and the N likeliest; implies --json")
      ->option_text("N")
      ->transform(whole_number(0, 1000));
  return [flags, &io] { return answer(io, *flags); };
}

}  // namespace hob::cli
