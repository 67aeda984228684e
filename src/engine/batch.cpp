#include "engine/batch.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "engine/constrained_reply.h"

namespace hob::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPromptPiece = 512;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A job on its way, and the cache it runs in.
struct Active {
  Job job;
  Sampler sampler;
  ConstrainedReply constraint;
  Generated result;
  Token token = -1;  // sampled, not yet run

  Active(Job given, size_t vocabulary)
      : job(std::move(given)), sampler(job.request.sampler, vocabulary), constraint(job.request) {}

  bool cancelled() const {
    return job.request.cancel && job.request.cancel->load(std::memory_order_relaxed);
  }
};

struct Slot {
  Sequence sequence;
  std::unique_ptr<Active> active;  // null: free
};

size_t common_prefix(std::span<const Token> a, std::span<const Token> b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                             a.begin());
}

class Runner {
 public:
  Runner(Engine& engine, size_t width, const std::function<std::optional<Job>()>& next)
      : engine_(engine), width_(std::max<size_t>(width, 1)), next_(next) {}

  Result<> run() {
    for (;;) {
      HOB_TRY_VOID(fill());
      std::vector<Slot*> busy;
      for (const auto& slot : slots_) {
        if (slot->active) busy.push_back(slot.get());
      }
      if (busy.empty()) return {};
      HOB_TRY_VOID(step(busy));
    }
  }

  void fail_all(const Error& error) {
    for (const auto& slot : slots_) {
      if (slot->active) end(*slot, tl::unexpected<Error>(error));
    }
  }

 private:
  size_t vocabulary() const { return engine_.model().spec.vocabulary; }

  // Gives the job its last word; the sequence stays for the next.
  void end(Slot& slot, Result<Generated> result) {
    const auto active = std::move(slot.active);
    active->job.on_done(std::move(result));
  }

  void finish(Slot& slot, Finish how) {
    Generated& result = slot.active->result;
    result.finish = how;
    result.obeys = slot.active->constraint.may_end();
    result.mask_seconds = slot.active->constraint.seconds();
    end(slot, result);
  }

  // Starts jobs until every slot is busy or there are no more. What ends at once makes room again.
  Result<> fill() {
    while (has_room()) {
      auto job = next_job();
      if (!job) return {};
      if (const auto valid = check(*job); !valid) {
        job->on_done(tl::unexpected<Error>(valid.error()));
        continue;
      }
      HOB_TRY(Slot * slot, room_for(*job));
      if (!slot) {
        waiting_ = std::move(job);
        return {};
      }
      start(*slot, *std::move(job));
    }
    return {};
  }

  bool has_room() const {
    return slots_.size() < width_ || std::any_of(slots_.begin(), slots_.end(),
                                                 [](const auto& slot) { return !slot->active; });
  }

  std::optional<Job> next_job() {
    if (waiting_) return std::exchange(waiting_, std::nullopt);
    if (exhausted_) return std::nullopt;
    auto job = next_();
    exhausted_ = !job;
    return job;
  }

  // A free slot, or a new one; null where all are busy. Where memory ends before `width_` slots,
  // those that there are do the work.
  Result<Slot*> room_for(Job& job) {
    for (const auto& slot : slots_) {
      if (!slot->active) return slot.get();
    }
    if (slots_.size() == width_) return nullptr;
    auto sequence = engine_.new_sequence();
    if (sequence) {
      slots_.push_back(std::make_unique<Slot>(Slot{*std::move(sequence), nullptr}));
      return slots_.back().get();
    }
    if (slots_.empty()) {
      job.on_done(tl::unexpected<Error>(sequence.error()));
      return tl::unexpected<Error>(sequence.error());
    }
    width_ = slots_.size();
    return nullptr;
  }

  Result<> check(const Job& job) const {
    HOB_TRY_VOID(engine_.check_prompt(job.prompt));
    const auto complaints = job.request.sampler.complaints(vocabulary());
    if (complaints.empty()) return {};
    return fail(ErrorKind::kInvalid, "{}", fmt::join(complaints, "; "));
  }

  void start(Slot& slot, Job job) {
    slot.active = std::make_unique<Active>(std::move(job), vocabulary());
    Active& active = *slot.active;
    active.job.request.prompt = active.job.prompt;
    Generated& result = active.result;
    result.prompt_tokens = active.job.prompt.size();
    result.cached_tokens = std::min(common_prefix(active.job.prompt, slot.sequence.tokens()),
                                    active.job.prompt.size() - 1);
    slot.sequence.truncate(result.cached_tokens);
    const auto started = Clock::now();
    std::vector<float> logits;
    std::span<const Token> rest = std::span<const Token>(active.job.prompt);
    rest = rest.subspan(result.cached_tokens);
    while (!rest.empty()) {  // in pieces, for whoever cancels
      if (active.cancelled()) return finish(slot, Finish::kStopped);
      const size_t count = std::min(rest.size(), kPromptPiece);
      const Slice slice{&slot.sequence, rest.first(count),
                        count == rest.size() ? Logits::kLast : Logits::kNone};
      if (const auto ran = engine_.run({&slice, 1}, logits); !ran)
        return end(slot, tl::unexpected<Error>(ran.error()));
      rest = rest.subspan(count);
    }
    result.prompt_seconds = seconds_since(started);
    if (active.job.request.max_tokens == 0) return finish(slot, Finish::kLength);
    choose(slot, logits);
  }

  // Samples the next token, and ends the reply where generate() would.
  void choose(Slot& slot, std::span<const float> row) {
    Active& active = *slot.active;
    if (active.cancelled()) return finish(slot, Finish::kStopped);
    const auto allowed = active.constraint.allowed();
    if (!allowed) return end(slot, tl::unexpected<Error>(allowed.error()));
    const auto sampled = active.sampler.sample(row, slot.sequence.tokens(),
                                               active.job.request.alternatives, *allowed);
    if (!sampled) return end(slot, tl::unexpected<Error>(sampled.error()));
    const auto& ends = active.job.request.end_tokens;
    if (std::find(ends.begin(), ends.end(), sampled->token) != ends.end())
      return finish(slot, Finish::kEnd);
    ++active.result.reply_tokens;
    if (const auto taken = active.constraint.accept(sampled->token); !taken)
      return end(slot, tl::unexpected<Error>(taken.error()));
    active.token = sampled->token;
    if (!active.job.on_token(*sampled)) return finish(slot, Finish::kStopped);
    if (active.constraint.must_end()) return finish(slot, Finish::kEnd);
    if (active.result.reply_tokens == active.job.request.max_tokens)
      return finish(slot, Finish::kLength);
    if (slot.sequence.tokens().size() + 1 > engine_.context())
      return finish(slot, Finish::kContextFull);
  }

  // One token of every busy sequence, together.
  Result<> step(const std::vector<Slot*>& busy) {
    std::vector<Slice> slices;
    for (Slot* slot : busy)
      slices.push_back({&slot->sequence, std::span<const Token>(&slot->active->token, 1)});
    const auto started = Clock::now();
    HOB_TRY_VOID(engine_.run(slices, logits_));
    const double seconds = seconds_since(started);
    for (size_t i = 0; i < busy.size(); ++i) {
      busy[i]->active->result.reply_seconds += seconds;
      choose(*busy[i], std::span(logits_).subspan(i * vocabulary(), vocabulary()));
    }
    return {};
  }

  Engine& engine_;
  size_t width_;
  const std::function<std::optional<Job>()>& next_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<float> logits_;
  std::optional<Job> waiting_;  // taken, and then there was no memory for it yet
  bool exhausted_ = false;
};

}  // namespace

Result<> run_jobs(Engine& engine, size_t width, const std::function<std::optional<Job>()>& next) {
  Runner runner(engine, width, next);
  const auto ran = runner.run();
  if (!ran) runner.fail_all(ran.error());
  return ran;
}

}  // namespace hob::engine
