// The engine: token ids in, logits and token ids out. It knows no text.
//
// An Engine runs one model with one team of threads. A Sequence is one conversation's cache. run()
// advances any number of sequences at once; what a row yields depends on its own sequence alone, to
// the bit (ARCHITECTURE.md, numeric contract). An Engine serves one caller at a time; several
// Engines may share a Model across threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/constraint.h"
#include "engine/kv_cache.h"
#include "engine/sampler.h"
#include "engine/speculation.h"
#include "models/transformer.h"
#include "ops/ctx.h"
#include "os/thread_pool.h"

namespace hob::engine {

struct EngineOptions {
  int threads = 0;     // 0: every usable core
  size_t context = 0;  // 0: the model's own, at most kDefaultContext
  size_t chunk = 512;  // rows that go through the layers together
  KvFormat kv = KvFormat::kF16;
  std::string isa;  // "": the best this machine has, or HOB_ISA
  kernels::Numerics numerics = kernels::Numerics::kPortable;
};
inline constexpr size_t kDefaultContext = 8192;

// One conversation: the tokens that are in its cache. Move-only.
class Sequence {
 public:
  std::span<const Token> tokens() const { return tokens_; }
  // Forgets everything from position `length` on.
  void truncate(size_t length);

 private:
  friend class Engine;
  KvCache cache_;
  std::vector<Token> tokens_;
};

// Which rows of a slice need logits.
enum class Logits { kNone, kLast, kAll };

struct Slice {
  Sequence* sequence;
  std::span<const Token> tokens;  // appended to the sequence
  Logits logits = Logits::kLast;
  size_t last = 1;  // how many rows kLast means; at most all
};

enum class Finish { kEnd, kLength, kStopped, kContextFull };

struct Request {
  std::span<const Token>
      prompt;  // the whole conversation; the common prefix with the cache is not run again
  SamplerOptions sampler;
  // What the reply must obey, from its first token on; null: nothing. Used up by the reply.
  Constraint* constraint = nullptr;
  size_t max_tokens = SIZE_MAX;
  std::vector<Token> end_tokens;              // end the reply; not part of it
  int alternatives = kNoLogprobs;             // as Sampler::sample's
  const std::atomic<bool>* cancel = nullptr;  // looked at before every token and every prompt chunk
  // Seconds, to weigh drafts by; empty: the steady clock. No token depends on it.
  std::function<double()> clock;
};

struct Generated {
  Finish finish = Finish::kEnd;
  size_t prompt_tokens = 0, cached_tokens = 0, reply_tokens = 0;
  size_t drafted_tokens = 0, accepted_tokens = 0;  // drafts run, and those that the reply took
  size_t forced_tokens = 0;  // what the constraint left no choice about, run without sampling
  bool obeys = true;         // whether the reply is all that its constraint asks for
  double mask_seconds = 0;   // of reply_seconds, what the constraint took
  double prompt_seconds = 0, reply_seconds = 0;
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> create(std::shared_ptr<const models::Transformer> model,
                                                const EngineOptions& options);
  size_t context() const { return context_; }
  const models::Transformer& model() const { return *model_; }
  int threads() const { return pool_.size(); }
  const char* isa() const { return ctx_.kernels.name; }

  Result<Sequence> new_sequence() const;

  // Appends each slice's tokens to its sequence. `logits` receives one row [V] per row asked for,
  // in slice order; it is resized. A token outside the vocabulary or a slice past the context is an
  // error and changes nothing.
  Result<> run(std::span<const Slice> slices, std::vector<float>& logits);

  // Whether generate() would take it: not empty, and with room for at least one token of reply.
  // Otherwise an error with both numbers.
  Result<> check_prompt(std::span<const Token> prompt) const;

  // Prefills, samples and streams one reply. `on_token` sees each reply token; returning false ends
  // the reply with kStopped. A prompt that does not fit is refused with both numbers.
  Result<Generated> generate(Sequence& sequence, const Request& request,
                             const std::function<bool(const Sampled&)>& on_token);

 private:
  Engine(std::shared_ptr<const models::Transformer> model, const EngineOptions& options,
         const kernels::Table& table);
  Result<> check(std::span<const Slice> slices) const;
  void run_chunk(std::span<const Slice> pieces, std::vector<float>& logits);
  // Runs what of the prompt is not cached; false where `cancelled` ended it.
  Result<bool> prefill(Sequence& sequence, std::span<const Token> prompt,
                       const std::function<bool()>& cancelled, std::vector<float>& logits);
  // The logits after `tokens`, the reply's next, and a place for them in the sequence. At most
  // `most_drafts` are run with them. Where `allowed` is not null, only its tokens' logits count.
  struct Step;
  Result<> step(Step& step, std::span<const Token> tokens, size_t most_drafts,
                const TokenMask* allowed);

  std::shared_ptr<const models::Transformer> model_;
  os::ThreadPool pool_;
  ops::Ctx ctx_;
  size_t context_, chunk_;
  KvFormat kv_;
  std::unique_ptr<models::Run> run_;
  StepCosts step_costs_;
};

}  // namespace hob::engine
