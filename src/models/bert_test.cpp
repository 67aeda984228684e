// A tiny encoder against the formulas written down in double; the same bits on every table, for any
// team and in any company; files that lack or lie.
#include "models/bert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <map>

#include "base/rng.h"
#include "kernels/registry.h"

namespace hob::models {
namespace {

using testing::HasSubstr;

constexpr size_t D = 24, F = 40, H = 3, K = D / H, L = 2, V = 11, P = 20;
constexpr const char* kConfig =
    R"({"model_type": "bert", "hidden_act": "gelu", "hidden_size": 24, "intermediate_size": 40,
        "num_hidden_layers": 2, "num_attention_heads": 3, "vocab_size": 11,
        "max_position_embeddings": 20, "layer_norm_eps": 1e-12})";

struct Raw {
  std::vector<size_t> shape;
  std::vector<float> values;
};
using Tensors = std::map<std::string, Raw>;

Tensors tiny() {
  Tensors tensors;
  uint64_t seed = 1;
  const auto add = [&](const std::string& name, std::vector<size_t> shape) {
    size_t count = 1;
    for (const size_t size : shape) count *= size;
    Raw raw{std::move(shape), {}};
    for (size_t i = 0; i < count; ++i) {
      raw.values.push_back(
          static_cast<float>(2 * random_unit(seed, RandomStream::kTest, i) - 1));
    }
    ++seed;
    tensors[name] = std::move(raw);
  };
  const auto add_pair = [&](const std::string& name, std::vector<size_t> shape) {
    add(name + ".bias", {shape[0]});
    add(name + ".weight", std::move(shape));
  };
  add("embeddings.word_embeddings.weight", {V, D});
  add("embeddings.position_embeddings.weight", {P, D});
  add("embeddings.token_type_embeddings.weight", {2, D});
  add_pair("embeddings.LayerNorm", {D});
  for (size_t l = 0; l < L; ++l) {
    const std::string at = fmt::format("encoder.layer.{}.", l);
    for (const char* name : {"attention.self.query", "attention.self.key", "attention.self.value",
                             "attention.output.dense"})
      add_pair(at + name, {D, D});
    add_pair(at + "attention.output.LayerNorm", {D});
    add_pair(at + "intermediate.dense", {F, D});
    add_pair(at + "output.dense", {D, F});
    add_pair(at + "output.LayerNorm", {D});
  }
  return tensors;
}

// As a file in memory; floats are aligned in it.
std::string file_of(const Tensors& tensors) {
  std::string header = "{", data;
  for (const auto& [name, raw] : tensors) {
    std::string shape;
    for (const size_t size : raw.shape)
      shape += fmt::format("{}{}", shape.empty() ? "" : ",", size);
    const size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(raw.values.data()),
                raw.values.size() * sizeof(float));
    header += fmt::format(R"({}"{}":{{"dtype":"F32","shape":[{}],"data_offsets":[{},{}]}})",
                          header.size() > 1 ? "," : "", name, shape, begin, data.size());
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

Result<std::shared_ptr<const Bert>> load(const std::string& bytes, const char* config = kConfig) {
  HOB_TRY(auto file, safetensors::File::parse(std::as_bytes(std::span(bytes)), "dir/file"));
  return Bert::load(config, std::move(file), "dir");
}

// ---- the formulas in double ----

using Rows = std::vector<std::vector<double>>;

std::vector<double> times(const Tensors& t, const std::string& name, const std::vector<double>& x) {
  const Raw &w = t.at(name + ".weight"), &b = t.at(name + ".bias");
  std::vector<double> y(b.values.begin(), b.values.end());
  for (size_t n = 0; n < y.size(); ++n) {
    for (size_t k = 0; k < x.size(); ++k)
      y[n] += static_cast<double>(w.values[n * x.size() + k]) * x[k];
  }
  return y;
}

void normalise(const Tensors& t, const std::string& name, std::vector<double>& x) {
  double mean = 0, variance = 0;
  for (const double v : x) mean += v / static_cast<double>(x.size());
  for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = (x[i] - mean) / std::sqrt(variance + 1e-12) * t.at(name + ".weight").values[i] +
           t.at(name + ".bias").values[i];
  }
}

void attend(const Tensors& t, const std::string& at, Rows& x) {
  Rows q, k, v;
  for (const auto& row : x) {
    q.push_back(times(t, at + "attention.self.query", row));
    k.push_back(times(t, at + "attention.self.key", row));
    v.push_back(times(t, at + "attention.self.value", row));
  }
  for (size_t i = 0; i < x.size(); ++i) {
    std::vector<double> mixed(D);
    for (size_t h = 0; h < H; ++h) {
      std::vector<double> p(x.size());
      double total = 0;
      for (size_t s = 0; s < x.size(); ++s) {
        double score = 0;
        for (size_t d = h * K; d < (h + 1) * K; ++d) score += q[i][d] * k[s][d];
        total += p[s] = std::exp(score / std::sqrt(static_cast<double>(K)));
      }
      for (size_t s = 0; s < x.size(); ++s) {
        for (size_t d = h * K; d < (h + 1) * K; ++d) mixed[d] += p[s] / total * v[s][d];
      }
    }
    const auto out = times(t, at + "attention.output.dense", mixed);
    for (size_t d = 0; d < D; ++d) x[i][d] += out[d];
    normalise(t, at + "attention.output.LayerNorm", x[i]);
  }
}

Rows expected(const Tensors& t, const std::vector<int32_t>& tokens) {
  Rows x(tokens.size(), std::vector<double>(D));
  for (size_t i = 0; i < tokens.size(); ++i) {
    for (size_t d = 0; d < D; ++d) {
      const auto token = static_cast<size_t>(tokens[i]);
      x[i][d] = t.at("embeddings.word_embeddings.weight").values[token * D + d] +
                t.at("embeddings.position_embeddings.weight").values[i * D + d] +
                t.at("embeddings.token_type_embeddings.weight").values[d];
    }
    normalise(t, "embeddings.LayerNorm", x[i]);
  }
  for (size_t l = 0; l < L; ++l) {
    const std::string at = fmt::format("encoder.layer.{}.", l);
    attend(t, at, x);
    for (auto& row : x) {
      auto inner = times(t, at + "intermediate.dense", row);
      for (double& v : inner) v = 0.5 * v * std::erfc(-v * std::sqrt(0.5));
      const auto out = times(t, at + "output.dense", inner);
      for (size_t d = 0; d < D; ++d) row[d] += out[d];
      normalise(t, at + "output.LayerNorm", row);
    }
  }
  return x;
}

// ---- tests ----

const std::vector<int32_t> kTokens = {1, 5, 10, 3, 3, 7, 0, 9, 2, 4, 6, 8, 1, 1, 2, 10, 9};
// Three sequences in one run.
const std::vector<ops::SequenceRows> kSequences = {{0, 9, 0}, {9, 1, 0}, {10, 7, 0}};

std::vector<float> run(const Bert& bert, const kernels::Table& table, int threads,
                       const std::vector<int32_t>& tokens,
                       const std::vector<ops::SequenceRows>& sequences) {
  os::ThreadPool pool(threads);
  ops::Ctx ctx(pool, table);
  auto made = bert.make_run(ctx, tokens.size());
  EXPECT_TRUE(made);
  const Matrix rows = bert.forward(**made, tokens, sequences);
  return {rows.data, rows.data + rows.rows * rows.cols};
}

TEST(Bert, IsWhatTheFormulasSay) {
  const Tensors tensors = tiny();
  const std::string bytes = file_of(tensors);
  const auto bert = load(bytes);
  ASSERT_TRUE(bert) << bert.error().message;
  const auto rows = run(**bert, **kernels::select(), 1, kTokens, kSequences);
  for (const auto& s : kSequences) {
    const auto first = kTokens.begin() + static_cast<std::ptrdiff_t>(s.first_row);
    const Rows want = expected(tensors, {first, first + static_cast<std::ptrdiff_t>(s.rows)});
    for (size_t i = 0; i < s.rows; ++i) {
      for (size_t d = 0; d < D; ++d)
        EXPECT_NEAR(rows[(s.first_row + i) * D + d], want[i][d], 2e-5);  // floats through 2 layers
    }
  }
}

TEST(Bert, TheSameBitsOnEveryTableForAnyTeamAndCompany) {
  const std::string bytes = file_of(tiny());
  const auto bert = *load(bytes);
  const auto expected = run(*bert, kernels::kRefTable, 1, kTokens, kSequences);
  for (const kernels::Table* table : kernels::compiled()) {
    if (!kernels::runs_here(*table) || table->numerics != kernels::Numerics::kPortable) continue;
    for (const int threads : {1, 3})
      EXPECT_EQ(run(*bert, *table, threads, kTokens, kSequences), expected) << table->name;
    const auto alone = run(*bert, *table, 2, {kTokens.begin() + 10, kTokens.end()}, {{0, 7, 0}});
    EXPECT_EQ(alone, std::vector<float>(expected.begin() + 10 * D, expected.end())) << table->name;
  }
}

TEST(Bert, AFileThatCallsItsTensorsBertIsTheSame) {
  Tensors named;
  for (auto& [name, raw] : tiny()) named["bert." + name] = raw;
  const std::string bytes = file_of(named);
  EXPECT_TRUE(load(bytes));
}

TEST(Bert, PooledRowsAreTheirMeanOfLengthOne) {
  float rows[] = {1, 2, 3, 6, 0, 0}, out[4];
  const std::vector<ops::SequenceRows> sequences = {{0, 2, 0}, {2, 1, 0}};
  mean_pool(Matrix(out, 2, 2), Matrix(rows, 3, 2), sequences, false);
  EXPECT_EQ(std::vector<float>(out, out + 4), (std::vector<float>{2, 4, 0, 0}));
  mean_pool(Matrix(out, 2, 2), Matrix(rows, 3, 2), sequences, true);
  EXPECT_FLOAT_EQ(out[0], static_cast<float>(1 / std::sqrt(5)));
  EXPECT_FLOAT_EQ(out[1], static_cast<float>(2 / std::sqrt(5)));
  EXPECT_EQ(out[2], 0);  // no direction, no length
}

TEST(BertHostile, WhatAFileLacksOrSaysWrong) {
  const std::pair<std::function<void(Tensors&)>, const char*> lies[] = {
      {[](Tensors& t) { t.erase("encoder.layer.1.output.dense.weight"); },
       "tensor 'encoder.layer.1.output.dense.weight' is missing"},
      {[](Tensors& t) { t["encoder.layer.0.intermediate.dense.weight"].shape = {D, F}; },
       "has shape [24, 40], expected [40, 24]"},
      {[](Tensors& t) { t["embeddings.LayerNorm.bias"].shape = {D, 1}; }, "expected [24]"},
  };
  for (const auto& [spoil, message] : lies) {
    Tensors tensors = tiny();
    spoil(tensors);
    const std::string bytes = file_of(tensors);
    const auto bert = load(bytes);
    ASSERT_FALSE(bert) << message;
    EXPECT_THAT(bert.error().message, HasSubstr(message));
    EXPECT_THAT(bert.error().message, HasSubstr("dir/file: "));
  }
  std::string odd = file_of(tiny());
  odd.replace(odd.find("F32"), 3, "I32");
  EXPECT_THAT(load(odd).error().message, HasSubstr("of type I32"));
}

TEST(BertHostile, ConfigurationsThatLie) {
  const std::string bytes = file_of(tiny());
  const std::pair<const char*, const char*> lies[] = {
      {"\"hidden_size\": 24", "\"hidden_size\": 0"},
      {"\"hidden_size\": 24", "\"hidden_size\": \"24\""},
      {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"},
      {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 18446744073709551615"},
      {"\"num_attention_heads\": 3", "\"num_attention_heads\": 5"},
      {"\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": -1"},
      {"\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\""},
      {"\"model_type\": \"bert\"", "\"position_embedding_type\": \"relative_key\""},
      {"{\"model_type\"", "{{\"model_type\""},
  };
  for (const auto& [what, with] : lies) {
    std::string config(kConfig);
    config.replace(config.find(what), std::strlen(what), with);
    EXPECT_FALSE(load(bytes, config.c_str())) << with;
  }
}

}  // namespace
}  // namespace hob::models
