// hob batch: one prompt per row of a file.
//
// Every answer is in the cache (store/answer_cache.h) before it is in the output, under a digest of
// all that decides it. So a run that was killed goes on where it was, rows that ask the same are
// asked once, and the output, which keeps the order of the rows, can be written anew from its
// beginning.
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "chat/build_name.h"
#include "chat/turns.h"
#include "cli/batch_output.h"
#include "cli/batch_rows.h"
#include "cli/command.h"
#include "cli/constraint_flags.h"
#include "cli/conversation.h"
#include "cli/cost_prediction.h"
#include "cli/model_choice.h"
#include "cli/model_flags.h"
#include "cli/prompt_parts.h"
#include "cli/safe_text.h"
#include "os/file.h"
#include "os/terminal.h"
#include "prompts/interpolate.h"
#include "prompts/settings.h"
#include "store/answer_cache.h"
#include "store/log_chain.h"
#include "text/fenced_code.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

constexpr int kDefaultJobs = 4, kMostJobs = 64;
constexpr size_t kErrorsShown = 10;
constexpr int kKeyVersion = 1;  // of the text that digests are made of

struct BatchFlags {
  EngineFlags engine;
  ReplyFlags reply;
  ConstraintFlags constraint;
  LedgerFlags ledger;
  PartsFlags parts;
  std::string file, prompt, output, format, id, column = "response";
  int jobs = kDefaultJobs;
  bool fresh = false, quiet = false, dry_run = false;
};

// What all rows have in common.
struct Task {
  std::string model;
  TemplateParts templates;
  std::vector<prompts::Fragment> fragments, system_fragments;
  std::optional<chat::ConstraintText> constraint;
  std::optional<ordered_json> schema;  // that the constraint comes from
  chat::OptionTexts options;
};

Result<Task> read_task(Io& io, const BatchFlags& flags) {
  Task task;
  task.options = flags.reply.option_texts();
  HOB_TRY(task.templates, load_templates(flags.parts, task.options));
  task.options.insert(task.options.end(), task.templates.options.begin(),
                      task.templates.options.end());
  HOB_TRY(task.model, chosen_model({.named = flags.engine.model,
                                    .of_template = task.templates.model.value_or("")}));
  const StoredSchemas stored = schemas_in(flags.ledger.gate.path());
  HOB_TRY(task.constraint, flags.constraint.constraint(stored));
  HOB_TRY(task.schema, flags.constraint.asked_schema(stored));
  if (!task.constraint && task.templates.schema) {
    task.schema = task.templates.schema;
    task.constraint = chat::ConstraintText{engine::ConstraintKind::kJsonSchema,
                                           "the template's schema", task.schema->dump()};
  }
  if (!task.templates.attachments.empty() || !task.templates.typed_attachments.empty())
    return fail(ErrorKind::kUnsupported, "a batch takes no attachments: the template has some");
  const auto &names = task.templates.fragments, &system_names = task.templates.system_fragments;
  const auto inputs = std::count(names.begin(), names.end(), "-") +
                      std::count(system_names.begin(), system_names.end(), "-") +
                      (flags.file == "-" ? 1 : 0);
  if (inputs > 1)
    return fail(ErrorKind::kInvalid, "standard input can be one thing: the rows or a fragment");
  std::optional<store::Database> database;
  if (!names.empty() || !system_names.empty()) {
    HOB_TRY(database, fragment_database(flags.ledger.gate.path()));
  }
  const auto context = fragment_context(io, database ? &*database : nullptr);
  HOB_TRY(task.fragments, prompts::resolve_fragments(names, context));
  HOB_TRY(task.system_fragments, prompts::resolve_fragments(system_names, context));
  return task;
}

// A fixed seed unless one is given: a reply is then a function of its request, and may be kept.
void fix_seed(chat::OptionTexts& options, const chat::ModelInfo& model) {
  const bool given = std::any_of(options.begin(), options.end(),
                                 [](const auto& option) { return option.first == "seed"; });
  if (!given && !model.file.empty()) options.emplace_back("seed", "0");
}

// A row on its way. Its request is made when it is asked for: of 68,000 with a long fragment, all
// at once would fill the memory.
struct RowWork {
  std::string key;  // in the cache
  std::optional<BatchAnswer> answer;
};

class Batch {
 public:
  Batch(Io& io, const BatchFlags& flags) : io_(io), flags_(flags) {}

  Result<> run() {
    HOB_TRY_VOID(flags_.ledger.gate.check());
    HOB_TRY_VOID(read());
    HOB_TRY(task_, read_task(io_, flags_));
    HOB_TRY_VOID(check_variables());
    HOB_TRY_VOID(open());
    HOB_TRY_VOID(prepare());
    if (flags_.dry_run) return print_dry_run();
    HOB_TRY(auto output, BatchOutput::open(io_, flags_.output));
    output_ = &output;
    HOB_TRY_VOID(output.add(batch_head(format_, input_, flags_.column)));
    started_ = std::chrono::steady_clock::now();
    const os::InterruptGuard guard;
    HOB_TRY_VOID(write_finished());
    const auto ran = ask();
    if (io_.err_terminal && !flags_.quiet) io_.note("\r\x1b[K");
    if (problem_) return tl::unexpected<Error>(*problem_);
    HOB_TRY_VOID(ran);
    if (next_written_ < work_.size()) {
      io_.note(flags_.ledger.gate.never ? "With -n nothing is kept: the same command begins anew.\n"
               : flags_.fresh
                   ? "What was answered is kept; the command without --fresh goes on from there.\n"
                   : "What was answered is kept; the same command goes on from there.\n");
      return fail(ErrorKind::kCancelled, "stopped");
    }
    HOB_TRY_VOID(output.close());
    return summary();
  }

 private:
  Result<> read() {
    const bool piped = flags_.file == "-";
    HOB_TRY(const std::string text, piped ? read_input(io_) : os::read_file(flags_.file));
    const std::string name = piped ? "standard input" : flags_.file;
    RowFormat format = row_format_of_text(text);
    if (!flags_.format.empty()) {
      HOB_TRY(format, row_format_of("rows." + flags_.format));
    } else if (const auto by_name = row_format_of(flags_.file)) {
      format = *by_name;
    }
    HOB_TRY(input_, parse_batch(text, name, format, flags_.id));
    format_ = row_format_of(flags_.output).value_or(format);
    for (const std::string& column : input_.columns) {
      if (column == flags_.column || column == "error")
        return fail(ErrorKind::kInvalid,
                    "{} has a column '{}' already: rename it{}", name, column,
                    column == "error" ? "" : ", or name another with --column");
    }
    return {};
  }

  Result<> open() {
    HOB_TRY(model_, chat::open_model(task_.model, flags_.engine.options()));
    HOB_TRY_VOID(chat::check_constraint(model_->info(), task_.constraint));
    HOB_TRY(const auto saved, prompts::ModelOptions::standard().of(model_->info().id));
    add_options(task_.options, saved);
    fix_seed(task_.options, model_->info());
    HOB_TRY(options_, model_->check_options(task_.options));
    const std::string path = store::AnswerCache::standard_path();
    const bool in_memory = flags_.ledger.gate.never || (flags_.dry_run && !os::file_exists(path));
    HOB_TRY(auto cache,
            in_memory ? store::AnswerCache::memory() : store::AnswerCache::open(path));
    cache_.emplace(std::move(cache));
    if (flags_.ledger.gate.is_open() && !flags_.dry_run) {
      HOB_TRY(auto ledger, store::Ledger::open(flags_.ledger.gate.path()));
      ledger_.emplace(std::move(ledger));
    }
    return {};
  }

  // What no row can fill in is one error, not one of every row.
  Result<> check_variables() const {
    ordered_json values = ordered_json::object();
    for (const std::string& column : input_.columns) values[column] = "";
    for (const auto& [key, value] : flags_.parts.params) values[key] = value;
    for (const std::string* text : {&flags_.prompt, &flags_.reply.system}) {
      const auto filled = prompts::interpolate(*text, values);
      if (!filled)
        return fail(ErrorKind::kInvalid, "{}: {}; the rows have the columns {}",
                    text == &flags_.prompt ? "PROMPT" : "--system", filled.error().message,
                    fmt::join(input_.columns, ", "));
    }
    return {};
  }

  // Every row's key, and the answers that are known already: those of rows that are wrong, too.
  Result<> prepare() {
    work_.resize(input_.rows.size());
    for (size_t i = 0; i < work_.size(); ++i) {
      const auto request = request_of(input_.rows[i]);
      if (!request) {
        settle(i, {nullptr, request.error().message});
        continue;
      }
      work_[i].key = key_of(*request);
      if (flags_.fresh) continue;
      HOB_TRY(const auto known, cache_->find(work_[i].key));
      if (!known) continue;
      settle(i, answer_of(*known));
      ++known_;
    }
    return {};
  }

  Result<chat::TurnRequest> request_of(const BatchRow& row) const {
    TemplateParts templates = task_.templates;
    ordered_json& values = templates.params;
    values = row.fields;
    for (const auto& [key, value] : flags_.parts.params) values[key] = value;
    prompts::Texts texts;
    if (!flags_.prompt.empty()) {
      HOB_TRY(texts.prompt, prompts::interpolate(flags_.prompt, values));
    } else if (const auto own = row.fields.find("prompt");
               own != row.fields.end() && own->is_string()) {
      texts.prompt = own->get<std::string>();
    }
    if (!flags_.reply.system.empty()) {
      HOB_TRY(texts.system, prompts::interpolate(flags_.reply.system, values));
    }
    HOB_TRY(texts, apply_templates(templates, std::move(texts)));
    texts.prompt = prompts::joined_prompt(contents_of(task_.fragments), texts.prompt);
    texts.system = prompts::joined_system(contents_of(task_.system_fragments), texts.system);
    if (texts.prompt.empty())
      return fail(ErrorKind::kInvalid,
                  "there is no prompt: give PROMPT, a template, or a column \"prompt\"");
    chat::TurnRequest request;
    request.source = "batch";
    request.title = texts.prompt;
    request.tags = flags_.ledger.tags;
    request.schema = task_.schema;
    request.prompt_fragments = task_.fragments;
    request.system_fragments = task_.system_fragments;
    request.model.system = texts.system;
    if (!texts.system.empty())
      request.model.messages.push_back(store::Message::of_text("system", texts.system));
    request.model.messages.push_back(store::Message::of_text("user", texts.prompt));
    request.model.options = options_;
    request.model.constraint = task_.constraint;
    request.model.stream = false;
    request.model.cancel = &os::InterruptGuard::requested();
    return request;
  }

  // All that decides a reply.
  std::string key_of(const chat::TurnRequest& request) const {
    const chat::ModelInfo& model = model_->info();
    ordered_json text = {{"version", kKeyVersion},
                         {"build", chat::build_name()},
                         {"model", model.id},
                         {"provider", model.provider},
                         {"options", request.model.options}};
    for (const auto& message : request.model.messages)
      text["messages"].push_back({message.role, message.text()});
    if (const auto& constraint = task_.constraint)
      text["constraint"] = {static_cast<int>(constraint->kind), constraint->text};
    if (!model.file.empty()) {
      const os::FileState& state = model.file_state;
      text["file"] = {model.file, state.device, state.inode, state.size, state.modified_ns};
      text["computed"] = {flags_.engine.context, flags_.engine.kv_name(), flags_.engine.numerics};
      // Portable numbers are the same by every instruction set.
      if (flags_.engine.numerics == "native") text["isa"] = model_->local()->engine().isa();
    }
    return store::AnswerCache::key_of(
        text.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  }

  // A text, the code in it where the template extracts that, or the value where a schema asked for
  // one.
  BatchAnswer answer_of(const std::string& text) const {
    if (task_.constraint && task_.constraint->kind == engine::ConstraintKind::kJsonSchema) {
      if (auto value = store::parse_shallow_json(text)) return {*std::move(value), ""};
    }
    if (!task_.templates.extract && !task_.templates.extract_last) return {text, ""};
    const auto block = text::fenced_code(text, task_.templates.extract_last
                                                   ? text::FencePick::kLast
                                                   : text::FencePick::kFirst);
    return {block && !block->empty() ? *block : text, ""};
  }

  void settle(size_t row, BatchAnswer answer) {
    ++settled_;
    failed_ += answer.error.empty() ? 0 : 1;
    work_[row].answer = std::move(answer);
  }

  // Asks what is not known, several at a time; rows that ask alike get what the first of them got.
  Result<> ask() {
    std::map<std::string, std::vector<size_t>> alike;  // rows, by key
    size_t next = 0;
    progress();
    return chat::run_turns(
        *model_, ledger_ ? &*ledger_ : nullptr, static_cast<size_t>(flags_.jobs),
        [&]() -> std::optional<chat::TurnJob> {
          for (; next < work_.size(); ++next) {
            if (problem_ || os::InterruptGuard::requested()) return std::nullopt;
            RowWork& work = work_[next];
            if (work.answer) continue;
            auto& rows = alike[work.key];
            rows.push_back(next);
            if (rows.size() > 1) {
              ++known_;
              if (const auto& first = work_[rows.front()].answer) settle(next, *first);
              continue;
            }
            auto request = request_of(input_.rows[next++]);
            HOB_CHECK(request.has_value());  // prepare() has seen it
            return chat::TurnJob{*std::move(request),
                                 [this, &rows, key = work.key](Result<chat::TurnResult> result) {
                                   took(key, rows, std::move(result));
                                 }};
          }
          write_or_stop();  // rows that were settled on the way
          return std::nullopt;
        });
  }

  void took(const std::string& key, const std::vector<size_t>& rows,
            Result<chat::TurnResult> result) {
    if (result ? result->reply.stopped : result.error().kind == ErrorKind::kCancelled) return;
    BatchAnswer answer;
    if (!result) {
      answer.error = result.error().message;
    } else if (!result->reply.obeys) {
      answer.error = fmt::format("the reply ended ({}) before it was all that {} asks for",
                                 result->reply.finish,
                                 task_.constraint ? task_.constraint->source : "the constraint");
    } else {
      // An answer whose turn is not on record is asked for again.
      const auto kept =
          result->recorded ? cache_->put(key, result->reply.text) : result->recorded;
      if (!kept) stop(kept.error());
      answer = answer_of(result->reply.text);
    }
    ++asked_;
    for (const size_t row : rows) settle(row, answer);
    write_or_stop();
    progress();
  }

  // The rest is not asked, and what is under way ends.
  void stop(const Error& problem) {
    if (!problem_) problem_ = problem;
    os::InterruptGuard::requested() = true;
  }

  void write_or_stop() {
    if (const auto written = write_finished(); !written) stop(written.error());
  }

  // What is answered and has nothing unanswered before it.
  Result<> write_finished() {
    std::string text;
    for (; next_written_ < work_.size() && work_[next_written_].answer; ++next_written_)
      text += batch_record(format_, input_, input_.rows[next_written_],
                           *work_[next_written_].answer, flags_.column);
    return output_->add(text);
  }

  // Exact tokens of what would be asked, and what that would cost.
  Result<> print_dry_run() {
    std::map<std::string, uint64_t> inputs;  // by key: what rows ask alike is asked once
    for (size_t i = 0; i < work_.size(); ++i) {
      if (work_[i].answer || inputs.contains(work_[i].key)) continue;
      HOB_TRY(const auto request, request_of(input_.rows[i]));
      const auto tokens = model_->count_tokens(request.model);
      if (!tokens) {
        settle(i, {nullptr, tokens.error().message});
      } else if (!*tokens) {
        return fail(ErrorKind::kUnsupported, "--dry-run: only {}'s server can count its tokens",
                    model_->info().id);
      } else {
        inputs[work_[i].key] = **tokens;
      }
    }
    std::vector<uint64_t> counts;
    uint64_t sum = 0;
    for (const auto& [key, tokens] : inputs) counts.push_back(tokens), sum += tokens;
    io_.print("model: {}\n", safe_line(model_->info().id));
    io_.print("rows: {}, of which {} to ask, {} known or alike, {} wrong\n", grouped(work_.size()),
              grouped(counts.size()), grouped(work_.size() - counts.size() - failed_),
              grouped(failed_));
    io_.print("input: {} tokens\n", grouped(sum));
    io_.write(cost_prediction(model_->info(), counts, most_output(options_)) + "\n");
    io_.write("Nothing was sent or recorded.\n");
    note_errors();
    return {};
  }

  void progress() {
    if (!io_.err_terminal || flags_.quiet) return;
    std::string line = fmt::format("{} of {}", grouped(settled_), grouped(work_.size()));
    if (known_ > 0) line += fmt::format(", {} known", grouped(known_));
    if (failed_ > 0) line += fmt::format(", {} failed", grouped(failed_));
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    if (asked_ > 0) {
      const double rate = static_cast<double>(asked_) / seconds;
      line += fmt::format(", {:.2f} a second, {} left", rate,
                          seconds_text(static_cast<double>(work_.size() - settled_) / rate));
    }
    io_.note("\r\x1b[K" + line);
  }

  void note_errors() {
    size_t shown = 0;
    for (size_t i = 0; i < work_.size(); ++i) {
      if (!work_[i].answer || work_[i].answer->error.empty() || shown++ >= kErrorsShown) continue;
      io_.note(fmt::format("row {}: {}\n", safe_line(input_.rows[i].id),
                           safe_line(work_[i].answer->error)));
    }
  }

  Result<> summary() {
    note_errors();
    if (!flags_.quiet)
      io_.note(fmt::format("{} row{}: {} asked, {} known, {} failed\n", grouped(work_.size()),
                           work_.size() == 1 ? "" : "s", grouped(asked_), grouped(known_),
                           grouped(failed_)));
    if (failed_ == 0) return {};
    return fail(ErrorKind::kInvalid, "{} of {} rows failed; the same command asks them again",
                grouped(failed_), grouped(work_.size()));
  }

  Io& io_;
  const BatchFlags& flags_;
  BatchInput input_;
  RowFormat format_ = RowFormat::kJsonLines;  // of the output
  Task task_;
  std::unique_ptr<chat::Model> model_;
  ordered_json options_;
  std::optional<store::AnswerCache> cache_;
  std::optional<store::Ledger> ledger_;
  std::vector<RowWork> work_;  // [rows of the input]
  BatchOutput* output_ = nullptr;
  // Rows, but for asked_: requests.
  size_t next_written_ = 0, settled_ = 0, asked_ = 0, known_ = 0, failed_ = 0;
  std::optional<Error> problem_;  // that ends the run
  std::chrono::steady_clock::time_point started_;
};

}  // namespace

Action define_batch(CLI::App& app, Io& io) {
  auto flags = std::make_shared<BatchFlags>();
  app.add_option("FILE", flags->file, "Rows: CSV, TSV, JSON lines, or - for standard input")
      ->required();
  app.add_option("PROMPT", flags->prompt,
                 "What to ask of each row, with $name or ${name} for its columns (default: the "
                 "column \"prompt\")");
  flags->engine.declare(app);
  flags->reply.declare(app);
  app.get_option("--seed")->description(
      "Seed of the random draws (default: 0, so that the same rows have the same replies)");
  flags->parts.declare(app, true);
  flags->constraint.declare(app);
  app.add_option("--output", flags->output,
                 "Write here, in the format of the name's ending, whole or not at all (default: "
                 "standard output)")
      ->option_text("FILE");
  app.add_option("--format", flags->format, "Format of the rows, where their name does not tell")
      ->option_text("csv|tsv|jsonl")
      ->check(CLI::IsMember({"csv", "tsv", "jsonl"}));
  app.add_option("--id", flags->id, "Column that names rows (default: id, else their number)")
      ->option_text("COLUMN");
  app.add_option("--column", flags->column, "Column for the replies (default: response)")
      ->option_text("NAME");
  app.add_option("--jobs", flags->jobs, "Rows to run at a time (default: 4)")
      ->option_text("N")
      ->transform(whole_number(1, kMostJobs));
  flags->ledger.declare_recording(app);
  app.add_flag("--fresh", flags->fresh, "Ask again what is known from earlier runs");
  app.add_flag("--dry-run", flags->dry_run,
               "Count the prompts' tokens and say what they would cost; send and record nothing");
  app.add_flag("--quiet", flags->quiet, "No progress and no summary");
  return [flags, &io] { return Batch(io, *flags).run(); };
}

}  // namespace hob::cli
