#include "chat/turn.h"

#include <unistd.h>

#include <chrono>

#include "accounts/energy.h"
#include "chat/build_name.h"
#include "chat/model_hash.h"
#include "os/energy.h"

namespace hob::chat {
namespace {

using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// What is known before the call, on top of what the model says of it.
store::TurnRecord with_origin(store::TurnRecord record, const Model& model,
                              const TurnRequest& request) {
  record.source = request.source;
  record.provider = model.info().provider;
  record.model_file = model.info().file;
  record.build = build_name();
  record.pid = ::getpid();
  return record;
}

store::TurnStart start_of(const Model& model, const TurnRequest& request) {
  store::TurnStart start;
  start.thread_id = request.thread_id;
  start.thread_title = request.title;
  start.parent = request.parent;
  const auto& messages = request.model.messages;
  start.messages.assign(messages.begin() + static_cast<std::ptrdiff_t>(request.stored_messages),
                        messages.end());
  start.model = model.info().id;
  start.options = request.model.options;
  start.schema = request.schema;
  start.prompt_fragments = request.prompt_fragments;
  start.system_fragments = request.system_fragments;
  start.tags = request.tags;
  start.record = with_origin({}, model, request);
  return start;
}

// What the model has said, also where it then fails.
struct Said {
  std::string text, reasoning;
};

store::TurnEnd end_of(const ModelReply& reply, int64_t duration_ms) {
  store::TurnEnd end;
  end.state = reply.stopped ? store::TurnState::kStopped : store::TurnState::kDone;
  end.messages = reply_messages(reply.text, reply.reasoning);
  end.resolved_model = reply.resolved_model;
  end.input_tokens = reply.input_tokens;
  end.output_tokens = reply.output_tokens;
  end.token_details = reply.token_details;
  end.duration_ms = duration_ms;
  return end;
}

store::TurnEnd failed(const Said& said, const Error& error, int64_t duration_ms) {
  store::TurnEnd end;
  const bool stopped = error.kind == ErrorKind::kCancelled;
  end.state = stopped ? store::TurnState::kStopped : store::TurnState::kFailed;
  if (!stopped) end.error = error.message;
  end.messages = reply_messages(said.text, said.reasoning);
  end.duration_ms = duration_ms;
  return end;
}

// What a local model's reply took. Settings that cannot be read give no figure: a record is no place
// for a guess at what the person meant.
void add_energy(store::TurnRecord& record, const os::EnergyUse& use) {
  const auto settings = accounts::EnergySettings::standard();
  if (record.provider != "local" || !settings) return;
  record.energy_joules = accounts::energy_of(use, settings->watts_per_core).joules;
  record.energy_json = accounts::energy_json(use, settings->watts_per_core);
}

// A recorded turn, or why there is none. Model and request must outlive it.
class Recording {
 public:
  Recording(store::Ledger* ledger, const Model& model, const TurnRequest& request)
      : ledger_(ledger), model_(model), request_(request) {
    if (!ledger_) return;
    thread_id_ = request.thread_id.empty() ? ledger_->new_id() : request.thread_id;
    turn_id_ = ledger_->new_id();
    datetime_ = store::utc_now();
    const store::BusyTimeout brief(ledger_->database(), kMostDelayMs);
    recorded_ = begin();
  }

  void finish(store::TurnEnd end) {
    if (!ledger_) return;
    if (!turn_) recorded_ = begin();  // what was in the way may be gone
    if (turn_) recorded_ = write_end(end);
    if (!recorded_) unrecorded_ = UnrecordedTurn{start(), std::move(end)};
  }

  void describe(TurnResult& result) {
    if (turn_) result.turn_id = turn_->turn_id, result.thread_id = turn_->thread_id;
    result.tip = std::move(tip_);
    result.recorded = std::move(recorded_);
    result.unrecorded = std::move(unrecorded_);
  }

 private:
  store::TurnStart start() const {
    store::TurnStart out = start_of(model_, request_);
    out.thread_id = thread_id_;
    out.turn_id = turn_id_;
    out.datetime = datetime_;
    return out;
  }

  Result<> begin() {
    HOB_TRY(turn_, ledger_->begin(start()));
    return {};
  }

  Result<> write_end(store::TurnEnd& end) {
    if (!end.record.model_file.empty() && !ledger_->database().in_memory())
      end.record.model_hash = model_hash(end.record.model_file, ledger_->database()).value_or("");
    HOB_TRY(tip_, ledger_->finish(*turn_, end));
    return {};
  }

  store::Ledger* ledger_;
  const Model& model_;
  const TurnRequest& request_;
  std::string thread_id_, turn_id_, datetime_;
  std::optional<store::StartedTurn> turn_;  // in the ledger
  std::string tip_;
  Result<> recorded_;
  std::optional<UnrecordedTurn> unrecorded_;
};

}  // namespace

std::vector<store::Message> reply_messages(const std::string& text, const std::string& reasoning) {
  store::Message message{.role = "assistant"};
  if (!reasoning.empty())
    message.parts.push_back({.kind = store::PartKind::kReasoning, .text = reasoning});
  if (!text.empty()) message.parts.push_back({.text = text});
  if (message.parts.empty()) return {};
  return {message};
}

Result<TurnResult> run_turn(Model& model, store::Ledger* ledger, const TurnRequest& request,
                            const OnText& on_text, const OnReply& on_reply) {
  Recording recording(ledger, model, request);
  Said said;
  const auto listen = [&](Stream stream, std::string_view text) {
    (stream == Stream::kText ? said.text : said.reasoning) += text;
    if (on_text) on_text(stream, text);
  };
  auto energy = os::EnergyCounter::start();
  const auto begun = Clock::now();
  auto reply = model.reply(request.model, listen);
  const int64_t duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count();
  store::TurnEnd end = reply ? end_of(*reply, duration) : failed(said, reply.error(), duration);
  end.record = with_origin(reply ? reply->record : store::TurnRecord(), model, request);
  if (reply) end.record.finish = reply->finish;
  add_energy(end.record, energy.stop());
  if (reply && on_reply) on_reply(*reply);
  recording.finish(std::move(end));
  if (!reply) return tl::unexpected<Error>(std::move(reply.error()));
  TurnResult result{.reply = *std::move(reply), .duration_ms = duration};
  recording.describe(result);
  return result;
}

}  // namespace hob::chat
