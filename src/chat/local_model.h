// A local model as people use it: messages in, text out. Joins the engine (ids) with the text layer
// (tokenizer, chat template, stop strings); commands and servers go through here.
//
// A file without a chat template is spoken to in plain ChatML where its vocabulary has ChatML's two
// control tokens; otherwise the messages' texts, a blank line between them, are the prompt.
//
// Not thread-safe: one reply at a time per LocalModel.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "os/file.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace hob::chat {

struct Message {
  std::string role;  // "system", "user", "assistant", or what the template knows
  std::string content;
};
nlohmann::ordered_json to_json(const std::vector<Message>& messages);

// What a reply must obey (engine/constraint.h).
struct ConstraintText {
  engine::ConstraintKind kind;
  std::string source;  // what errors call it
  std::string text;
};

struct ReplyOptions {
  engine::SamplerOptions sampler;
  std::optional<size_t> max_tokens;
  std::optional<ConstraintText> constraint;
  std::vector<std::string> stop;           // the reply ends before the first of these
  int alternatives = engine::kNoLogprobs;  // 0: log-probabilities; n: and n alternatives per token
  bool raw = false;  // the last message's content is the prompt as it stands, no template
  const std::atomic<bool>* cancel = nullptr;
};

// A conversation as one text.
struct RenderedPrompt {
  std::string text;
  bool plain = false;  // as it stands; else a template's output, guarded (text/guard.h)
};

struct ReplyToken {
  text::Token token;
  std::optional<float> logprob;
  std::vector<engine::Candidate> alternatives;
};

struct Reply {
  std::string text;
  std::vector<text::Token> prompt;
  std::vector<ReplyToken> tokens;
  engine::Finish finish = engine::Finish::kEnd;  // kStopped only where `cancel` ended it
  std::string stop;                              // the stop string that ended it, if one did
  bool obeys = true;  // whether the text is all that the constraint asks for, not a piece of it
  engine::Generated usage;
};

// One of several replies (LocalModel::replies).
struct ReplyJob {
  RenderedPrompt prompt;
  ReplyOptions options;
  std::function<void(Result<Reply>)> on_done;  // once
};

// The template that the vocabulary carries or, where it carries none, ChatML as above. Empty: none.
std::string template_source(const text::Tokenizer& tokenizer);

class LocalModel {
 public:
  // `path` is a GGUF file. A chat template that does not compile is an error of the first prompt
  // that needs it.
  static Result<std::unique_ptr<LocalModel>> load(const std::string& path,
                                                  const engine::EngineOptions& options);
  ~LocalModel();

  // The text that reply() would run the tokens of, and from there on the same reply.
  Result<RenderedPrompt> render(const std::vector<Message>& messages, bool raw = false) const;
  Result<std::vector<text::Token>> encode_rendered(const RenderedPrompt& prompt) const;
  Result<Reply> reply_rendered(const RenderedPrompt& prompt, const ReplyOptions& options,
                               const std::function<void(std::string_view)>& on_text);

  // The exact tokens that reply() would run. The prompt is refused (kTooLarge, both numbers) where
  // it does not fit.
  Result<std::vector<text::Token>> encode(const std::vector<Message>& messages,
                                          bool raw = false) const;

  // Streams whole UTF-8 text through `on_text` (may be null) and returns the whole. Earlier turns
  // are not run again.
  Result<Reply> reply(const std::vector<Message>& messages, const ReplyOptions& options,
                      const std::function<void(std::string_view)>& on_text);

  // Takes jobs from `next` until it gives none and runs at most `width` of them at a time
  // (engine/batch.h). Each reply is the one that reply() gives. Where there is no memory for a single
  // conversation more, the jobs under way get that error, and it is returned.
  Result<> replies(size_t width, const std::function<std::optional<ReplyJob>()>& next);

  const text::Tokenizer& tokenizer() const;
  engine::Engine& engine();
  const std::string& name() const;  // general.name of the file, or its file name
  const os::FileState& file_state() const;  // of the file, when it was mapped

 private:
  struct Impl;
  explicit LocalModel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hob::chat
