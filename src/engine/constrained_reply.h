// A reply's constraint on its way through the sampling loop: the mask of the next position, made
// once, and when a token need not be sampled.
#pragma once

#include <chrono>
#include <optional>

#include "base/result.h"
#include "engine/engine.h"

namespace hob::engine {

class ConstrainedReply {
 public:
  explicit ConstrainedReply(const Request& request)
      : constraint_(request.constraint), forces_(constraint_ && !looks_at_logits(request)) {}

  // What may come next; null: every token.
  Result<const TokenMask*> allowed() {
    if (!constraint_) return nullptr;
    const Timer timer(seconds_);
    if (!mask_) {
      HOB_TRY(mask_, constraint_->mask());
    }
    return mask_;
  }

  // The only token that may come next, where sampling it would change nothing else.
  Result<std::optional<Token>> forced() {
    if (!forces_) return std::nullopt;
    HOB_TRY(const TokenMask* mask, allowed());
    const auto tokens = mask->at_most(1);
    return tokens && !tokens->empty() ? std::optional(tokens->front()) : std::nullopt;
  }

  // The next position's mask where it is known already and nothing but the allowed tokens' logits
  // will be looked at; else null.
  const TokenMask* known() const { return forces_ ? mask_ : nullptr; }

  Result<> accept(Token token) {
    if (!constraint_) return {};
    const Timer timer(seconds_);
    mask_ = nullptr;
    return constraint_->accept(token);
  }

  bool must_end() const { return constraint_ && constraint_->must_end(); }
  bool may_end() const { return !constraint_ || constraint_->may_end(); }
  double seconds() const { return seconds_; }

 private:
  struct Timer {
    explicit Timer(double& sum) : sum(sum) {}
    ~Timer() {
      sum += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    }
    double& sum;
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  };

  // Where log-probabilities are wanted, mirostat learns from every token, or a bias may forbid the
  // only token left, a forced token is sampled like any other.
  static bool looks_at_logits(const Request& request) {
    return request.alternatives != kNoLogprobs || request.sampler.mirostat != 0 ||
           !request.sampler.logit_bias.empty();
  }

  Constraint* constraint_;
  bool forces_;
  const TokenMask* mask_ = nullptr;  // of the next position, once asked for
  double seconds_ = 0;
};

}  // namespace hob::engine
