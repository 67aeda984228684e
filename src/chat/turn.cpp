#include "chat/turn.h"

#include <unistd.h>

#include <chrono>
#include <memory>

#include "accounts/turn_account.h"
#include "chat/build_name.h"
#include "chat/model_hash.h"
#include "chat/turns.h"
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

// A recorded turn, or why there is none.
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

  // `use` lacks what the end says: who answered, and tokens.
  void finish(store::TurnEnd end, accounts::TurnUse use) {
    if (!turn_) return;
    if (!end.resolved_model.empty()) use.model = end.resolved_model;
    use.input_tokens = end.input_tokens;
    use.output_tokens = end.output_tokens;
    accounts::account(end.record, use);
    if (!end.record.model_file.empty() && !ledger_->database().in_memory())
      end.record.model_hash = model_hash(end.record.model_file, ledger_->database()).value_or("");
    auto tip = ledger_->finish(*turn_, end);
    tip ? void(tip_ = *std::move(tip)) : void(error_ = std::move(tip.error()));
  }

  void describe(TurnResult& result) {
    if (turn_) result.turn_id = turn_->turn_id, result.thread_id = turn_->thread_id;
    result.tip = std::move(tip_);
    result.recorded = std::move(recorded_);
    result.unrecorded = std::move(unrecorded_);
  }

 private:
  store::TurnStart start() const {
    store::TurnStart start = start_of(model_, request_);
    start.thread_id = thread_id_;
    start.turn_id = turn_id_;
    start.datetime = datetime_;
    return start;
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

// A turn between its two entries in the ledger.
class OpenTurn {
 public:
  // `request` must live until the end.
  OpenTurn(const Model& model, store::Ledger* ledger, const TurnRequest& request)
      : model_(model),
        request_(request),
        recording_(ledger, model, request),
        begun_(Clock::now()) {}

  Result<TurnResult> end(Result<ModelReply> reply, const Said& said, const os::EnergyUse& energy,
                         bool shared) {
    const int64_t duration =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun_).count();
    store::TurnEnd end = reply ? end_of(*reply, duration) : failed(said, reply.error(), duration);
    end.record = with_origin(reply ? reply->record : store::TurnRecord(), model_, request_);
    if (reply) end.record.finish = reply->finish;
    recording_.finish(std::move(end),
                      {.model = model_.info().id, .energy = energy, .shared = shared});
    if (!reply) return tl::unexpected<Error>(std::move(reply.error()));
    TurnResult result{.reply = *std::move(reply), .duration_ms = duration};
    recording_.describe(result);
    return result;
  }

 private:
  const Model& model_;
  const TurnRequest& request_;
  Recording recording_;
  Clock::time_point begun_;
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
                            const OnText& on_text) {
  OpenTurn turn(model, ledger, request);
  auto energy = os::EnergyCounter::start();
  Said said;
  const auto listen = [&](Stream stream, std::string_view text) {
    (stream == Stream::kText ? said.text : said.reasoning) += text;
    if (on_text) on_text(stream, text);
  };
  auto reply = model.reply(request.model, listen);
  return turn.end(std::move(reply), said, energy.stop(), /*shared=*/false);
}

Result<> run_turns(Model& model, store::Ledger* ledger, size_t width, const NextTurn& next) {
  struct Running {
    TurnJob job;
    OpenTurn turn;  // of `job`
    Running(TurnJob given, const Model& model, store::Ledger* ledger)
        : job(std::move(given)), turn(model, ledger, job.request) {}
  };
  auto energy = os::EnergyCounter::start();
  return model.replies(width, [&]() -> std::optional<ModelJob> {
    auto job = next();
    if (!job) return std::nullopt;
    const auto running = std::make_shared<Running>(*std::move(job), model, ledger);
    return ModelJob{running->job.request.model,
                    [&energy, width, running](Result<ModelReply> reply) {
                      running->job.on_done(
                          running->turn.end(std::move(reply), {}, energy.lap(), width > 1));
                    }};
  });
}

}  // namespace hob::chat
