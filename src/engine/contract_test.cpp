// The numeric contract (ARCHITECTURE.md): a row of logits depends on its own sequence's tokens, the
// weights and the cache format, and on nothing else, to the bit. On the real model that
// HOB_TEST_MODEL names and on tiny ones of each format.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <numeric>

#include "base/rng.h"
#include "engine/engine.h"
#include "kernels/registry.h"
#include "tests/support/tiny_run.h"

namespace hob::engine {
namespace {

using quant::Format;
using test::some_tokens;
using Model = std::shared_ptr<const models::Transformer>;

// One way to run the same tokens.
struct Way {
  std::string name = "at once";
  int threads = 1;
  size_t chunk = 512;
  std::vector<size_t> cuts;  // tokens per run(); the last repeats; empty: all in one
  size_t strangers = 0;      // other sequences in every run, each at its own position
  size_t requests_before = 0;
  size_t cached = 0;  // positions that stay from a conversation that went on differently
  KvFormat kv = KvFormat::kF16;
  std::string isa;
  kernels::Numerics numerics = kernels::Numerics::kPortable;
};

std::unique_ptr<Engine> engine_of(const Model& model, const Way& way, size_t context) {
  auto engine = Engine::create(model, {.threads = way.threads,
                                       .context = context,
                                       .chunk = way.chunk,
                                       .kv = way.kv,
                                       .isa = way.isa,
                                       .numerics = way.numerics});
  if (!engine) ADD_FAILURE() << engine.error().message;
  return *std::move(engine);
}

// Other conversations, each with something behind it already.
class Strangers {
 public:
  Strangers(Engine& engine, size_t count) : engine_(engine), sequences_(count), next_(count) {
    std::vector<float> unused;
    for (size_t i = 0; i < count; ++i) {
      sequences_[i] = *engine.new_sequence();
      const auto past = some_tokens(1 + 5 * i, engine.model().spec.vocabulary, 100 + i);
      const Slice slice{&sequences_[i], past, Logits::kNone};
      EXPECT_TRUE(engine.run({&slice, 1}, unused));
    }
  }
  // Their part of the next run: one token or a few.
  std::vector<Slice> slices() {
    std::vector<Slice> slices;
    for (size_t i = 0; i < sequences_.size(); ++i) {
      next_[i] = some_tokens(i % 3 == 2 ? 4 : 1, engine_.model().spec.vocabulary, 200 + i);
      if (sequences_[i].tokens().size() + next_[i].size() > engine_.context())
        sequences_[i].truncate(i);
      slices.push_back({&sequences_[i], next_[i], Logits::kNone});
    }
    return slices;
  }

 private:
  Engine& engine_;
  std::vector<Sequence> sequences_;
  std::vector<std::vector<Token>> next_;
};

// Logits of every token from position way.cached on. [T - cached, V]
std::vector<float> logits_of(const Model& model, const std::vector<Token>& tokens, const Way& way) {
  constexpr size_t kLeast = 64;  // the strangers' past
  auto engine = engine_of(model, way, std::max(tokens.size() + 8, kLeast));
  std::vector<float> logits, all;
  for (size_t i = 0; i < way.requests_before; ++i) {
    Sequence other = *engine->new_sequence();
    const auto few = some_tokens(1 + i % 3, model->spec.vocabulary, 300 + i);
    const Slice slice{&other, few};
    EXPECT_TRUE(engine->run({&slice, 1}, logits));
  }
  Sequence sequence = *engine->new_sequence();
  if (way.cached > 0) {
    auto other = tokens;  // the same beginning, then another end
    for (size_t i = way.cached; i < other.size(); ++i)
      other[i] = (other[i] + 1) % Token(model->spec.vocabulary);
    const Slice slice{&sequence, other, Logits::kNone};
    EXPECT_TRUE(engine->run({&slice, 1}, logits));
    sequence.truncate(way.cached);
  }
  Strangers strangers(*engine, way.strangers);
  size_t turn = 0;
  for (size_t first = way.cached; first < tokens.size(); ++turn) {
    const size_t cut =
        way.cuts.empty() ? tokens.size() : way.cuts[std::min(turn, way.cuts.size() - 1)];
    const size_t count = std::min(cut, tokens.size() - first);
    auto slices = strangers.slices();  // in front, behind, or around
    slices.insert(slices.begin() + long(slices.size() / 2),
                  {&sequence, std::span(tokens).subspan(first, count), Logits::kAll});
    EXPECT_TRUE(engine->run(slices, logits));
    all.insert(all.end(), logits.begin(), logits.end());
    first += count;
  }
  return all;
}

void expect_same(const Model& model, const std::vector<Token>& tokens,
                 const std::vector<float>& want, const Way& way) {
  const auto got = logits_of(model, tokens, way);
  const size_t V = model->spec.vocabulary;
  ASSERT_EQ(got.size(), want.size() - way.cached * V) << way.name;
  for (size_t t = way.cached; t < tokens.size(); ++t) {
    ASSERT_EQ(0, std::memcmp(&got[(t - way.cached) * V], &want[t * V], V * sizeof(float)))
        << way.name << ", cache " << kv_name(way.kv) << ", isa " << way.isa
        << (way.numerics == kernels::Numerics::kNative ? ", native" : "")
        << ": the logits of token " << t << " differ";
  }
}

// Every way but the tables; `T` tokens.
std::vector<Way> ways(size_t T) {
  return {
      {.name = "2 threads", .threads = 2},
      {.name = "3 threads", .threads = 3},
      {.name = "one by one", .cuts = {1}},
      {.name = "chunks of 1", .chunk = 1},
      {.name = "chunks of 7", .threads = 2, .chunk = 7},
      {.name = "chunks of 64", .chunk = 64},
      {.name = "uneven runs", .threads = 2, .cuts = {3, 16, 1, 17, 64}},
      {.name = "a cached prefix", .cached = T / 2},
      {.name = "all but one cached", .cached = T - 1},
      {.name = "with 7 strangers", .threads = 2, .strangers = 7},
      {.name = "with 7 strangers, one by one", .cuts = {1}, .strangers = 7},
      {.name = "with 7 strangers in chunks", .threads = 3, .chunk = 5, .cuts = {9}, .strangers = 7},
      {.name = "the hundredth request", .requests_before = 99}};
}

// All that run here but ref.
std::vector<std::string> fast_tables() {
  std::vector<std::string> names;
  for (const kernels::Table* table : kernels::compiled()) {
    if (table == &kernels::kRefTable || table->numerics != kernels::Numerics::kPortable) continue;
    if (kernels::runs_here(*table)) names.emplace_back(table->name);
  }
  return names;
}

// Whether this machine has definitions of its own.
bool has_native() { return kernels::select({}, kernels::Numerics::kNative).has_value(); }

// Native only where this machine has definitions of its own.
std::vector<kernels::Numerics> numerics_here() {
  if (has_native()) return {kernels::Numerics::kPortable, kernels::Numerics::kNative};
  return {kernels::Numerics::kPortable};
}

// ---- tiny models ----

struct TinyCase {
  std::string name;
  test::TinyOptions options;
};
void PrintTo(const TinyCase& c, std::ostream* out) { *out << c.name; }

std::vector<TinyCase> tiny_cases() {
  std::vector<TinyCase> cases;
  for (const auto& t : quant::all_formats()) {
    cases.push_back({std::string(t.name),
                     {.family = cases.size() % 2 ? "qwen2" : "llama",
                      .width = 256,
                      .ffn = 512,
                      .format = t.format}});
  }
  cases.push_back({"mixed",
                   {.family = "qwen2",
                    .width = 256,
                    .heads = 8,
                    .kv_heads = 2,
                    .ffn = 256,
                    .head_dim = 24,
                    .format = Format::kQ4_K,
                    .formats = {{"attn_v.weight", Format::kQ6_K},
                                {"ffn_down.weight", Format::kQ6_K},
                                {"token_embd.weight", Format::kQ8_0},
                                {"attn_output.weight", Format::kF16}},
                    .biases = true}});
  cases.push_back(
      {"window",
       {.heads = 3, .kv_heads = 1, .head_dim = 20, .scaling = "yarn", .factor = 4, .window = 19}});
  return cases;
}

class ContractOfTiny : public testing::TestWithParam<TinyCase> {
 protected:
  Model model = test::load(GetParam().options);
};
INSTANTIATE_TEST_SUITE_P(Formats, ContractOfTiny, testing::ValuesIn(tiny_cases()),
                         [](const auto& i) { return i.param.name; });

TEST_P(ContractOfTiny, NoWayOfRunningShows) {
  const size_t T = HOB_SANITIZED ? 30 : 290;  // past a segment of attention
  const auto tokens = some_tokens(T, model->spec.vocabulary);
  const auto want = logits_of(model, tokens, {});
  for (const Way& way : ways(T)) expect_same(model, tokens, want, way);
}

TEST_P(ContractOfTiny, NorDoesItInAnyCacheFormat) {
  const size_t T = HOB_SANITIZED ? 20 : 100;
  const auto tokens = some_tokens(T, model->spec.vocabulary);
  for (const kernels::Numerics numerics : numerics_here()) {
    for (const auto& [name, kv] : kKvFormats) {
      const auto want = logits_of(model, tokens, {.kv = kv, .numerics = numerics});
      expect_same(model, tokens, want,
                  {.name = "everything",
                   .threads = 3,
                   .chunk = 13,
                   .cuts = {20, 1, 7},
                   .strangers = 7,
                   .kv = kv,
                   .numerics = numerics});
      expect_same(model, tokens, want,
                  {.name = "one by one", .cuts = {1}, .kv = kv, .numerics = numerics});
    }
  }
}

TEST_P(ContractOfTiny, EveryTableGivesTheSame) {
  for (const auto& [name, kv] : kKvFormats) {
    // More than 16 tokens for tiles of products; few, because ref takes its time.
    const auto tokens = some_tokens(kv == KvFormat::kF16 ? 18
                                    : HOB_SANITIZED      ? 2
                                                         : 6,
                                    model->spec.vocabulary);
    const auto want = logits_of(model, tokens, {.kv = kv, .isa = "ref"});
    for (const std::string& isa : fast_tables()) {
      expect_same(model, tokens, want, {.kv = kv, .isa = isa});
      expect_same(model, tokens, want,
                  {.name = "one by one", .threads = 2, .cuts = {1}, .kv = kv, .isa = isa});
    }
  }
}

// ---- the real model ----

class ContractOfTheRealModel : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* path = std::getenv("HOB_TEST_MODEL");
    if (!path) return;
    auto loaded = models::load(path);
    if (loaded)
      model_ = *std::move(loaded);
    else
      ADD_FAILURE() << loaded.error().message;
  }
  static void TearDownTestSuite() { model_.reset(); }
  void SetUp() override {
    ASSERT_TRUE(model_) << "HOB_TEST_MODEL must name the default model's file; ./check sets it";
  }
  inline static Model model_;
};

TEST_F(ContractOfTheRealModel, NoWayOfRunningShows) {
  const size_t T = HOB_SANITIZED ? 8 : 70;
  const auto tokens = some_tokens(T, model_->spec.vocabulary);
  const auto want = logits_of(model_, tokens, {});
  for (Way way : ways(T)) {
    if (HOB_SANITIZED) way.requests_before = std::min<size_t>(way.requests_before, 3);
    expect_same(model_, tokens, want, way);
  }
}

TEST_F(ContractOfTheRealModel, NorDoesItByNativeNumerics) {
  if (!has_native()) GTEST_SKIP() << "this machine has no native definitions";
  const size_t T = HOB_SANITIZED ? 8 : 70;
  const auto tokens = some_tokens(T, model_->spec.vocabulary);
  const auto native = kernels::Numerics::kNative;
  const auto want = logits_of(model_, tokens, {.kv = KvFormat::kBF16, .numerics = native});
  for (Way way : ways(T)) {
    way.requests_before = std::min<size_t>(way.requests_before, 3);
    way.kv = KvFormat::kBF16;
    way.numerics = native;
    expect_same(model_, tokens, want, way);
  }
}

TEST_F(ContractOfTheRealModel, NorDoesItInAnyCacheFormat) {
  const auto tokens = some_tokens(HOB_SANITIZED ? 5 : 24, model_->spec.vocabulary);
  for (const auto& [name, kv] : kKvFormats) {
    const auto want = logits_of(model_, tokens, {.kv = kv});
    expect_same(model_, tokens, want,
                {.name = "everything",
                 .threads = 2,
                 .chunk = 13,
                 .cuts = {9, 1, 4},
                 .strangers = HOB_SANITIZED ? 2 : 7,
                 .kv = kv});
  }
}

TEST_F(ContractOfTheRealModel, EveryTableGivesTheSame) {
  const auto tokens = some_tokens(HOB_SANITIZED ? 3 : 20, model_->spec.vocabulary);
  const auto want = logits_of(model_, tokens, {});
  for (const std::string& isa : fast_tables()) {
    expect_same(model_, tokens, want, {.threads = 2, .isa = isa});
    expect_same(model_, tokens, want, {.name = "one by one", .cuts = {1}, .isa = isa});
  }
  const auto few = std::vector<Token>(tokens.begin(), tokens.begin() + (HOB_SANITIZED ? 1 : 3));
  expect_same(
      model_, few,
      std::vector<float>(want.begin(), want.begin() + long(few.size() * model_->spec.vocabulary)),
      {.threads = 2, .isa = "ref"});
}

// A prompt long enough that chunks of 512 are cut, and a reply: one in each way, the same tokens.
TEST_F(ContractOfTheRealModel, RepliesAreTheSame) {
  const size_t T = HOB_SANITIZED ? 12 : 520;
  const auto prompt = some_tokens(T, model_->spec.vocabulary, 5);
  const auto reply = [&](const Way& way, size_t cached) {
    auto engine = engine_of(model_, way, T + 16);
    Sequence sequence = *engine->new_sequence();
    std::vector<Token> tokens;
    const auto keep = [&](const Sampled& s) { return tokens.push_back(s.token), true; };
    const Request request{
        .prompt = prompt, .sampler = {.temperature = 1, .seed = 3}, .max_tokens = 6};
    if (cached > 0) {
      Request shorter = request;
      shorter.prompt = std::span(prompt).first(cached);
      EXPECT_TRUE(engine->generate(sequence, shorter, [](const Sampled&) { return true; }));
    }
    const auto generated = engine->generate(sequence, request, keep);
    EXPECT_TRUE(generated);
    EXPECT_GE(generated->cached_tokens, cached);
    return tokens;
  };
  const auto want = reply({.threads = 2}, 0);
  ASSERT_EQ(want.size(), 6u);
  EXPECT_EQ(reply({.threads = 2, .chunk = 64}, 0), want);
  EXPECT_EQ(reply({.threads = 1, .chunk = 100}, T / 3), want);
}

// Words that are said twice, so that there is something to draft; a clock that stands still, so
// that it is drafted.
TEST_F(ContractOfTheRealModel, RepliesWithDraftsAreTheSame) {
  auto prompt = some_tokens(HOB_SANITIZED ? 6 : 12, model_->spec.vocabulary, 6);
  prompt.insert(prompt.end(), prompt.begin(), prompt.end() - 2);
  auto engine = engine_of(model_, {.threads = 2}, 128);
  size_t accepted = 0;
  const auto reply = [&](SamplerOptions options, int draft) {
    options.draft = draft;
    Sequence sequence = *engine->new_sequence();
    std::vector<std::pair<Token, float>> tokens;
    const auto generated = engine->generate(sequence,
                                            {.prompt = prompt,
                                             .sampler = options,
                                             .max_tokens = HOB_SANITIZED ? 6 : 32,
                                             .alternatives = 0,
                                             .clock = [] { return 0.0; }},
                                            [&](const Sampled& s) {
                                              tokens.emplace_back(s.token, *s.logprob);
                                              return true;
                                            });
    EXPECT_TRUE(generated);
    if (generated) accepted += generated->accepted_tokens;
    return tokens;
  };
  const SamplerOptions chains[] = {
      {.temperature = 0},
      {.temperature = 0.7, .seed = 1},
      {.temperature = 0.7, .repetition_penalty = 1.1, .seed = 2},
      {.temperature = 0.5, .mirostat = 2, .mirostat_tau = 2, .seed = 3}};
  for (const SamplerOptions& options : chains) {
    const auto want = reply(options, 0);
    for (const int draft : HOB_SANITIZED ? std::vector{4} : std::vector{1, 2, 3, 4, 8}) {
      EXPECT_EQ(reply(options, draft), want) << draft;
    }
  }
  if (!HOB_SANITIZED) {  // so few tokens may hold no guess that comes true
    EXPECT_GT(accepted, 0u);
  }
}

}  // namespace
}  // namespace hob::engine
