// hob bench: tokens per second of prompts and of generation.
//
// As llama-bench measures: random tokens, one untimed run first, then the mean and standard
// deviation over --repeat runs. Beside the speed stands what moves it: generation streams every
// weight and the attention cache once per token, a prompt multiplies every weight with every token;
// and how near that comes to what the machine can do, measured in the same run.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "cli/command.h"
#include "cli/model_flags.h"
#include "cli/safe_text.h"
#include "cli/table.h"
#include "os/terminal.h"

namespace hob::cli {
namespace {

using engine::Logits;
using engine::Slice;
using nlohmann::ordered_json;
using text::Token;

struct BenchFlags {
  EngineFlags engine;
  size_t prompt = 512, generate = 128, depth = 0, repeat = 3;
  bool json = false;
};

struct Test {
  std::string name;
  bool generates = false;
  size_t tokens = 0;
};

struct Measured {
  Test test;
  std::vector<double> rates;  // tokens per second, one per run
  double mean() const;
  double deviation() const;
};

double Measured::mean() const {
  double sum = 0;
  for (double rate : rates) sum += rate;
  return sum / static_cast<double>(rates.size());
}

double Measured::deviation() const {
  if (rates.size() < 2) return 0;
  double squares = 0;
  for (double rate : rates) squares += (rate - mean()) * (rate - mean());
  return std::sqrt(squares / static_cast<double>(rates.size() - 1));
}

// What a token costs, from the model's own sizes.
struct Costs {
  double weight_bytes = 0;        // read per generated token
  double int8_products = 0;       // multiply-adds per prompt token with block-quantised weights
  double float_products = 0;      // and with float ones
  double kv_bytes_per_token = 0;  // of cache, read per generated token and cached token
};

Costs costs_of(const models::Transformer& model, engine::KvFormat kv) {
  Costs costs;
  costs.weight_bytes = static_cast<double>(model.weight_bytes());
  for (const models::Block& block : model.blocks) {
    for (const Weight* w : block.matrices()) {
      const bool quantised = quant::traits(w->format).block_len > 1;
      (quantised ? costs.int8_products : costs.float_products) +=
          static_cast<double>(w->rows) * static_cast<double>(w->cols);
    }
  }
  constexpr size_t kPositions = 1024;
  for (const ops::KvLayer& layer : model.cache_layout(kv, kPositions)) {
    costs.kv_bytes_per_token += static_cast<double>(layer.bytes()) / kPositions;
  }
  return costs;
}

class Bench {
 public:
  Bench(engine::Engine& engine, engine::Sequence sequence, size_t vocabulary,
        const BenchFlags& flags)
      : engine_(engine), sequence_(std::move(sequence)), vocabulary_(vocabulary), flags_(flags) {}

  Result<Measured> measure(const Test& test) {
    sequence_.truncate(0);
    if (flags_.depth > 0) HOB_TRY_VOID(run(random_tokens(flags_.depth, 0), Logits::kNone));
    HOB_TRY_VOID(once(test, 0));
    Measured out{test, {}};
    for (size_t i = 1; i <= flags_.repeat; ++i) {
      const auto start = std::chrono::steady_clock::now();
      HOB_TRY_VOID(once(test, i));
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      out.rates.push_back(static_cast<double>(test.tokens) / seconds.count());
    }
    return out;
  }

 private:
  Result<> once(const Test& test, size_t round) {
    sequence_.truncate(flags_.depth);
    const auto tokens = random_tokens(test.tokens, round);
    if (!test.generates) return run(tokens, Logits::kLast);
    for (size_t i = 0; i < tokens.size(); ++i) {
      HOB_TRY_VOID(run(std::span(tokens).subspan(i, 1), Logits::kLast));
    }
    return {};
  }

  Result<> run(std::span<const Token> tokens, Logits logits) {
    if (os::InterruptGuard::take()) return fail(ErrorKind::kCancelled, "stopped");
    const Slice slice{&sequence_, tokens, logits};
    return engine_.run({&slice, 1}, logits_);
  }

  std::vector<Token> random_tokens(size_t count, size_t round) const {
    std::vector<Token> tokens(count);
    for (size_t i = 0; i < count; ++i) {
      const auto words = random_words(round, RandomStream::kTest, i);
      tokens[i] = static_cast<Token>(words[0] % vocabulary_);
    }
    return tokens;
  }

  engine::Engine& engine_;
  engine::Sequence sequence_;
  size_t vocabulary_;
  const BenchFlags& flags_;
  std::vector<float> logits_;
};

std::vector<Test> tests_of(const BenchFlags& flags) {
  const std::string at = flags.depth > 0 ? fmt::format("@{}", flags.depth) : "";
  std::vector<Test> tests;
  if (flags.prompt > 0)
    tests.push_back({fmt::format("pp{}{}", flags.prompt, at), false, flags.prompt});
  if (flags.generate > 0)
    tests.push_back({fmt::format("tg{}{}", flags.generate, at), true, flags.generate});
  return tests;
}

// Bytes from memory per second while generating, in GB/s.
double read_gbps(const Measured& measured, const Costs& costs, size_t depth) {
  const double cached = static_cast<double>(depth) + static_cast<double>(measured.test.tokens) / 2;
  return measured.mean() * (costs.weight_bytes + costs.kv_bytes_per_token * cached) / 1e9;
}

// Multiplications and additions with weights per second, in units of 1e9.
double gops(const Measured& measured, const Costs& costs) {
  return measured.mean() * 2 * (costs.int8_products + costs.float_products) / 1e9;
}

// Generation is bounded by reading, a prompt by multiplying: how near to this machine's limit, in
// percent.
double percent_of_limit(const Measured& measured, const Costs& costs, const engine::Limits& limits,
                        size_t depth) {
  if (measured.test.generates) return 100 * read_gbps(measured, costs, depth) / limits.read_gbps;
  const double nanoseconds_per_token =
      2 * (costs.int8_products / limits.int8_gops + costs.float_products / limits.float_gflops);
  return 100 * measured.mean() * nanoseconds_per_token / 1e9;
}

ordered_json measured_json(const Measured& measured, const Costs& costs,
                           const engine::Limits& limits, const BenchFlags& flags,
                           chat::LocalModel& model) {
  ordered_json out = {{"test", measured.test.name},
                      {"model", model.name()},
                      {"tokens_per_second", measured.mean()},
                      {"stddev", measured.deviation()},
                      {"runs", measured.rates},
                      {"percent_of_limit", percent_of_limit(measured, costs, limits, flags.depth)},
                      {"threads", model.engine().threads()},
                      {"isa", model.engine().isa()},
                      {"kv", flags.engine.kv},
                      {"depth", flags.depth}};
  if (measured.test.generates) {
    out["read_gbps"] = read_gbps(measured, costs, flags.depth);
    out["limit_gbps"] = limits.read_gbps;
  } else {
    out["gops"] = gops(measured, costs);
    out["limit_int8_gops"] = limits.int8_gops;
    out["limit_float_gflops"] = limits.float_gflops;
  }
  return out;
}

std::vector<std::string> measured_row(const Measured& measured, const Costs& costs,
                                      const engine::Limits& limits, const BenchFlags& flags) {
  const std::string work = measured.test.generates
                               ? fmt::format("{:.1f} GB/s", read_gbps(measured, costs, flags.depth))
                               : fmt::format("{:.1f} Gop/s", gops(measured, costs));
  return {measured.test.name, fmt::format("{:.2f}", measured.mean()),
          fmt::format("{:.2f}", measured.deviation()), work,
          fmt::format("{:.0f} %", percent_of_limit(measured, costs, limits, flags.depth))};
}

Result<> bench(Io& io, BenchFlags& flags) {
  const auto tests = tests_of(flags);
  if (tests.empty())
    return fail(ErrorKind::kInvalid, "nothing to measure: both --prompt and --generate are 0");
  if (flags.engine.context == 0)
    flags.engine.context = flags.depth + std::max(flags.prompt, flags.generate);
  HOB_TRY(auto model, flags.engine.load());
  const engine::EngineOptions options = flags.engine.options();
  const Costs costs = costs_of(model->engine().model(), options.kv);
  HOB_TRY(auto sequence, model->engine().new_sequence());

  os::InterruptGuard guard;
  Bench bench(model->engine(), std::move(sequence), model->tokenizer().size(), flags);
  std::vector<Measured> results;
  for (const Test& test : tests) {
    if (io.err_terminal) io.note(fmt::format("\r\x1b[K{} ...", test.name));
    HOB_TRY(results.emplace_back(), bench.measure(test));
  }
  HOB_TRY(const engine::Limits limits, model->engine().measure_limits());
  if (io.err_terminal) io.note("\r\x1b[K");
  if (flags.json) {
    auto out = ordered_json::array();
    for (const Measured& result : results)
      out.push_back(measured_json(result, costs, limits, flags, *model));
    io.write(out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
    return {};
  }
  io.print("{}, {} threads, {}, KV {}\n", safe_line(model->name()), model->engine().threads(),
           model->engine().isa(), flags.engine.kv);
  std::vector<std::vector<std::string>> rows;
  for (const Measured& result : results) rows.push_back(measured_row(result, costs, limits, flags));
  io.write(table_text(
      {{"TEST"}, {"TOKENS/S", true}, {"STDDEV", true}, {"WORK", true}, {"OF LIMIT", true}}, rows));
  io.print(
      "\nThis machine's limits: reading {:.1f} GB/s, int8 products {:.0f} Gop/s, float {:.0f} "
      "Gflop/s\n",
      limits.read_gbps, limits.int8_gops, limits.float_gflops);
  return {};
}

}  // namespace

Action define_bench(CLI::App& app, Io& io) {
  auto flags = std::make_shared<BenchFlags>();
  flags->engine.declare(app);
  app.add_option("--prompt", flags->prompt,
                 "Tokens of the prompt test; 0 leaves it out (default: 512)")
      ->option_text("N")
      ->transform(whole_number(0, kMostTokens));
  app.add_option("--generate", flags->generate,
                 "Tokens of the generation test; 0 leaves it out (default: 128)")
      ->option_text("N")
      ->transform(whole_number(0, kMostTokens));
  app.add_option("--depth", flags->depth, "Tokens already in the context (default: 0)")
      ->option_text("N")
      ->transform(whole_number(0, kMostTokens));
  app.add_option("--repeat", flags->repeat, "Timed runs of each test (default: 3)")
      ->option_text("N")
      ->transform(whole_number(1, 1000));
  app.add_flag("--json", flags->json, "Print a JSON array with one object per test");
  return [flags, &io] { return bench(io, *flags); };
}

}  // namespace hob::cli
