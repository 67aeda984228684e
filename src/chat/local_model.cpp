#include "chat/local_model.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "engine/batch.h"
#include "models/registry.h"
#include "models/vocabulary.h"
#include "text/stream.h"

namespace hob::chat {
namespace {

using text::Token;

constexpr const char* kChatMl =
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] "
    "}}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

// What DRY never repeats across, as its author proposes them.
constexpr const char* kDryBreakers[] = {"\n", ":", "\"", "*"};

std::string joined(const std::vector<Message>& messages) {
  std::string out;
  for (const Message& message : messages) {
    if (!out.empty()) out += "\n\n";
    out += message.content;
  }
  return out;
}

Result<std::optional<text::ChatTemplate>> compile_template(const text::Tokenizer& tokenizer) {
  std::string source = template_source(tokenizer);
  if (source.empty()) return std::nullopt;
  auto compiled = text::ChatTemplate::compile(std::move(source), &tokenizer);
  if (compiled) return *std::move(compiled);
  return fail(compiled.error().kind, "{}: {}", tokenizer.vocabulary().source,
              compiled.error().message);
}

}  // namespace

nlohmann::ordered_json to_json(const std::vector<Message>& messages) {
  auto out = nlohmann::ordered_json::array();
  for (const Message& message : messages) {
    out.push_back({{"role", message.role}, {"content", message.content}});
  }
  return out;
}

// A reply as its tokens come.
class GrowingReply {
 public:
  using OnText = std::function<void(std::string_view)>;
  GrowingReply(const text::Tokenizer& tokenizer, const ReplyOptions& options,
          std::optional<engine::Constraint> constraint, OnText on_text)
      : tokenizer_(tokenizer),
        constraint_(std::move(constraint)),
        stream_(options.stop),
        on_text_(std::move(on_text)) {}

  engine::Constraint* constraint() { return constraint_ ? &*constraint_ : nullptr; }

  // False once a stop string has ended it.
  bool push(const engine::Sampled& sampled) {
    reply_.tokens.push_back({sampled.token, sampled.logprob, sampled.alternatives});
    show(stream_.push(tokenizer_.bytes(sampled.token)));
    return !stream_.stopped();
  }

  Reply finish(std::vector<Token> prompt, const engine::Generated& usage) {
    show(stream_.finish());
    reply_.usage = usage;
    reply_.prompt = std::move(prompt);
    reply_.stop = stream_.matched();
    reply_.obeys = usage.obeys && !(constraint_ && stream_.stopped());
    reply_.finish = stream_.stopped() ? engine::Finish::kEnd : usage.finish;
    return std::move(reply_);
  }

 private:
  void show(const std::string& text) {
    reply_.text += text;
    if (on_text_ && !text.empty()) on_text_(text);
  }

  const text::Tokenizer& tokenizer_;
  std::optional<engine::Constraint> constraint_;
  text::TextStream stream_;
  OnText on_text_;
  Reply reply_;
};

std::string template_source(const text::Tokenizer& tokenizer) {
  const std::string& own = tokenizer.vocabulary().chat_template;
  if (!own.empty()) return own;
  const bool speaks_chatml =
      tokenizer.find_special("<|im_start|>") >= 0 && tokenizer.find_special("<|im_end|>") >= 0;
  return speaks_chatml ? kChatMl : "";
}

struct LocalModel::Impl {
  std::string name;
  os::FileState file;
  text::Tokenizer tokenizer;
  Result<std::optional<text::ChatTemplate>> chat_template;  // an error where one is needed
  std::vector<Token> end_tokens;
  std::unique_ptr<engine::Engine> engine;
  std::optional<engine::Sequence>
      sequence;  // the conversation so far, reused where the next begins alike
  mutable std::shared_ptr<const engine::TokenTable> token_table;  // once a constraint needs it

  Result<std::vector<Token>> encode_plain(std::string_view text) const {
    std::vector<Token> tokens;
    const auto& vocabulary = tokenizer.vocabulary();
    if (vocabulary.add_bos && vocabulary.bos >= 0) tokens.push_back(vocabulary.bos);
    const auto rest = tokenizer.encode(text);
    tokens.insert(tokens.end(), rest.begin(), rest.end());
    return tokens;
  }

  Result<RenderedPrompt> render(const std::vector<Message>& messages, bool raw) const {
    HOB_CHECK(!messages.empty());
    if (raw) return RenderedPrompt{messages.back().content, true};
    HOB_TRY(const auto& own, chat_template);
    if (!own) return RenderedPrompt{joined(messages), true};
    HOB_TRY(std::string rendered, own->render(to_json(messages)));
    return RenderedPrompt{std::move(rendered), false};
  }

  Result<std::vector<Token>> encode(const RenderedPrompt& prompt) const {
    return prompt.plain ? encode_plain(prompt.text) : tokenizer.encode_rendered(prompt.text);
  }

  // Of the tokens that the model can choose.
  Result<std::shared_ptr<const engine::TokenTable>> make_token_table() const {
    const size_t count = engine->model().spec.vocabulary;
    std::vector<std::string_view> bytes;
    for (size_t t = 0; t < count; ++t) bytes.push_back(tokenizer.bytes(static_cast<Token>(t)));
    auto ends = end_tokens;
    std::erase_if(ends, [&](Token t) { return static_cast<size_t>(t) >= count; });
    return engine::TokenTable::create(
        bytes, ends, [this](std::string_view text) { return tokenizer.encode(text); });
  }

  Result<engine::Constraint> compile(const ConstraintText& constraint) const {
    if (!token_table) {
      HOB_TRY(token_table, make_token_table());
    }
    auto compiled = engine::Constraint::compile(token_table, constraint.kind, constraint.text);
    if (compiled) return compiled;
    return fail(compiled.error().kind, "{}: {}", constraint.source, compiled.error().message);
  }

  Result<std::optional<engine::Constraint>> compile_any(const ReplyOptions& options) const {
    if (!options.constraint) return std::nullopt;
    HOB_TRY(auto compiled, compile(*options.constraint));
    return compiled;
  }

  engine::Request request(const std::vector<Token>& prompt, const ReplyOptions& options) const {
    engine::Request request{.prompt = prompt,
                            .sampler = options.sampler,
                            .max_tokens = options.max_tokens.value_or(SIZE_MAX),
                            .end_tokens = end_tokens,
                            .alternatives = options.alternatives,
                            .cancel = options.cancel};
    if (request.sampler.dry_multiplier > 0 && request.sampler.dry_breakers.empty()) {
      for (const char* breaker : kDryBreakers) {
        request.sampler.dry_breakers.push_back(tokenizer.encode(breaker));
      }
    }
    return request;
  }
};

Result<std::unique_ptr<LocalModel>> LocalModel::load(const std::string& path,
                                                     const engine::EngineOptions& options) {
  HOB_TRY(auto opened, gguf::File::open(path));
  const auto file = std::make_shared<const gguf::File>(std::move(opened));
  const std::string stem = std::filesystem::path(path).stem().string();
  HOB_TRY(std::string name, file->text_or("general.name", stem));
  HOB_TRY(auto vocabulary, models::read_vocabulary(*file));
  HOB_TRY(auto tokenizer, text::Tokenizer::create(std::move(vocabulary)));
  auto chat_template = compile_template(tokenizer);
  HOB_TRY(auto model, models::load(file));
  if (model->spec.vocabulary > tokenizer.size()) {
    return fail(ErrorKind::kCorrupt, "{}: tensor 'token_embd.weight' has {} rows for {} tokens",
                path, model->spec.vocabulary, tokenizer.size());
  }
  HOB_TRY(auto engine, engine::Engine::create(std::move(model), options));
  auto ends = tokenizer.end_tokens();
  return std::unique_ptr<LocalModel>(new LocalModel(std::unique_ptr<Impl>(
      new Impl{std::move(name), file->mapping().state(), std::move(tokenizer),
               std::move(chat_template), std::move(ends), std::move(engine), std::nullopt,
               nullptr})));
}

LocalModel::LocalModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LocalModel::~LocalModel() = default;

Result<RenderedPrompt> LocalModel::render(const std::vector<Message>& messages, bool raw) const {
  return impl_->render(messages, raw);
}

Result<std::vector<Token>> LocalModel::encode_rendered(const RenderedPrompt& prompt) const {
  HOB_TRY(auto tokens, impl_->encode(prompt));
  HOB_TRY_VOID(impl_->engine->check_prompt(tokens));
  return tokens;
}

Result<std::vector<Token>> LocalModel::encode(const std::vector<Message>& messages,
                                              bool raw) const {
  HOB_TRY(const auto rendered, render(messages, raw));
  return encode_rendered(rendered);
}

Result<Reply> LocalModel::reply(const std::vector<Message>& messages, const ReplyOptions& options,
                                const std::function<void(std::string_view)>& on_text) {
  HOB_TRY(const auto rendered, render(messages, options.raw));
  return reply_rendered(rendered, options, on_text);
}

Result<Reply> LocalModel::reply_rendered(const RenderedPrompt& rendered,
                                         const ReplyOptions& options,
                                         const std::function<void(std::string_view)>& on_text) {
  HOB_TRY(auto constraint, impl_->compile_any(options));
  HOB_TRY(auto prompt, encode_rendered(rendered));
  if (!impl_->sequence) {
    HOB_TRY(impl_->sequence, impl_->engine->new_sequence());
  }
  GrowingReply growing(impl_->tokenizer, options, std::move(constraint), on_text);
  auto request = impl_->request(prompt, options);
  request.constraint = growing.constraint();
  HOB_TRY(const auto usage,
          impl_->engine->generate(*impl_->sequence, request,
                                  [&](const engine::Sampled& s) { return growing.push(s); }));
  return growing.finish(std::move(prompt), usage);
}

Result<> LocalModel::replies(size_t width, const std::function<std::optional<ReplyJob>()>& next) {
  const auto engine_job = [&](const ReplyJob& from) -> Result<engine::Job> {
    HOB_TRY(auto constraint, impl_->compile_any(from.options));
    HOB_TRY(auto prompt, encode_rendered(from.prompt));
    const auto growing = std::make_shared<GrowingReply>(impl_->tokenizer, from.options,
                                                   std::move(constraint), GrowingReply::OnText());
    engine::Job job;
    job.request = impl_->request(prompt, from.options);
    job.request.constraint = growing->constraint();
    job.on_token = [growing](const engine::Sampled& sampled) { return growing->push(sampled); };
    job.on_done = [growing, prompt, done = from.on_done](Result<engine::Generated> usage) {
      if (usage) return done(growing->finish(prompt, *usage));
      done(tl::unexpected<Error>(usage.error()));
    };
    job.prompt = std::move(prompt);
    return job;
  };
  return engine::run_jobs(*impl_->engine, width, [&]() -> std::optional<engine::Job> {
    while (const auto from = next()) {
      auto job = engine_job(*from);
      if (job) return *std::move(job);
      from->on_done(tl::unexpected<Error>(job.error()));
    }
    return std::nullopt;
  });
}

const text::Tokenizer& LocalModel::tokenizer() const { return impl_->tokenizer; }
engine::Engine& LocalModel::engine() { return *impl_->engine; }
const std::string& LocalModel::name() const { return impl_->name; }
const os::FileState& LocalModel::file_state() const { return impl_->file; }

}  // namespace hob::chat
