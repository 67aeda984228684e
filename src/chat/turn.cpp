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

constexpr std::chrono::seconds kSampleEvery{30};  // far below a counter's turn

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

// What is known of a reply also where the model then fails.
struct Said {
  std::string text, reasoning;
  store::TurnRecord record;
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
  const bool nothing = said.text.empty() && said.reasoning.empty();
  if (stopped || !nothing) end.messages = reply_messages(said.text, said.reasoning);
  end.duration_ms = duration_ms;
  return end;
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

  // `use` lacks what the end says: who answered, and tokens.
  void finish(store::TurnEnd end, accounts::TurnUse use) {
    if (!ledger_) return;
    use.model = end.resolved_model.empty() ? model_.info().id : end.resolved_model;
    use.input_tokens = end.input_tokens;
    use.output_tokens = end.output_tokens;
    accounts::account(end.record, use);
    if (!turn_) recorded_ = begin();  // what was in the way may be gone
    if (turn_) recorded_ = write_end(end);
    if (recorded_) {
      note_file();
    } else {
      unrecorded_ = UnrecordedTurn{start(), std::move(end)};
    }
  }

  // The model's error, and the ledger's.
  Error with_own(Error error) const {
    if (!recorded_)
      error.message += "; and the turn is not in the ledger: " + recorded_.error().message;
    return error;
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

  Result<> write_end(const store::TurnEnd& end) {
    HOB_TRY(tip_, ledger_->finish(*turn_, end));
    return {};
  }

  // Which file the model is, once the turn is safe: to sum up a large one takes its time. Nothing
  // where it is no longer the file that was loaded, or nobody can say; the turn is on record then
  // all the same.
  void note_file() {
    const ModelInfo& model = model_.info();
    if (model.file.empty() || ledger_->database().in_memory()) return;
    const auto is_loaded = [&] {
      const auto now = os::file_state(model.file);
      return now && *now == model.file_state;
    };
    if (!is_loaded()) return;
    const auto hash = model_hash(model.file, ledger_->database());
    if (hash && is_loaded()) static_cast<void>(ledger_->set_model_hash(turn_->turn_id, *hash));
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
    end.record = with_origin(reply ? reply->record : said.record, model_, request_);
    if (reply) end.record.finish = reply->finish;
    recording_.finish(std::move(end), {.energy = energy, .shared = shared});
    if (!reply) return tl::unexpected<Error>(recording_.with_own(std::move(reply.error())));
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
  return {message};
}

Result<TurnResult> run_turn(Model& model, store::Ledger* ledger, const TurnRequest& request,
                            const OnText& on_text, const OnReply& on_reply) {
  OpenTurn turn(model, ledger, request);
  auto energy = os::EnergyCounter::start();
  Said said;
  const auto listen = [&, sampled = Clock::now()](Stream stream, std::string_view text) mutable {
    if (Clock::now() - sampled > kSampleEvery) {
      energy.sample();
      sampled = Clock::now();
    }
    (stream == Stream::kText ? said.text : said.reasoning) += text;
    if (on_text) on_text(stream, text);
  };
  ModelRequest asked = request.model;
  asked.on_record = [&](const store::TurnRecord& record) { said.record = record; };
  auto reply = model.reply(asked, listen);
  const auto use = energy.stop();
  if (reply && on_reply) on_reply(*reply);
  return turn.end(std::move(reply), said, use, /*shared=*/false);
}

Result<> run_turns(Model& model, store::Ledger* ledger, size_t width, const NextTurn& next) {
  struct Running {
    TurnJob job;
    OpenTurn turn;  // of `job`
    Said said;
    Running(TurnJob given, const Model& model, store::Ledger* ledger)
        : job(std::move(given)), turn(model, ledger, job.request) {}
  };
  auto energy = os::EnergyCounter::start();
  return model.replies(width, [&]() -> std::optional<ModelJob> {
    auto job = next();
    if (!job) return std::nullopt;
    const auto running = std::make_shared<Running>(*std::move(job), model, ledger);
    ModelJob asked{running->job.request.model,
                   [&energy, width, running](Result<ModelReply> reply) {
                     running->job.on_done(running->turn.end(std::move(reply), running->said,
                                                            energy.lap(), width > 1));
                   }};
    asked.request.on_record = [running](const store::TurnRecord& record) {
      running->said.record = record;
    };
    return asked;
  });
}

}  // namespace hob::chat
