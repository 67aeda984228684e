// hob bench: tokens per second of prompts and of generation.
//
// As llama-bench measures: random tokens, one untimed run first, then the mean and standard
// deviation over --repeat runs. Beside the speed stands what moves it: generation streams every
// weight and the attention cache once per token, a prompt multiplies every weight with every token.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "cli/command.h"
#include "cli/model_facts.h"
#include "cli/model_flags.h"
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

// What a token costs, from the file's own sizes.
struct Costs {
  double weight_bytes = 0;        // read per generated token
  double multiplications = 0;     // per prompt token
  double kv_bytes_per_token = 0;  // of cache, read per generated token and cached token
};

Result<Costs> costs_of(const std::string& path, const std::string& kv) {
  HOB_TRY(const auto file, gguf::File::open(path));
  HOB_TRY(const ModelFacts facts, read_facts(file));
  const bool tied = file.find_tensor("output.weight") == nullptr;
  Costs costs;
  for (const gguf::Tensor& tensor : file.tensors()) {
    // The input embedding is a look-up of one row, unless it is the output matrix too.
    if (tensor.name == "token_embd.weight" && !tied) continue;
    costs.weight_bytes += static_cast<double>(tensor.bytes);
    if (tensor.shape.size() < 2) continue;
    double weights = 1;
    for (uint64_t n : tensor.shape) weights *= static_cast<double>(n);
    costs.multiplications += weights;
  }
  for (const KvBytes& type : kv_types()) {
    if (type.type == kv)
      costs.kv_bytes_per_token = facts.kv_elements.value_or(0) * type.bytes_per_element;
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
  return measured.mean() * 2 * costs.multiplications / 1e9;
}

ordered_json measured_json(const Measured& measured, const Costs& costs, const BenchFlags& flags,
                           chat::LocalModel& model) {
  ordered_json out = {{"test", measured.test.name},
                      {"model", model.name()},
                      {"tokens_per_second", measured.mean()},
                      {"stddev", measured.deviation()},
                      {"runs", measured.rates},
                      {"threads", model.engine().threads()},
                      {"isa", model.engine().isa()},
                      {"kv", flags.engine.kv},
                      {"depth", flags.depth}};
  if (measured.test.generates) {
    out["read_gbps"] = read_gbps(measured, costs, flags.depth);
  } else {
    out["gops"] = gops(measured, costs);
  }
  return out;
}

std::vector<std::string> measured_row(const Measured& measured, const Costs& costs,
                                      const BenchFlags& flags) {
  const std::string work = measured.test.generates
                               ? fmt::format("{:.1f} GB/s", read_gbps(measured, costs, flags.depth))
                               : fmt::format("{:.1f} Gop/s", gops(measured, costs));
  return {measured.test.name, fmt::format("{:.2f}", measured.mean()),
          fmt::format("{:.2f}", measured.deviation()), work};
}

Result<> bench(Io& io, BenchFlags& flags) {
  const auto tests = tests_of(flags);
  if (tests.empty())
    return fail(ErrorKind::kInvalid, "nothing to measure: both --prompt and --generate are 0");
  if (flags.engine.context == 0)
    flags.engine.context = flags.depth + std::max(flags.prompt, flags.generate);
  HOB_TRY(const std::string path, flags.engine.path());
  HOB_TRY(const Costs costs, costs_of(path, flags.engine.kv));
  HOB_TRY(auto model, chat::LocalModel::load(path, flags.engine.options()));
  HOB_TRY(auto sequence, model->engine().new_sequence());

  os::InterruptGuard guard;
  Bench bench(model->engine(), std::move(sequence), model->tokenizer().size(), flags);
  std::vector<Measured> results;
  for (const Test& test : tests) {
    if (io.err_terminal) io.note(fmt::format("\r\x1b[K{} ...", test.name));
    HOB_TRY(results.emplace_back(), bench.measure(test));
  }
  if (io.err_terminal) io.note("\r\x1b[K");
  if (flags.json) {
    auto out = ordered_json::array();
    for (const Measured& result : results)
      out.push_back(measured_json(result, costs, flags, *model));
    io.write(out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
    return {};
  }
  io.print("{}, {} threads, {}, KV {}\n", model->name(), model->engine().threads(),
           model->engine().isa(), flags.engine.kv);
  std::vector<std::vector<std::string>> rows;
  for (const Measured& result : results) rows.push_back(measured_row(result, costs, flags));
  io.write(table_text({{"TEST"}, {"TOKENS/S", true}, {"STDDEV", true}, {"WORK", true}}, rows));
  return {};
}

}  // namespace

Action define_bench(CLI::App& app, Io& io) {
  auto flags = std::make_shared<BenchFlags>();
  flags->engine.declare(app);
  app.add_option("--prompt", flags->prompt,
                 "Tokens of the prompt test; 0 leaves it out (default: 512)")
      ->option_text("N");
  app.add_option("--generate", flags->generate,
                 "Tokens of the generation test; 0 leaves it out (default: 128)")
      ->option_text("N");
  app.add_option("--depth", flags->depth, "Tokens already in the context (default: 0)")
      ->option_text("N");
  app.add_option("--repeat", flags->repeat, "Timed runs of each test (default: 3)")
      ->option_text("N")
      ->check(CLI::Range(1, 1000));
  app.add_flag("--json", flags->json, "Print a JSON array with one object per test");
  return [flags, &io] { return bench(io, *flags); };
}

}  // namespace hob::cli
