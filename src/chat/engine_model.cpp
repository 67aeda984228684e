// The engine's models as chat::Model: options by name, attachments refused, and a record of all
// that decided the reply.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>

#include "chat/model.h"
#include "chat/model_store.h"
#include "chat/token_hash.h"
#include "store/json_text.h"

namespace hob::chat {
namespace {

using nlohmann::ordered_json;

// Small enough to survive a JSON reader that keeps numbers as doubles.
uint64_t fresh_seed() {
  std::random_device device;
  return device();
}

const char* constraint_name(engine::ConstraintKind kind) {
  switch (kind) {
    case engine::ConstraintKind::kJsonSchema:
      return "schema";
    case engine::ConstraintKind::kRegex:
      return "regex";
    case engine::ConstraintKind::kGrammar:
      return "grammar";
  }
  return "schema";
}

Result<uint64_t> whole(const std::string& key, const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size())
    return fail(ErrorKind::kInvalid, "option {}: '{}' is not a whole number in range", key, text);
  return value;
}

// Numbers as JSON numbers, other text as it is.
ordered_json typed(const std::string& text) {
  auto value = ordered_json::parse(text, nullptr, false);
  return value.is_number() ? value : ordered_json(text);
}

Result<> set_stops(std::vector<std::string>& stops, const ordered_json& value) {
  for (const auto& stop : value.is_array() ? value : ordered_json::array({value})) {
    if (!stop.is_string())
      return fail(ErrorKind::kInvalid, "option stop: {} is no text", stop.dump());
    if (!stop.get_ref<const std::string&>().empty()) stops.push_back(stop.get<std::string>());
  }
  return {};
}

// Attachments are refused before (check_attachments); what earlier models were sent is left out.
std::vector<Message> plain_messages(const std::vector<store::Message>& messages) {
  std::vector<Message> out;
  for (const store::Message& message : messages) out.push_back({message.role, message.text()});
  return out;
}

std::string finish_name(const Reply& reply) {
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

class EngineModel : public Model {
 public:
  EngineModel(ModelInfo info, std::unique_ptr<LocalModel> model,
              const engine::EngineOptions& options)
      : info_(std::move(info)), model_(std::move(model)), options_(options) {}

  const ModelInfo& info() const override { return info_; }
  LocalModel* local() override { return model_.get(); }

  // The texts first, for errors to name what was typed.
  static Result<ordered_json> checked(const OptionTexts& given) {
    ordered_json out = ordered_json::object();
    for (const auto& [key, value] : given) {
      if (key == "stop") {
        if (!out.contains(key)) {
          out[key] = value;
        } else {
          if (out[key].is_string()) out[key] = ordered_json::array({out[key]});
          out[key].push_back(value);
        }
      } else {
        out[key] = value;
      }
    }
    HOB_TRY_VOID(reply_options(out));
    for (auto& [key, value] : out.items()) {
      if (key != "stop") value = typed(value.get<std::string>());
    }
    return out;
  }

  Result<ordered_json> check_options(const OptionTexts& given) const override {
    return checked(given);
  }

  Result<std::optional<size_t>> count_tokens(const ModelRequest& request) override {
    HOB_TRY(const auto messages, asked(request));
    HOB_TRY(const auto tokens, model_->encode(messages, request.raw));
    return tokens.size();
  }

  Result<ModelReply> reply(const ModelRequest& request, const OnText& on_text) override {
    HOB_TRY(const ReplyOptions options, options_of(request));
    HOB_TRY(const RenderedPrompt rendered, render(request));
    store::TurnRecord record = planned(options, rendered);
    if (request.on_record) request.on_record(record);
    const auto show = [&](std::string_view text) {
      if (on_text) on_text(Stream::kText, text);
    };
    HOB_TRY(Reply reply, model_->reply_rendered(rendered, options, show));
    return answer(options, std::move(record), std::move(reply));
  }

  Result<> replies(size_t width, const NextJob& next) override {
    return model_->replies(width, [&]() -> std::optional<ReplyJob> {
      while (auto job = next()) {
        auto reply_job = to_reply_job(*job);
        if (reply_job) return *std::move(reply_job);
        job->on_done(tl::unexpected<Error>(std::move(reply_job.error())));
      }
      return std::nullopt;
    });
  }

 private:
  static Result<ReplyOptions> options_of(const ModelRequest& request) {
    HOB_TRY(ReplyOptions options, reply_options(request.options));
    options.constraint = request.constraint;
    options.alternatives = request.alternatives;
    options.cancel = request.cancel;
    return options;
  }

  Result<RenderedPrompt> render(const ModelRequest& request) const {
    HOB_TRY(const auto messages, asked(request));
    return model_->render(messages, request.raw);
  }

  Result<ReplyJob> to_reply_job(const ModelJob& job) const {
    HOB_TRY(ReplyOptions options, options_of(job.request));
    HOB_TRY(RenderedPrompt rendered, render(job.request));
    store::TurnRecord record = planned(options, rendered);
    if (job.request.on_record) job.request.on_record(record);
    auto on_done = [options, record = std::move(record), done = job.on_done](Result<Reply> reply) {
      if (!reply) return done(tl::unexpected<Error>(std::move(reply.error())));
      done(answer(options, record, *std::move(reply)));
    };
    return ReplyJob{std::move(rendered), std::move(options), std::move(on_done)};
  }

  static ModelReply answer(const ReplyOptions& options, store::TurnRecord record, Reply reply) {
    ModelReply out;
    out.record = std::move(record);
    add_reply(out.record, reply);
    out.text = reply.text;
    out.input_tokens = static_cast<int64_t>(reply.usage.prompt_tokens);
    out.output_tokens = static_cast<int64_t>(reply.usage.reply_tokens);
    out.usage_details = details(options, reply);
    out.stopped = reply.finish == engine::Finish::kStopped;
    out.finish = out.record.finish;
    out.obeys = reply.obeys;
    out.local = std::move(reply);
    return out;
  }

  static Result<std::vector<Message>> asked(const ModelRequest& request) {
    auto messages = plain_messages(request.messages);
    if (!messages.empty() && messages.back().role == "user") return messages;
    return fail(ErrorKind::kInvalid,
                "there is no prompt: give one as an argument or on standard input");
  }

  static Result<ReplyOptions> reply_options(const ordered_json& options) {
    ReplyOptions out;
    out.sampler.seed = fresh_seed();
    for (const auto& [key, value] : options.items()) {
      if (key == "stop") {
        HOB_TRY_VOID(set_stops(out.stop, value));
      } else if (key == "max_tokens") {
        HOB_TRY(out.max_tokens, whole(key, option_text(value)));
      } else {
        HOB_TRY_VOID(engine::set_option(out.sampler, key, option_text(value)));
      }
    }
    if (const auto complaints = out.sampler.complaints(); !complaints.empty())
      return fail(ErrorKind::kInvalid, "{}", fmt::join(complaints, "; "));
    return out;
  }

  static ordered_json details(const ReplyOptions& options, const Reply& reply) {
    const auto& usage = reply.usage;
    const double seconds = usage.prompt_seconds + usage.reply_seconds;
    ordered_json out = {{"seed", options.sampler.seed},
                        {"seconds", std::round(seconds * 100) / 100}};
    if (options.sampler.draft > 0) {
      out["drafted"] = usage.drafted_tokens;
      out["accepted"] = usage.accepted_tokens;
    }
    return out;
  }

  // All that decides a reply.
  store::TurnRecord planned(const ReplyOptions& options, const RenderedPrompt& rendered) const {
    store::TurnRecord out;
    out.provider = info_.provider;
    out.model_file = info_.file;
    out.template_hash = store::sha256(template_source(model_->tokenizer()));
    out.raw = rendered.plain;
    out.rendered_prompt = rendered.text;
    out.sampler = ordered_json::object();
    for (const auto& [name, value] : engine::option_values(options.sampler)) {
      if (name != "seed") out.sampler[name] = typed(value);
    }
    out.seed = options.sampler.seed;
    if (options.max_tokens) out.max_tokens = static_cast<int64_t>(*options.max_tokens);
    out.stop = options.stop;
    if (options.constraint) {
      out.constraint = {{"kind", constraint_name(options.constraint->kind)},
                        {"source", options.constraint->source},
                        {"text", options.constraint->text}};
    }
    out.context = static_cast<int64_t>(model_->engine().context());
    out.threads = model_->engine().threads();
    out.isa = model_->engine().isa();
    out.kv = engine::kv_name(options_.kv);
    out.numerics = options_.numerics == kernels::Numerics::kNative ? "native" : "portable";
    return out;
  }

  static void add_reply(store::TurnRecord& record, const Reply& reply) {
    record.finish = finish_name(reply);
    record.prompt_tokens_hash = token_hash(reply.prompt);
    record.output_ids.emplace();
    for (const ReplyToken& token : reply.tokens) record.output_ids->push_back(token.token);
    record.cached_tokens = static_cast<int64_t>(reply.usage.cached_tokens);
    record.prompt_seconds = reply.usage.prompt_seconds;
    record.reply_seconds = reply.usage.reply_seconds;
  }

  ModelInfo info_;
  std::unique_ptr<LocalModel> model_;
  engine::EngineOptions options_;
};

}  // namespace

Result<std::unique_ptr<Model>> open_local_model(const std::string& path, std::string id,
                                                const engine::EngineOptions& options) {
  HOB_TRY(auto model, LocalModel::load(path, options));
  ModelInfo info;
  info.id = std::move(id);
  info.kind = "Local";
  info.provider = "local";
  info.file = path;
  info.file_state = model->file_state();
  info.constrains = true;
  return std::unique_ptr<Model>(new EngineModel(std::move(info), std::move(model), options));
}

Result<ordered_json> check_options(const std::string& id, const OptionTexts& given) {
  return id == kEchoModel ? echo_model()->check_options(given) : EngineModel::checked(given);
}

Result<std::unique_ptr<Model>> open_model(const std::string& id,
                                          const engine::EngineOptions& options) {
  if (id == kEchoModel) return echo_model();
  const ModelStore store = ModelStore::standard();
  HOB_TRY(const std::string path, store.find(id));
  return open_local_model(path, store.name_of(path), options);
}

std::string option_text(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

Result<> check_attachments(const ModelInfo& model, const store::Message& message) {
  for (const store::Part& part : message.parts) {
    if (!part.attachment) continue;
    const auto& types = model.attachment_types;
    if (std::find(types.begin(), types.end(), part.attachment->type) != types.end()) continue;
    if (types.empty()) {
      return fail(ErrorKind::kUnsupported,
                  "This model does not support attachments: {} takes text only", model.id);
    }
    return fail(ErrorKind::kUnsupported,
                "This model does not support attachments of type '{}', only {}",
                part.attachment->type, fmt::join(types, ", "));
  }
  return {};
}

Result<> check_constraint(const ModelInfo& model, const std::optional<ConstraintText>& constraint) {
  if (!constraint || model.constrains) return {};
  return fail(ErrorKind::kUnsupported, "{}: the model {} obeys nothing", constraint->source,
              model.id);
}

}  // namespace hob::chat
