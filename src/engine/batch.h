// Many replies, several at a time: sequences that go through the layers together.
//
// A step reads every weight once, however many sequences take part, so that a machine bound by
// memory makes several times as many tokens per second. Which others share a step changes no bit of
// a reply (ARCHITECTURE.md, numeric contract): each is the one that Engine::generate gives alone. A
// sequence that ends makes room for the next request at once, and keeps its cache for a prompt that
// begins alike. Drafts are not made (no token depends on them).
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "engine/engine.h"

namespace hob::engine {

struct Job {
  std::vector<Token> prompt;
  // `prompt` of it is set from the above; `constraint`, where there is one, must live until
  // on_done.
  Request request;
  std::function<bool(const Sampled&)> on_token;    // as generate()'s; false ends with kStopped
  std::function<void(Result<Generated>)> on_done;  // once, also for an error; in order of ending
};

// Takes jobs from `next` until it gives none, at most `width` of them at a time. Returns when all
// have ended. Seconds in a job's Generated are those of the steps it took part in, which others
// shared. An error that is not one job's (no memory for a single sequence) ends the run; jobs under
// way get it too.
Result<> run_jobs(Engine& engine, size_t width, const std::function<std::optional<Job>()>& next);

}  // namespace hob::engine
