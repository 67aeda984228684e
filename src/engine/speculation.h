// Speculative decoding by lookup: what the text so far says about what comes next.
//
// Decoding reads every weight for one token; a few more rows cost little more. Where the last
// tokens stood in the text before, what followed them then is drafted now (prompt lookup, Saxena
// 2023; checked as in Leviathan et al. 2023, 2211.17192), and one step runs the last token and the
// drafts. Each row is then sampled as ever: while the token that comes out is the drafted one, its
// row has run already. Nothing is approximate: a row's logits do not depend on the rows beside it
// (ARCHITECTURE.md, numeric contract) and the sampler meets the same rows and histories in the same
// order, so drafts change when a token comes and never which.
//
// Whether drafts pay depends on the text and the machine: both are measured as the reply goes on,
// and drafts run only where they gain. What is here knows no model: tokens and seconds in, drafts
// out.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/sampler.h"

namespace hob::engine {

inline constexpr size_t kMostDrafts = 8;

// A guess at what comes next.
struct Guess {
  std::vector<Token> drafts;
  size_t matched = 0;  // how many last tokens stood before these drafts before; 0: no guess
};

// Where each run of 2 to 4 tokens stood last. Constant time per token and per guess, amortised.
class NgramIndex {
 public:
  void append(Token token);
  // Up to `most` tokens that followed the latest earlier occurrence of the longest run of last
  // tokens that has one.
  Guess guess(size_t most) const;
  std::span<const Token> tokens() const { return tokens_; }

 private:
  static constexpr size_t kShortest = 2, kLongest = 4;

  size_t matched_before(size_t end) const;

  std::vector<Token> tokens_;
  // By the hash of a run: the position behind it. Only runs that something follows are here.
  std::array<std::unordered_map<uint64_t, size_t>, kLongest + 1> ends_;
};

// What a step costs by its rows: the median of the latest measured seconds.
class StepCosts {
 public:
  void ran(size_t rows, double seconds);
  // Cost in steps of one row; 1, the most hopeful value, where it is not known. It sinks towards 1
  // while no such step runs, so that what did not pay is tried again: the seldomer the dearer.
  double in_single_steps(size_t rows) const;
  // Whether there was a step of one row lately, to compare with.
  bool knows_single_steps() const;

 private:
  struct Cost {
    std::array<double, 5> latest;
    size_t count = 0;  // steps ever; the last of them are in `latest`
    size_t age = 0;    // steps of any kind since
    double seconds() const;
  };
  std::array<Cost, kMostDrafts + 2> costs_;  // by rows
};

// Decides how many drafts to run: as many as gain most, none where none gain. Guesses after longer
// matches come true more often, so acceptance is averaged by the length of the match. A guess that
// was not run is judged as well, by the tokens that came: turned off costs nothing and ends by
// itself.
class DraftController {
 public:
  explicit DraftController(const StepCosts& costs) : costs_(costs) {}
  // 0 to `most` drafts after a match of `matched` tokens.
  size_t choose(size_t matched, size_t most) const;
  // Of `tried` drafts the first `accepted` came true.
  void judge(size_t matched, size_t tried, size_t accepted);

 private:
  static constexpr size_t kClasses = 4;
  static size_t class_of(size_t matched);

  // Chances of the first draft, and of each further one where those before it came true. They start
  // at what is usual.
  struct Acceptance {
    double first, further;
  };
  std::array<Acceptance, kClasses> acceptance_ = {{{.3, .5}, {.4, .6}, {.5, .7}, {.7, .85}}};
  const StepCosts& costs_;
};

// The drafts of one reply. After each token of it: accept(), and where that says no, drafts() and
// a step of the token and these drafts.
class Speculation {
 public:
  // `most_drafts` per step, at most kMostDrafts; 0: none, ever. `costs` outlive it.
  Speculation(std::span<const Token> prompt, size_t most_drafts, const StepCosts& costs);
  // The reply's next token. True where it was drafted: the row after it is the next of the last
  // step's.
  bool accept(Token token);
  // What to run behind the last token, at most `most`. Valid until the next call.
  std::span<const Token> drafts(size_t most);

  size_t drafted() const { return drafted_; }
  size_t accepted() const { return accepted_; }

 private:
  NgramIndex index_;
  DraftController controller_;
  size_t most_drafts_, drafted_ = 0, accepted_ = 0;
  Guess guess_;                // being checked, token by token
  size_t run_ = 0, came_ = 0;  // how many of its drafts were run, how many came true so far
};

}  // namespace hob::engine
