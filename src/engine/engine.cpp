#include "engine/engine.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <system_error>

#include "base/check.h"
#include "engine/constrained_reply.h"
#include "kernels/registry.h"
#include "os/cpu.h"

namespace hob::engine {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

size_t common_prefix(std::span<const Token> a, std::span<const Token> b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                             a.begin());
}

}  // namespace

void Sequence::truncate(size_t length) {
  if (length < tokens_.size()) tokens_.resize(length);
}

Result<std::unique_ptr<Engine>> Engine::create(std::shared_ptr<const models::Transformer> model,
                                               const EngineOptions& options) {
  HOB_TRY(const kernels::Table* table, kernels::select(options.isa, options.numerics));
  constexpr int kMostThreads = 1024;
  if (options.threads < 0 || options.threads > kMostThreads) {
    return fail(ErrorKind::kInvalid, "threads = {} is outside 0..{}", options.threads,
                kMostThreads);
  }
  if (options.chunk == 0)
    return fail(ErrorKind::kInvalid, "chunk = 0: at least one row must go through at a time");
  if (options.context > model->spec.context) {
    return fail(ErrorKind::kInvalid, "context = {} exceeds the {} positions that {} was made for",
                options.context, model->spec.context, model->file->path());
  }
  std::unique_ptr<Engine> engine;
  try {
    engine.reset(new Engine(std::move(model), options, *table));
  } catch (const std::system_error& error) {
    return fail(ErrorKind::kTooLarge, "cannot start {} threads: {}", options.threads, error.what());
  }
  HOB_TRY(engine->run_, engine->model_->make_run(engine->ctx_, engine->chunk_));
  return engine;
}

Engine::Engine(std::shared_ptr<const models::Transformer> model, const EngineOptions& options,
               const kernels::Table& table)
    : model_(std::move(model)),
      pool_(options.threads > 0 ? options.threads : os::usable_cores()),
      ctx_(pool_, table),
      context_(options.context > 0 ? options.context
                                   : std::min(model_->spec.context, kDefaultContext)),
      chunk_(std::min(options.chunk, context_)),
      kv_(options.kv) {}

Result<Sequence> Engine::new_sequence() const {
  Sequence sequence;
  HOB_TRY(sequence.cache_, KvCache::allocate(*model_, kv_, context_));
  return sequence;
}

Result<> Engine::check(std::span<const Slice> slices) const {
  for (size_t i = 0; i < slices.size(); ++i) {
    const Slice& slice = slices[i];
    for (const Token token : slice.tokens) {
      if (token < 0 || static_cast<size_t>(token) >= model_->spec.vocabulary) {
        return fail(ErrorKind::kInvalid, "token {} is outside the vocabulary of {}", token,
                    model_->spec.vocabulary);
      }
    }
    const size_t length = slice.sequence->tokens().size() + slice.tokens.size();
    if (length > context_) {
      return fail(ErrorKind::kTooLarge, "{} tokens do not fit the context of {}", length, context_);
    }
    for (size_t j = 0; j < i; ++j) {
      HOB_CHECK(slices[j].sequence != slice.sequence, "one sequence in two slices of a run");
    }
  }
  return {};
}

Result<> Engine::run(std::span<const Slice> slices, std::vector<float>& logits) {
  HOB_TRY_VOID(check(slices));
  logits.clear();
  // Slices go through the layers in pieces that fill a chunk; a row's result does not depend on the
  // cut.
  std::vector<Slice> pieces;
  size_t rows = 0;
  for (const Slice& slice : slices) {
    for (size_t first = 0; first < slice.tokens.size();) {
      const size_t count = std::min(slice.tokens.size() - first, chunk_ - rows);
      const size_t behind = slice.tokens.size() - first - count;  // rows of later pieces
      const size_t last = slice.last > behind ? std::min(slice.last - behind, count) : 0;
      const Logits wanted =
          slice.logits == Logits::kLast && last == 0 ? Logits::kNone : slice.logits;
      pieces.push_back({slice.sequence, slice.tokens.subspan(first, count), wanted, last});
      first += count;
      rows += count;
      if (rows == chunk_) {
        run_chunk(pieces, logits);
        pieces.clear();
        rows = 0;
      }
    }
  }
  if (!pieces.empty()) run_chunk(pieces, logits);
  return {};
}

void Engine::run_chunk(std::span<const Slice> pieces, std::vector<float>& logits) {
  std::vector<Token> tokens;
  std::vector<models::RunSequence> sequences;
  std::vector<size_t> wanted;
  for (const Slice& piece : pieces) {
    const ops::SequenceRows rows{tokens.size(), piece.tokens.size(),
                                 piece.sequence->tokens_.size()};
    sequences.push_back({rows, piece.sequence->cache_.layers()});
    tokens.insert(tokens.end(), piece.tokens.begin(), piece.tokens.end());
    piece.sequence->tokens_.insert(piece.sequence->tokens_.end(), piece.tokens.begin(),
                                   piece.tokens.end());
    const size_t unwanted = piece.logits == Logits::kNone   ? rows.rows
                            : piece.logits == Logits::kLast ? rows.rows - piece.last
                                                            : 0;
    for (size_t r = unwanted; r < rows.rows; ++r) wanted.push_back(rows.first_row + r);
  }
  model_->forward(*run_, tokens, sequences);
  if (wanted.empty()) return;
  const size_t vocabulary = model_->spec.vocabulary, before = logits.size();
  logits.resize(before + wanted.size() * vocabulary);
  model_->logits(*run_, wanted, Matrix(logits.data() + before, wanted.size(), vocabulary));
}

Result<> Engine::check_prompt(std::span<const Token> prompt) const {
  if (prompt.empty()) return fail(ErrorKind::kInvalid, "the prompt is empty");
  if (prompt.size() >= context_) {
    return fail(ErrorKind::kTooLarge,
                "the prompt is {} tokens long; the context of {} has room for {} and the reply: "
                "shorten the prompt or raise --context (the model was made for {})",
                prompt.size(), context_, context_ - 1, model_->spec.context);
  }
  return {};
}

Result<bool> Engine::prefill(Sequence& sequence, std::span<const Token> prompt,
                             const std::function<bool()>& cancelled, std::vector<float>& logits) {
  for (size_t first = sequence.tokens().size(); first < prompt.size();) {
    if (cancelled()) return false;
    const size_t count = std::min(chunk_, prompt.size() - first);
    const bool last = first + count == prompt.size();
    const Slice slice{&sequence, prompt.subspan(first, count),
                      last ? Logits::kLast : Logits::kNone};
    HOB_TRY_VOID(run({&slice, 1}, logits));
    first += count;
  }
  return true;
}

// A reply on its way.
struct Engine::Step {
  Sequence& sequence;
  Speculation speculation;
  std::function<double()> clock;
  std::vector<float> logits;   // [rows of the last run, V]
  std::span<const float> row;  // of them, the one behind the sequence's last token
};

Result<> Engine::step(Step& s, std::span<const Token> reply, size_t most_drafts,
                      const TokenMask* allowed) {
  // Of more than so many the whole head is as good.
  constexpr size_t kFewTokens = 2048;
  const size_t vocabulary = model_->spec.vocabulary;
  std::vector<Token> tokens;  // those that have not run
  for (const Token token : reply) {
    const bool ran_already = s.speculation.accept(token);
    if (!ran_already) {
      tokens.push_back(token);
      continue;
    }
    HOB_CHECK(tokens.empty(), "a draft came true behind a token that was none");
    s.sequence.tokens_.push_back(token);
    s.row = {s.row.data() + vocabulary, vocabulary};
  }
  if (tokens.empty()) return {};
  const bool single = tokens.size() == 1;
  const auto drafts = s.speculation.drafts(most_drafts);
  tokens.insert(tokens.end(), drafts.begin(), drafts.end());
  const auto few = allowed && drafts.empty() ? allowed->at_most(kFewTokens) : std::nullopt;
  const Slice slice{&s.sequence, tokens, few ? Logits::kNone : Logits::kLast, 1 + drafts.size()};
  const double started = s.clock();
  HOB_TRY_VOID(run({&slice, 1}, s.logits));
  if (few) {
    std::vector<float> logits(few->size());
    model_->logits_of(*run_, (tokens.size() - 1) % chunk_, *few, logits);
    s.logits.assign(vocabulary, -std::numeric_limits<float>::infinity());
    for (size_t i = 0; i < few->size(); ++i) s.logits[static_cast<size_t>((*few)[i])] = logits[i];
  }
  if (single && !few) step_costs_.ran(tokens.size(), s.clock() - started);
  // The cache keeps the drafts' keys and values; a token that is not the drafted one overwrites.
  s.sequence.truncate(s.sequence.tokens().size() - drafts.size());
  s.row = std::span(s.logits).first(vocabulary);
  return {};
}

Result<Generated> Engine::generate(Sequence& sequence, const Request& request,
                                   const std::function<bool(const Sampled&)>& on_token) {
  HOB_TRY_VOID(check_prompt(request.prompt));
  if (const auto complaints = request.sampler.complaints(model_->spec.vocabulary);
      !complaints.empty()) {
    return fail(ErrorKind::kInvalid, "{}", fmt::join(complaints, "; "));
  }
  Generated result;
  result.prompt_tokens = request.prompt.size();
  // The last prompt token always runs: its logits are needed.
  result.cached_tokens =
      std::min(common_prefix(request.prompt, sequence.tokens()), request.prompt.size() - 1);
  sequence.truncate(result.cached_tokens);

  const auto cancelled = [&] {
    return request.cancel && request.cancel->load(std::memory_order_relaxed);
  };
  const auto started = std::chrono::steady_clock::now();
  Step at{sequence,
          Speculation(request.prompt, static_cast<size_t>(request.sampler.draft), step_costs_),
          request.clock ? request.clock : steady_seconds,
          {},
          {}};
  HOB_TRY(const bool filled, prefill(sequence, request.prompt, cancelled, at.logits));
  if (!filled) {
    result.finish = Finish::kStopped;
    result.obeys = !request.constraint || request.constraint->may_end();
    return result;
  }
  result.prompt_seconds = seconds_since(started);

  at.row = at.logits;
  Sampler sampler(request.sampler, model_->spec.vocabulary);
  ConstrainedReply constraint(request);
  const auto reply_started = std::chrono::steady_clock::now();
  result.finish = Finish::kLength;
  while (result.reply_tokens < request.max_tokens) {
    if (cancelled()) {
      result.finish = Finish::kStopped;
      break;
    }
    HOB_TRY(const TokenMask* allowed, constraint.allowed());
    HOB_TRY(const Sampled sampled,
            sampler.sample(at.row, sequence.tokens(), request.alternatives, allowed));
    // The sampled token, and those behind it that the constraint leaves no choice about: they run
    // in one go.
    std::vector<Token> tokens;
    std::optional<Finish> finish;
    for (Sampled next = sampled;;) {
      if (std::find(request.end_tokens.begin(), request.end_tokens.end(), next.token) !=
          request.end_tokens.end()) {
        finish = Finish::kEnd;
        break;
      }
      ++result.reply_tokens;
      tokens.push_back(next.token);
      HOB_TRY_VOID(constraint.accept(next.token));
      if (!on_token(next)) {
        finish = Finish::kStopped;
      } else if (constraint.must_end()) {
        finish = Finish::kEnd;
      } else if (result.reply_tokens == request.max_tokens) {
        finish = Finish::kLength;
      } else if (sequence.tokens().size() + tokens.size() > context_) {
        finish = Finish::kContextFull;
      }
      if (finish) break;
      HOB_TRY(const auto forced, constraint.forced());
      if (!forced || cancelled()) break;
      next = {.token = *forced};
    }
    if (!tokens.empty()) result.forced_tokens += tokens.size() - 1;
    if (finish) {
      result.finish = *finish;
      break;
    }
    const size_t room = context_ - sequence.tokens().size() - tokens.size();
    const size_t wanted = request.max_tokens - result.reply_tokens;
    HOB_TRY_VOID(step(at, tokens, std::min(room, wanted - 1), constraint.known()));
  }
  result.reply_seconds = seconds_since(reply_started);
  result.drafted_tokens = at.speculation.drafted();
  result.accepted_tokens = at.speculation.accepted();
  result.obeys = constraint.may_end();
  result.mask_seconds = constraint.seconds();
  return result;
}

}  // namespace hob::engine
