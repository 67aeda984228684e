// Many turns, several at a time where the model can: each recorded as run_turn() records one, but
// for what a reply had said before it failed.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "chat/turn.h"

namespace hob::chat {

struct TurnJob {
  TurnRequest request;
  std::function<void(Result<TurnResult>)> on_done;  // once; in order of ending
};

using NextTurn = std::function<std::optional<TurnJob>()>;

// Takes jobs from `next` until it gives none, at most `width` of them at a time, and returns when
// all have ended. A turn is in the ledger before its model is called. A reply is the one that
// run_turn() would give alone. Energy is shared out: what was used between two ends of turns
// belongs to the one that ended. Errors are Model::replies'.
Result<> run_turns(Model& model, store::Ledger* ledger, size_t width, const NextTurn& next);

}  // namespace hob::chat
