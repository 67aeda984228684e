// Doing a recorded reply again, and holding the two against each other.
//
// A reply depends on the model file, the rendered prompt, the sampler's options, the seed and the
// definitions that it was computed by (numerics, precision of the cache); the record has all of
// them. Threads, batch, cache and, with portable numerics, the instruction set make no difference;
// that is what a replay checks.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/local_model.h"
#include "chat/model_store.h"
#include "store/ledger.h"

namespace hob::chat {

// A token and how likely the model, as it is now, finds it at that place.
struct ReplayedToken {
  std::optional<text::Token> token;  // empty: the reply ends here
  std::string text;
  double logprob = 0;
};

struct Divergence {
  size_t index = 0;  // of the reply's tokens
  ReplayedToken recorded, now;
};

// One thing that the record says and that is another way now.
struct RecordDifference {
  std::string what, recorded, now;  // "build", ...
};

struct Replay {
  size_t tokens = 0;  // of the recorded reply
  bool same_prompt = true;
  std::optional<Divergence> divergence;
  std::vector<RecordDifference> differences;
  bool identical() const { return same_prompt && !divergence; }
};

class Replayer {
 public:
  // `threads` 0: every usable core. `cancel` (may be null) ends a reply between two tokens.
  Replayer(ModelStore models, int threads, const std::atomic<bool>* cancel = nullptr)
      : models_(std::move(models)), threads_(threads), cancel_(cancel) {}

  // kUnsupported, naming why, for a turn that no engine computed or that came to no end;
  // kCancelled.
  Result<Replay> replay(store::Ledger& ledger, const std::string& turn_id);

 private:
  struct Opened {
    std::string file, hash;
    std::unique_ptr<LocalModel> model;
  };
  Result<std::string> find_file(store::Ledger& ledger, const store::TurnRecord& record) const;
  Result<Opened*> open(store::Ledger& ledger, const store::TurnRecord& record);

  ModelStore models_;
  int threads_;
  const std::atomic<bool>* cancel_;
  std::map<std::string, Opened> opened_;
};

}  // namespace hob::chat
