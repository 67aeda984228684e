// A model as everything above it sees it: a conversation in, a reply out. The engine's models, the
// echo model and whatever answers from elsewhere stand behind this one interface.
//
// Not thread-safe: one reply at a time per Model.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "chat/local_model.h"
#include "engine/engine.h"
#include "os/file.h"
#include "store/message.h"
#include "store/turn_record.h"

namespace hob::chat {

struct ModelInfo {
  std::string id;        // what the ledger calls it and -m finds again
  std::string kind;      // "Local", "Echo"
  std::string provider;  // of turn_records: "local", "echo"
  std::string file;          // of a local model
  os::FileState file_state;  // when it was loaded
  bool streams = true;
  bool constrains = false;                    // a reply can be made to obey a schema
  std::vector<std::string> attachment_types;  // MIME types that it takes
};

// -o's pairs, in their order; of two with one name the last stands.
using OptionTexts = std::vector<std::pair<std::string, std::string>>;

struct ModelRequest {
  std::vector<store::Message> messages;  // the whole conversation; the last one is asked now
  // Who asks may say more of the turn than the messages do: its own system prompt, also where the
  // conversation has begun and keeps the one it has.
  std::string system;
  std::vector<std::string> earlier_prompts;  // of the same run of the program, oldest first
  nlohmann::ordered_json options = nlohmann::ordered_json::object();  // of check_options()
  std::optional<ConstraintText> constraint;
  bool stream = true;                      // whether the caller shows text as it comes
  bool hide_reasoning = false;
  bool raw = false;                        // the last text is the prompt as it stands
  int alternatives = engine::kNoLogprobs;  // as ReplyOptions'
  const std::atomic<bool>* cancel = nullptr;
  // Hears what will decide the reply, before anything is computed; may be null. A model that keeps
  // no such record does not call it.
  std::function<void(const store::TurnRecord&)> on_record;
};

struct ModelReply {
  std::string text, reasoning;
  std::string resolved_model;  // who really answered, where that is another
  std::optional<int64_t> input_tokens, output_tokens;
  nlohmann::ordered_json token_details;  // for the ledger; null: none
  nlohmann::ordered_json usage_details;  // for -u: what is worth a look; null: none
  bool stopped = false;                  // `cancel` ended it
  // What finish says in a record: "end", "stop", "length", "context_full", "cancelled".
  std::string finish = "end";
  bool obeys = true;          // as Reply's
  std::optional<Reply> local;  // with tokens, where the engine made it
  store::TurnRecord record;    // how it came about, for the ledger
};

enum class Stream { kText, kReasoning };
using OnText = std::function<void(Stream, std::string_view)>;

// One of several requests (Model::replies).
struct ModelJob {
  ModelRequest request;
  std::function<void(Result<ModelReply>)> on_done;  // once
};
using NextJob = std::function<std::optional<ModelJob>()>;

class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo& info() const = 0;

  // What `-o NAME VALUE` asks for, as the JSON that the ledger keeps and requests carry. An unknown
  // name or a value out of its range is an error.
  virtual Result<nlohmann::ordered_json> check_options(const OptionTexts& given) const = 0;
  // The exact number of tokens that the prompt has; nothing where only sending it would tell.
  virtual Result<std::optional<size_t>> count_tokens(const ModelRequest& request) = 0;
  // `on_text` (may be null) sees whole UTF-8 sequences. What came before an error went through it.
  virtual Result<ModelReply> reply(const ModelRequest& request, const OnText& on_text) = 0;
  // Takes jobs from `next` until it gives none, at most `width` at a time where the model can do
  // several; returns when all have ended. Each reply is the one that reply() gives. An error is one
  // that lets no job run; those under way got it too.
  virtual Result<> replies([[maybe_unused]] size_t width, const NextJob& next) {
    while (const auto job = next()) job->on_done(reply(job->request, nullptr));
    return {};
  }
  // The engine's model behind this one; null: there is none.
  virtual LocalModel* local() { return nullptr; }
};

inline constexpr std::string_view kEchoModel = "echo";
// The model that answers with what it was asked, as JSON (echo_model.cpp).
std::unique_ptr<Model> echo_model();

// A GGUF file as a Model. `id`: how the ledger calls it.
Result<std::unique_ptr<Model>> open_local_model(const std::string& path, std::string id,
                                                const engine::EngineOptions& options);

// As Model::check_options of the model with that id (open_model's), which need not be here: the
// engine's models take the same options.
Result<nlohmann::ordered_json> check_options(const std::string& id, const OptionTexts& given);

// By id, as the ledger has it: "echo", or what chat::ModelStore finds. kNotFound names it.
Result<std::unique_ptr<Model>> open_model(const std::string& id,
                                          const engine::EngineOptions& options);

// An option as text, as -o takes it.
std::string option_text(const nlohmann::ordered_json& value);

// An error that names the accepted types where the model takes no attachment of `message`'s.
Result<> check_attachments(const ModelInfo& model, const store::Message& message);
// An error that names the constraint where the model cannot be made to obey one.
Result<> check_constraint(const ModelInfo& model, const std::optional<ConstraintText>& constraint);

}  // namespace hob::chat
