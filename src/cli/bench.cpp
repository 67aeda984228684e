// hob bench: tokens per second of prompts and of generation, and how near that comes to what this
// machine can do, measured in the same run. The parts: bench_run (timing), bench_work (what a test
// costs and must take at least), bench_limits (--limits, the machine alone).
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/bench_limits.h"
#include "cli/bench_run.h"
#include "cli/bench_work.h"
#include "cli/command.h"
#include "cli/model_flags.h"
#include "cli/safe_text.h"
#include "cli/table.h"
#include "os/terminal.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct BenchFlags {
  EngineFlags engine;
  size_t prompt = 512, generate = 128, depth = 0, sequences = 1, repeat = 3;
  bool json = false, limits = false;
};

std::vector<BenchTest> tests_of(const BenchFlags& flags) {
  const std::string at = flags.depth > 0 ? fmt::format("@{}", flags.depth) : "";
  const std::string times = flags.sequences > 1 ? fmt::format("x{}", flags.sequences) : "";
  std::vector<BenchTest> tests;
  if (flags.prompt > 0)
    tests.push_back({fmt::format("pp{}{}", flags.prompt, at), false, flags.prompt, 1});
  if (flags.generate > 0) {
    tests.push_back({fmt::format("tg{}{}{}", flags.generate, times, at), true, flags.generate,
                     flags.sequences});
  }
  return tests;
}

// What was measured, beside what it cost and what bounds it.
struct Outcome {
  Measured measured;
  Work work;
  Rates limits;

  double per_second(double amount) const { return amount / measured.mean_seconds() / 1e9; }
  double read_gbps() const { return per_second(work.bytes); }
  double gops() const { return per_second(work.operations()); }
  double attention_percent() const { return 100 * 2 * work.attention_products / work.operations(); }
  bool bound_by_reading() const {
    return reading_seconds(work, limits) > multiplying_seconds(work, limits);
  }
  double percent_of_limit() const {
    const double least = std::max(reading_seconds(work, limits), multiplying_seconds(work, limits));
    return 100 * least / measured.mean_seconds();
  }
};

Work work_of(const ModelCost& cost, const BenchTest& test, const BenchFlags& flags, size_t chunk) {
  return test.generates ? generation_work(cost, test.tokens, flags.depth, test.sequences)
                        : prompt_work(cost, test.tokens, flags.depth, chunk);
}

ordered_json as_json(const Outcome& outcome, const BenchFlags& flags, chat::LocalModel& model) {
  const BenchTest& test = outcome.measured.test;
  return {{"test", test.name},
          {"model", model.name()},
          {"tokens_per_second", outcome.measured.mean()},
          {"stddev", outcome.measured.deviation()},
          {"runs", outcome.measured.rates},
          {"percent_of_limit", outcome.percent_of_limit()},
          {"bound", outcome.bound_by_reading() ? "reading" : "multiplying"},
          {"threads", model.engine().threads()},
          {"isa", model.engine().isa()},
          {"numerics", flags.engine.numerics},
          {"kv", flags.engine.kv_name()},
          {"depth", flags.depth},
          {"sequences", test.sequences},
          {"read_gbps", outcome.read_gbps()},
          {"gops", outcome.gops()},
          {"attention_percent", outcome.attention_percent()},
          {"limit_read_gbps", outcome.limits.read_gbps},
          {"limit_quantised_gops", outcome.limits.quantised_gops},
          {"limit_floating_gflops", outcome.limits.floating_gflops},
          {"limit_attention_gflops", outcome.limits.attention_gflops}};
}

std::vector<std::string> as_row(const Outcome& outcome) {
  return {outcome.measured.test.name,
          fmt::format("{:.2f}", outcome.measured.mean()),
          fmt::format("{:.2f}", outcome.measured.deviation()),
          fmt::format("{:.1f}", outcome.read_gbps()),
          fmt::format("{:.0f}", outcome.gops()),
          fmt::format("{:.0f} %", outcome.attention_percent()),
          fmt::format("{:.0f} % of {}", outcome.percent_of_limit(),
                      outcome.bound_by_reading() ? "reading" : "multiplying")};
}

void print(Io& io, const std::vector<Outcome>& outcomes, const BenchFlags& flags,
           chat::LocalModel& model) {
  io.print("{}, {} threads, {}, {} numerics, KV {}\n", safe_line(model.name()),
           model.engine().threads(), model.engine().isa(), flags.engine.numerics,
           flags.engine.kv_name());
  std::vector<std::vector<std::string>> rows;
  for (const Outcome& outcome : outcomes) rows.push_back(as_row(outcome));
  io.write(table_text({{"TEST"},
                       {"TOKENS/S", true},
                       {"STDDEV", true},
                       {"GB/S", true},
                       {"GOP/S", true},
                       {"ATTENTION", true},
                       {"LIMIT", true}},
                      rows));
  const Rates& limits = outcomes.front().limits;
  io.print(
      "\nThis machine's limits: reading {:.1f} GB/s, products with quantised weights {:.0f} Gop/s, "
      "with float ones {:.0f}, attention {:.0f}\n",
      limits.read_gbps, limits.quantised_gops, limits.floating_gflops, limits.attention_gflops);
}

// The bandwidth is that of a working set of the model's size: a small model stays in the cache.
Result<Rates> measure_rates(engine::Engine& engine, kernels::Numerics numerics) {
  HOB_TRY(auto meter, engine::LimitMeter::create(engine.threads(), engine.isa()));
  HOB_TRY(const double read_gbps, meter.read_gbps(engine.model().weight_bytes()));
  return rates_of(meter.peaks(), read_gbps, numerics);
}

Result<> run_tests(Io& io, BenchFlags& flags) {
  const auto tests = tests_of(flags);
  if (tests.empty())
    return fail(ErrorKind::kInvalid, "nothing to measure: both --prompt and --generate are 0");
  if (flags.engine.context == 0)
    flags.engine.context = flags.depth + std::max(flags.prompt, flags.generate);
  HOB_TRY(auto model, flags.engine.load());
  const engine::EngineOptions options = flags.engine.options();
  const ModelCost cost = cost_of(model->engine().model(), options.kv);

  os::InterruptGuard guard;
  BenchRunner runner(model->engine(), model->tokenizer().size(), flags.depth, flags.repeat);
  std::vector<Outcome> outcomes;
  for (const BenchTest& test : tests) {
    if (io.err_terminal) io.note(fmt::format("\r\x1b[K{} ...", test.name));
    HOB_TRY(auto measured, runner.measure(test));
    outcomes.push_back({std::move(measured), work_of(cost, test, flags, options.chunk), {}});
  }
  HOB_TRY(const Rates limits, measure_rates(model->engine(), options.numerics));
  if (io.err_terminal) io.note("\r\x1b[K");
  for (Outcome& outcome : outcomes) outcome.limits = limits;
  if (flags.json) {
    auto out = ordered_json::array();
    for (const Outcome& outcome : outcomes) out.push_back(as_json(outcome, flags, *model));
    io.write(out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
  } else {
    print(io, outcomes, flags, *model);
  }
  return {};
}

Result<> bench(Io& io, BenchFlags& flags) {
  if (!flags.limits) return run_tests(io, flags);
  LimitsRequest request{.threads = flags.engine.threads, .json = flags.json};
  if (!flags.engine.model.empty()) {
    HOB_TRY(const auto model, flags.engine.load());
    request.model_bytes = model->engine().model().weight_bytes();
  }
  return show_limits(io, request);
}

}  // namespace

Action define_bench(CLI::App& app, Io& io) {
  auto flags = std::make_shared<BenchFlags>();
  flags->engine.declare(app);
  const auto number = [&](const char* name, size_t& value, uint64_t low, uint64_t high,
                          const char* what) {
    return app.add_option(name, value, what)->option_text("N")->transform(whole_number(low, high));
  };
  constexpr size_t kMostSequences = 1024;
  auto* prompt = number("--prompt", flags->prompt, 0, kMostTokens,
                        "Tokens of the prompt test; 0 leaves it out (default: 512)");
  auto* generate = number("--generate", flags->generate, 0, kMostTokens,
                          "Tokens of the generation test; 0 leaves it out (default: 128)");
  auto* sequences = number("--sequences", flags->sequences, 1, kMostSequences,
                           "Sequences that the generation test runs together (default: 1)");
  auto* depth =
      number("--depth", flags->depth, 0, kMostTokens, "Tokens already in the context (default: 0)");
  auto* repeat = number("--repeat", flags->repeat, 1, 1000, "Timed runs of each test (default: 3)");
  auto* limits = app.add_flag("--limits", flags->limits,
                              "Measure the machine alone: peaks of products, and reading; with -m, "
                              "also of as much as the model's weights");
  for (auto* other : {prompt, generate, sequences, depth, repeat}) limits->excludes(other);
  app.add_flag("--json", flags->json, "Print a JSON array with one object per test");
  return [flags, &io] { return bench(io, *flags); };
}

}  // namespace hob::cli
