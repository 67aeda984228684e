// One turn of a conversation, from the question to the ledger: whoever asks a model goes through
// run_turn(), so that every reply is recorded alike, or none is.
//
// The turn is in the ledger before the model is called. Only where another program keeps the ledger
// locked does the reply not wait for it: after kMostDelayMs the model is called all the same, and
// the whole turn is recorded when the reply is there.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/model.h"
#include "store/ledger.h"

namespace hob::chat {

struct TurnRequest {
  ModelRequest model;
  std::string source;     // of turn_records: "prompt", "chat", "batch", "cmd"
  std::string thread_id;  // empty: a new thread
  // How many of the messages the ledger has, and the hash of the last of them.
  size_t stored_messages = 0;
  std::string parent;
  std::string title;  // what a new thread is called after
  std::optional<nlohmann::ordered_json> schema;
  std::vector<store::FragmentText> prompt_fragments, system_fragments;
  std::vector<std::string> tags;
};

// A turn as the ledger was to have it.
struct UnrecordedTurn {
  store::TurnStart start;
  store::TurnEnd end;
};

struct TurnResult {
  ModelReply reply;
  int64_t duration_ms = 0;
  // Empty where nothing is recorded.
  std::string turn_id, thread_id;
  std::string tip;  // hash of the reply's message: the next turn's parent
  // Why the ledger lacks the turn or its end, though it was to be recorded. The reply is here all
  // the same, and so is what the ledger lacks.
  Result<> recorded;
  std::optional<UnrecordedTurn> unrecorded;
};

// How long a reply may be held back by a ledger that is locked.
inline constexpr int kMostDelayMs = 2'000;

// Sees the whole reply before its end is recorded, so that no ledger keeps it from a reader.
using OnReply = std::function<void(const ModelReply&)>;

// Asks the model; `ledger` null: nothing is written. An error is the model's; what it said
// before, and what the reply was to depend on, is in the ledger as a failed turn, or the error says
// why not.
Result<TurnResult> run_turn(Model& model, store::Ledger* ledger, const TurnRequest& request,
                            const OnText& on_text, const OnReply& on_reply = nullptr);

// The message that a reply becomes: reasoning, then text. Where nothing was said it has no parts;
// it stands between one question and the next all the same.
std::vector<store::Message> reply_messages(const std::string& text, const std::string& reasoning);

}  // namespace hob::chat
