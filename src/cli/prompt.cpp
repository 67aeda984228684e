// hob 'text': one prompt, one reply.
#include <algorithm>
#include <filesystem>
#include <memory>

#include "cli/accepted_flags.h"
#include "cli/attachments.h"
#include "cli/catalog.h"
#include "cli/command.h"
#include "cli/constraint_flags.h"
#include "cli/conversation.h"
#include "cli/cost_prediction.h"
#include "cli/listing.h"
#include "cli/model_choice.h"
#include "cli/model_flags.h"
#include "cli/not_yet.h"
#include "cli/prompt_json.h"
#include "cli/prompt_parts.h"
#include "cli/reply_printer.h"
#include "cli/safe_text.h"
#include "os/terminal.h"
#include "prompts/settings.h"
#include "store/json_text.h"
#include "text/fenced_code.h"
#include "text/utf8.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct PromptFlags {
  EngineFlags engine;
  ReplyFlags reply;
  ConstraintFlags constraint;
  LedgerFlags ledger;
  AttachmentFlags attachments;
  NotYetFlags not_yet;
  PartsFlags parts;
  std::string text, save;
  std::vector<std::string> queries;
  bool raw = false, no_stream = false, usage = false, json = false, options = false;
  bool extract = false, extract_last = false, hide_reasoning = false, dry_run = false;
  bool plain = false;
  std::optional<int> logprobs;
  std::optional<size_t> budget;

  bool wants_json() const { return json || logprobs.has_value(); }
  bool extracts() const { return extract || extract_last; }
};

// All that a person gave to ask with: what flags, templates, fragments and standard input come to.
struct Assembled {
  std::string prompt, system;  // whole texts, fragments in them
  std::vector<prompts::Fragment> fragments, system_fragments;
  std::vector<store::Attachment> attachments;
  chat::OptionTexts options;
  std::optional<chat::ConstraintText> constraint;
  std::optional<ordered_json> schema;  // that the constraint comes from, as it was asked for
};

// Whether standard input is one of the fragments.
bool has_input(const std::vector<std::string>& fragments) {
  return std::find(fragments.begin(), fragments.end(), "-") != fragments.end();
}

// Piped text, one space, the argument: as llm joins them. At a terminal with nothing else to send,
// the text is typed. `fragment`: standard input is one, and so no part of this.
Result<std::string> whole_prompt(Io& io, const std::string& argument, bool something_else,
                                 bool fragment) {
  if (fragment) return argument;
  if (io.in_terminal) {
    if (!argument.empty() || something_else) return argument;
    return read_input(io);
  }
  HOB_TRY(std::string piped, read_input(io));
  if (piped.empty()) return argument;
  return argument.empty() ? piped : piped + ' ' + argument;
}

// Text that the ledger can hold and everyone can read: UTF-8. What is not becomes U+FFFD, and the
// person hears of it.
std::string readable(Io& io, const std::string& text) {
  std::string out;
  size_t bad = 0, first = 0;
  for (size_t at = 0; at < text.size();) {
    const auto sequence = text::next_utf8(std::string_view(text).substr(at));
    const auto length = static_cast<size_t>(sequence.length);
    if (sequence.head == text::Utf8Head::kWhole) {
      out.append(text, at, length);
    } else {
      if (bad++ == 0) first = at;
      out += "\xef\xbf\xbd";
    }
    at += length;
  }
  if (bad > 0) {
    io.note(fmt::format(
        "Warning: the prompt is not UTF-8: {} bad sequence{}, the first at byte {}; replaced by "
        "U+FFFD\n",
        bad, bad == 1 ? "" : "s", first));
  }
  return out;
}

// What a template adds stands before what the flags say, but for values of which there is one.
AttachmentFlags with_templates(AttachmentFlags flags, const TemplateParts& templates) {
  flags.attachments.insert(flags.attachments.begin(), templates.attachments.begin(),
                           templates.attachments.end());
  std::vector<std::pair<std::string, std::string>> typed;
  for (const auto& one : templates.typed_attachments) typed.emplace_back(one.value, one.type);
  flags.typed.insert(flags.typed.begin(), typed.begin(), typed.end());
  return flags;
}

Result<Assembled> assemble(Io& io, const PromptFlags& flags, TemplateParts& templates) {
  Assembled out;
  out.options = flags.reply.option_texts();
  out.options.insert(out.options.end(), templates.options.begin(), templates.options.end());
  const StoredSchemas stored = schemas_in(flags.ledger.gate.path());
  HOB_TRY(out.constraint, flags.constraint.constraint(stored));
  HOB_TRY(out.schema, flags.constraint.asked_schema(stored));
  if (!out.constraint && templates.schema) {
    out.schema = templates.schema;
    out.constraint = chat::ConstraintText{engine::ConstraintKind::kJsonSchema,
                                          "the template's schema", templates.schema->dump()};
  }
  HOB_TRY(out.attachments, with_templates(flags.attachments, templates).resolve(io));
  const bool something_else =
      !out.attachments.empty() || out.constraint.has_value() || !templates.fragments.empty();
  prompts::Texts texts{flags.text, flags.reply.system};
  const bool fragment = has_input(templates.fragments) || has_input(templates.system_fragments);
  const bool first = templates.uses_input();
  if (first) {
    HOB_TRY(texts.prompt, whole_prompt(io, texts.prompt, something_else, fragment));
  }
  HOB_TRY(texts, apply_templates(templates, std::move(texts)));
  if (!first) {
    HOB_TRY(texts.prompt, whole_prompt(io, texts.prompt, something_else, fragment));
  }
  // A ledger that cannot be read is no reason not to answer, unless it is needed.
  std::optional<store::Database> database;
  if (!templates.fragments.empty() || !templates.system_fragments.empty()) {
    HOB_TRY(database, fragment_database(flags.ledger.gate.path()));
  }
  const auto context = fragment_context(io, database ? &*database : nullptr);
  HOB_TRY(out.fragments, prompts::resolve_fragments(templates.fragments, context));
  HOB_TRY(out.system_fragments, prompts::resolve_fragments(templates.system_fragments, context));
  out.prompt = prompts::joined_prompt(contents_of(out.fragments), readable(io, texts.prompt));
  out.system =
      prompts::joined_system(contents_of(out.system_fragments), readable(io, texts.system));
  return out;
}

// A URL as it is, a path from the root.
std::string lasting_name(const std::string& value) {
  if (value.find("://") != value.npos) return value;
  std::error_code error;
  const auto path = std::filesystem::canonical(value, error);
  return error ? value : path.string();
}

// --save: a template instead of a reply.
Result<> save_template(Io& io, const PromptFlags& flags) {
  std::vector<std::string> refused;
  if (!flags.parts.templates.empty()) refused.emplace_back("--template");
  if (flags.ledger.last) refused.emplace_back("--continue");
  if (!flags.ledger.thread_id.empty()) refused.emplace_back("--cid");
  if (!refused.empty()) {
    return fail(ErrorKind::kInvalid, "--save cannot be used with {}", fmt::join(refused, ", "));
  }
  SavedPrompt saved{.name = flags.save, .system = flags.reply.system};
  saved.model = flags.engine.model.empty() ? os::environment("HOB_MODEL") : flags.engine.model;
  if (saved.model.empty() && !flags.queries.empty()) {
    HOB_TRY(saved.model, model_by_query(flags.queries));
  }
  HOB_TRY(saved.schema, flags.constraint.asked_schema(schemas_in(flags.ledger.gate.path())));
  const auto& parts = flags.parts;
  const bool fragment = has_input(parts.fragments) || has_input(parts.system_fragments);
  HOB_TRY(saved.prompt, whole_prompt(io, flags.text, true, fragment));
  saved.params = flags.parts.params;
  saved.options = flags.reply.option_texts();
  saved.extract = flags.extract;
  saved.extract_last = flags.extract_last;
  saved.fragments = flags.parts.fragments;
  saved.system_fragments = flags.parts.system_fragments;
  // Where to find them again, from any folder; standard input is not to be found again.
  for (const std::string& value : flags.attachments.attachments) {
    if (value != "-") saved.attachments.push_back(lasting_name(value));
  }
  for (const auto& [value, type] : flags.attachments.typed) {
    if (value != "-") saved.typed_attachments.push_back({type, lasting_name(value)});
  }
  return save_prompt(saved);
}

std::vector<store::Message> messages_of(const Assembled& parts) {
  std::vector<store::Message> messages;
  if (!parts.system.empty()) messages.push_back(store::Message::of_text("system", parts.system));
  store::Message user{.role = "user"};
  if (!parts.prompt.empty()) user.parts.push_back({.text = parts.prompt});
  for (const store::Attachment& attachment : parts.attachments)
    user.parts.push_back({.kind = store::PartKind::kAttachment, .attachment = attachment});
  if (!user.parts.empty()) messages.push_back(std::move(user));
  return messages;
}

Result<chat::TurnRequest> request_of(const PromptFlags& flags, const Assembled& parts,
                                     const chat::Model& model) {
  chat::TurnRequest request;
  request.source = "prompt";
  request.title = parts.prompt.empty() ? parts.system : parts.prompt;
  request.prompt_fragments = parts.fragments;
  request.system_fragments = parts.system_fragments;
  auto& asked = request.model;
  asked.messages = messages_of(parts);
  asked.system = parts.system;
  HOB_TRY(asked.options, model.check_options(parts.options));
  asked.constraint = parts.constraint;
  request.schema = parts.schema;
  asked.stream =
      model.info().streams && !flags.no_stream && !flags.wants_json() && !flags.extracts();
  asked.hide_reasoning = flags.hide_reasoning;
  asked.raw = flags.raw;
  if (flags.logprobs) asked.alternatives = *flags.logprobs;
  asked.cancel = &os::InterruptGuard::requested();
  return request;
}

// What no model but the echo needs to be loaded to refuse.
Result<> check(const PromptFlags& flags, const Assembled& parts, const std::string& model,
               const Conversation& conversation) {
  if (flags.raw && !parts.system.empty()) {
    return fail(ErrorKind::kInvalid,
                "--system has no place in a --raw prompt: put its text into the prompt");
  }
  if (model == chat::kEchoModel) return {};
  // Before a model is looked for and loaded.
  HOB_TRY_VOID(chat::check_options(model, parts.options));
  if (conversation.has_begun() && !parts.system.empty()) {
    return fail(ErrorKind::kInvalid,
                "--system: the conversation has begun, and keeps the system prompt that it has");
  }
  if (parts.prompt.empty() && parts.attachments.empty()) {
    return fail(ErrorKind::kInvalid,
                "there is no prompt: give one as an argument or on standard input");
  }
  return {};
}

// --options: what -o takes, and what else the model can do.
Result<> print_options(Io& io, const std::string& id) {
  HOB_TRY(const auto models, catalog());
  for (const CatalogModel& model : models) {
    if (!model.goes_by(id)) continue;
    io.write(options_text(model, listing_width(io), false, true) + "\n");
    return {};
  }
  HOB_TRY(const std::string path, chat::ModelStore::standard().find(id));
  io.write(options_text(local_model(path), listing_width(io), false, true) + "\n");
  return {};
}

// --budget: refused with both numbers, never cut.
Result<> check_budget(chat::Model& model, const chat::TurnRequest& request, size_t budget) {
  HOB_TRY(const auto tokens, model.count_tokens(request.model));
  if (!tokens) {
    return fail(ErrorKind::kUnsupported, "--budget: {} does not say how many tokens a prompt has",
                model.info().id);
  }
  if (*tokens <= budget) return {};
  return fail(ErrorKind::kTooLarge, "the prompt takes {} tokens, --budget allows {}", *tokens,
              budget);
}

// --dry-run: what would be sent, exactly, and nothing more.
Result<> print_dry_run(Io& io, chat::Model& model, const chat::TurnRequest& request) {
  HOB_TRY(const auto tokens, model.count_tokens(request.model));
  io.print("model: {}\n", safe_line(model.info().id));
  if (tokens) {
    const uint64_t inputs[] = {*tokens};
    io.print("input: {} tokens\n", grouped(*tokens));
    io.write(cost_prediction(model.info(), inputs, most_output(request.model.options)) + "\n");
  } else {
    io.write("input: only the model's server can count its tokens\n");
  }
  io.write("Nothing was sent or recorded.\n");
  return {};
}

void note_usage(Io& io, const chat::ModelReply& reply) {
  const Style style = Style::when(io.err_colour);
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (reply.input_tokens) add(grouped(static_cast<uint64_t>(*reply.input_tokens)) + " input");
  if (reply.output_tokens) add(grouped(static_cast<uint64_t>(*reply.output_tokens)) + " output");
  for (const auto& details : {reply.token_details, reply.usage_details}) {
    if (!details.is_null() && !details.empty()) add(store::json_text(details));
  }
  io.note(fmt::format("{}{}Token usage: {}{}\n", style.bold, style.yellow, text, style.reset));
}

std::string shown_text(const PromptFlags& flags, const std::string& reply) {
  if (!flags.extracts()) return reply;
  const auto pick = flags.extract_last ? text::FencePick::kLast : text::FencePick::kFirst;
  const auto block = text::fenced_code(reply, pick);
  return block && !block->empty() ? *block : reply;
}

Result<> after(Io& io, const PromptFlags& flags, const Assembled& parts,
               const chat::TurnResult& result, const Conversation& conversation,
               chat::Model& model) {
  const chat::ModelReply& reply = result.reply;
  if (flags.usage) note_usage(io, reply);
  const auto recorded = conversation.recorded();
  if (!recorded)
    return fail(ErrorKind::kIo, "this turn is not in the ledger: {} (-n answers without recording)",
                recorded.error().message);
  if (reply.stopped) return fail(ErrorKind::kCancelled, "stopped");
  if (reply.finish == "context_full" && model.local()) {
    io.note(fmt::format("The reply stops here: the context of {} tokens is full (see --context).\n",
                        model.local()->engine().context()));
  }
  if (!reply.obeys) {
    return fail(ErrorKind::kInvalid,
                "the reply ended ({}) before it was all that {} asks for: it is only a piece",
                reply.finish, parts.constraint ? parts.constraint->source : "the constraint");
  }
  return {};
}

Result<> answer(Io& io, PromptFlags flags) {
  HOB_TRY_VOID(flags.not_yet.check());
  HOB_TRY_VOID(flags.ledger.gate.check());
  if (!flags.save.empty()) return save_template(io, flags);
  HOB_TRY(TemplateParts templates, load_templates(flags.parts, flags.reply.option_texts()));
  if (!flags.extracts()) {
    flags.extract = templates.extract;
    flags.extract_last = templates.extract_last;
  }
  ModelWish wish{.named = flags.engine.model,
                 .queries = flags.queries,
                 .of_template = templates.model.value_or("")};
  if (flags.options && !flags.ledger.goes_on()) {
    HOB_TRY(const std::string id, chosen_model(wish));
    return print_options(io, id);
  }
  HOB_TRY(Assembled parts, assemble(io, flags, templates));
  LedgerFlags ledger = flags.ledger;
  if (flags.dry_run) ledger.gate = {.never = true, .database = ledger.gate.database};
  HOB_TRY(auto conversation, Conversation::open(ledger, flags.wants_json()));
  wish.of_conversation = conversation.model();
  HOB_TRY(const std::string name, chosen_model(wish));
  if (flags.options) return print_options(io, name);
  HOB_TRY_VOID(check(flags, parts, name, conversation));
  HOB_TRY(auto model, chat::open_model(name, flags.engine.options()));
  HOB_TRY(const auto saved, prompts::ModelOptions::standard().of(model->info().id));
  add_options(parts.options, saved);
  HOB_TRY(auto request, request_of(flags, parts, *model));
  // What the model cannot take was never asked of it, and is no turn.
  HOB_TRY_VOID(chat::check_constraint(model->info(), parts.constraint));
  if (!request.model.messages.empty())
    HOB_TRY_VOID(chat::check_attachments(model->info(), request.model.messages.back()));
  if (flags.budget) HOB_TRY_VOID(check_budget(*model, request, *flags.budget));
  if (flags.dry_run) return print_dry_run(io, *model, request);

  os::InterruptGuard guard;
  ReplyPrinter printer(io, {.stream = request.model.stream,
                            .markdown = !flags.plain && !flags.raw && !parts.constraint,
                            .hide_reasoning = flags.hide_reasoning});
  auto result = conversation.ask(
      *model, std::move(request),
      [&](chat::Stream stream, std::string_view text) { printer.show(stream, text); },
      [&](const chat::ModelReply& reply) {
        if (!flags.wants_json()) printer.end(shown_text(flags, reply.text));
      });
  if (!result) {
    printer.broken_off();
    return tl::unexpected<Error>(std::move(result.error()));
  }
  if (flags.wants_json() && conversation.ledger() && !result->turn_id.empty()) {
    HOB_TRY(const std::string json, prompt_json(*conversation.ledger(), *model, *result,
                                                flags.logprobs.has_value()));
    io.write(json + "\n");
  }
  return after(io, flags, parts, *result, conversation, *model);
}

}  // namespace

Action define_prompt(CLI::App& app, Io& io) {
  auto flags = std::make_shared<PromptFlags>();
  app.add_option("PROMPT", flags->text, "What to ask");
  flags->engine.declare(app);
  declare_model_query(app, flags->queries);
  flags->reply.declare(app);
  flags->parts.declare(app, true);
  app.add_option("--save", flags->save,
                 "Save this prompt as a template of that name; nothing is asked")
      ->option_text("NAME");
  app.add_option("--budget", flags->budget, "Refuse a prompt, fragments included, of more tokens")
      ->option_text("TOKENS")
      ->transform(whole_number(0, kMostTokens));
  flags->attachments.declare(app);
  flags->constraint.declare(app);
  flags->ledger.declare(app);
  app.add_flag("-x,--extract", flags->extract, "Print only the first fenced code block");
  app.add_flag("--xl,--extract-last", flags->extract_last, "Print only the last fenced code block");
  app.add_flag("--raw", flags->raw,
               "Continue the text as it stands, without the model's chat template");
  app.add_flag("--no-stream", flags->no_stream, "Print the reply when it is complete");
  app.add_flag("-R,--hide-reasoning", flags->hide_reasoning, "Do not show the model's reasoning");
  app.add_flag("--plain", flags->plain, "Show the reply as it is, without rendering Markdown");
  app.add_flag("-u,--usage", flags->usage, "Show token counts on standard error");
  app.add_flag("--dry-run", flags->dry_run,
               "Count the prompt's tokens and say what it would cost; send and record nothing");
  app.add_flag("--options", flags->options,
               "Show what -o takes and what the model can do, and exit");
  app.add_flag("--json", flags->json, "Print a JSON array with one object about the reply");
  app.add_option("--logprobs", flags->logprobs,
                 "With every token its log-probability and the N likeliest; implies --json")
      ->option_text("N")
      ->transform(whole_number(0, 1000));
  accept_key(app);
  accept_async(app);
  flags->not_yet.declare(app);
  return [flags, &io] { return answer(io, *flags); };
}

}  // namespace hob::cli
