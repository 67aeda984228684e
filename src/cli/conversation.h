// A conversation that a command holds with a model: its history, where it goes on, and whether the
// ledger hears of it. `hob prompt` has one turn of it, `hob chat` many.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/model.h"
#include "chat/turn.h"
#include "cli/io.h"
#include "store/ledger.h"

namespace hob::cli {

// -n, --log, -d, -c, --cid, --tag.
struct LedgerFlags {
  store::LoggingGate gate;
  bool last = false;
  std::string thread_id;
  std::vector<std::string> tags;
  void declare(CLI::App& app);
  void declare_recording(CLI::App& app);  // without -c and --cid
  bool goes_on() const { return last || !thread_id.empty(); }
};

class Conversation {
 public:
  // Finds the conversation to go on with; that is an error where it cannot be read. A ledger that
  // cannot be opened for a new one is an error of recorded() only. `in_memory`: turns that are not
  // recorded are kept for the time of the command all the same.
  static Result<Conversation> open(const LedgerFlags& flags, bool in_memory);

  // Of the newest turn; empty: none.
  const std::string& model() const { return model_; }
  bool has_begun() const { return !history_.empty(); }
  // That has the turns: the person's, or the one in memory. Null: nothing is recorded.
  store::Ledger* ledger() { return ledger_.get(); }

  // `request` has the new messages; the history goes before them. The system prompt of a
  // conversation that has begun stays what it is.
  Result<chat::TurnResult> ask(chat::Model& model, chat::TurnRequest request,
                               const chat::OnText& on_text,
                               const chat::OnReply& on_reply = nullptr);
  // Forgets the history: the next turn begins a new thread.
  void restart();

  // Why a turn that was asked for is not in the ledger; nothing where all is well.
  Result<> recorded() const { return recorded_; }

 private:
  Result<> keep_in_memory(chat::TurnResult& result, const std::vector<store::Message>& messages);

  std::unique_ptr<store::Ledger> ledger_;
  bool in_memory_ = false;
  std::vector<std::string> tags_;
  std::string thread_id_, tip_, model_;
  std::vector<store::Message> history_;
  size_t stored_ = 0;                  // messages of the history that the ledger has under tip_
  std::vector<std::string> prompts_;  // of this run of the program
  Result<> recorded_;
};

}  // namespace hob::cli
