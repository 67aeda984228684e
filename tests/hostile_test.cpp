// Damaged model files, from the bytes to a generated reply: one clear error or a run, never a
// crash, which the sanitizer build judges. formats/gguf_hostile_test.cpp damages the container;
// here it is everything that is built upon it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/rng.h"
#include "chat/local_model.h"
#include "engine/engine.h"
#include "models/registry.h"
#include "models/vocabulary.h"
#include "os/file.h"
#include "tests/support/tiny_model.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace hob {
namespace {

using quant::Format;
using test::TinyOptions;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kPath = "dir/damaged.gguf";

// What a person would do with the file: read it, render a conversation, and reply with a few
// tokens.
Result<std::string> use(std::shared_ptr<const gguf::File> file) {
  HOB_TRY(auto vocabulary, models::read_vocabulary(*file));
  HOB_TRY(const auto tokenizer, text::Tokenizer::create(std::move(vocabulary)));
  std::vector<text::Token> prompt = tokenizer.encode("the hello");
  if (const std::string source = chat::template_source(tokenizer); !source.empty()) {
    HOB_TRY(const auto chat_template, text::ChatTemplate::compile(source, &tokenizer));
    const auto messages = chat::to_json({{"user", "the hello"}});
    HOB_TRY(const std::string rendered, chat_template.render(messages));
    prompt = tokenizer.encode_rendered(rendered);
  }
  if (tokenizer.vocabulary().bos >= 0) prompt.insert(prompt.begin(), tokenizer.vocabulary().bos);
  HOB_TRY(auto model, models::load(file));
  HOB_TRY(auto engine, engine::Engine::create(model, {.threads = 1, .chunk = 64}));
  HOB_TRY(engine::Sequence sequence, engine->new_sequence());
  std::string reply;
  const engine::Request request{.prompt = prompt,
                                .sampler = {.seed = 1},
                                .max_tokens = 4,
                                .end_tokens = tokenizer.end_tokens()};
  HOB_TRY(const auto generated, engine->generate(sequence, request, [&](const engine::Sampled& s) {
    reply += tokenizer.bytes(s.token);
    return true;
  }));
  (void)generated;
  return reply;
}

Result<std::string> use(std::string bytes) {
  HOB_TRY(auto file, test::parse_model(std::move(bytes), kPath));
  return use(std::move(file));
}

struct Counts {
  int errors = 0, runs = 0;
};

// An error must be one printable line.
void judge(const Result<std::string>& result, Counts& counts, const std::string& what) {
  if (result) {
    ++counts.runs;
    return;
  }
  ++counts.errors;
  const std::string& message = result.error().message;
  EXPECT_FALSE(message.empty()) << what;
  EXPECT_LT(message.size(), 2000u) << what;
  for (const char c : message)
    EXPECT_TRUE(static_cast<unsigned char>(c) >= ' ') << what << ": " << message;
}

// Where the weights begin.
size_t header_bytes(const std::string& bytes) {
  const auto file = test::parse_model(bytes);
  uint64_t first = bytes.size();
  for (const auto& tensor : (*file)->tensors()) first = std::min(first, tensor.offset);
  return first;
}

const TinyOptions kSmall = {
    .layers = 1, .width = 32, .heads = 2, .kv_heads = 1, .ffn = 32, .context = 128};

TinyOptions small_of(Format format) {
  TinyOptions options = kSmall;
  options.format = format;
  if (quant::traits(format).block_len == 256) options.width = options.ffn = 256;
  return options;
}

TEST(Hostile, TheWholeFileRuns) {
  for (const char* family : {"llama", "qwen2"}) {
    TinyOptions options = kSmall;
    options.family = family;
    const auto reply = use(test::tiny_model(options));
    EXPECT_TRUE(reply) << reply.error().message;
  }
}

TEST(Hostile, TruncatedAnywhere) {
  const std::string whole = test::tiny_model(kSmall);
  const size_t header = header_bytes(whole);
  Counts counts;
  const size_t steps = HOB_SANITIZED ? 150 : 600;
  for (size_t i = 0; i < steps; ++i) {
    const size_t length = i < steps / 2
                              ? header * i / (steps / 2)
                              : header + (whole.size() - header) * (i - steps / 2) / (steps / 2);
    const auto result = use(whole.substr(0, length));
    judge(result, counts, fmt::format("{} bytes", length));
    ASSERT_FALSE(result) << length << " of " << whole.size() << " bytes";
    EXPECT_THAT(result.error().message, StartsWith(kPath));
  }
  EXPECT_EQ(counts.runs, 0);
}

TEST(Hostile, EmptyAndNotAModel) {
  for (const std::string& bytes :
       {std::string(), std::string("GGUF"), std::string("Hello, I am not a model.\n"),
        std::string(4096, '\0')}) {
    const auto result = use(bytes);
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, AllOf(StartsWith(kPath), Not(HasSubstr("\n"))));
  }
}

// Flips one to four bits, in the header on even turns and in the weights on odd ones.
std::string flipped(const std::string& whole, size_t header, uint64_t turn) {
  std::string bytes = whole;
  const bool in_header = turn % 2 == 0;
  const size_t first = in_header ? 0 : header, size = (in_header ? header : whole.size()) - first;
  const auto words = random_words(17, RandomStream::kTest, turn);
  for (uint32_t i = 0; i <= words[0] % 4; ++i) {
    const double where = random_unit(18, RandomStream::kTest, turn, i);
    bytes[first + static_cast<size_t>(where * static_cast<double>(size))] ^=
        static_cast<char>(1 << (words[1] >> (3 * i) & 7));
  }
  return bytes;
}

TEST(Hostile, FlippedBits) {
  const Format formats[] = {Format::kQ4_1, Format::kF32, Format::kQ4_K,
                            Format::kQ8_0, Format::kF16, Format::kQ6_K};
  const uint64_t turns = 500;
  Counts counts;
  for (const Format format : formats) {
    const std::string whole = test::tiny_model(small_of(format));
    const size_t header = header_bytes(whole);
    for (uint64_t turn = 0; turn < turns; ++turn) {
      judge(use(flipped(whole, header, turn)), counts,
            fmt::format("{} turn {}", quant::traits(format).name, turn));
    }
  }
  RecordProperty("errors", counts.errors);
  RecordProperty("runs", counts.runs);
  std::printf("%d errors, %d runs\n", counts.errors, counts.runs);
  EXPECT_GT(counts.errors, 50);
  EXPECT_GT(counts.runs, 50);
}

// Weights that are all of one kind of nonsense: infinities, NaN, the largest number, as floats and
// as scales of blocks.
TEST(Hostile, WeightsThatAreNoNumbers) {
  Counts counts;
  for (const auto& t : quant::all_formats()) {
    const std::string whole = test::tiny_model(small_of(t.format));
    const auto file = *test::parse_model(whole);
    for (const auto& tensor : file->tensors()) {
      for (const int byte : {0x00, 0x7c, 0x7f, 0x80, 0xff}) {
        std::string bytes = whole;
        std::memset(&bytes[tensor.offset], byte, tensor.bytes);
        judge(use(std::move(bytes)), counts, fmt::format("{} {} {:#x}", t.name, tensor.name, byte));
      }
    }
  }
  EXPECT_GT(counts.runs, 0);
}

template <class T>
TinyOptions with_key(const std::string& key, T value) {
  TinyOptions options = kSmall;
  options.also = [=](gguf::Writer& w) { w.set(key, gguf::Value(value)); };
  return options;
}
void expect_refused(const TinyOptions& options, const std::string& field) {
  const auto result = use(test::tiny_model(options));
  ASSERT_FALSE(result) << field;
  EXPECT_THAT(result.error().message,
              AllOf(StartsWith(kPath), HasSubstr(field), Not(HasSubstr("\n"))));
}

// Numbers that would have hob allocate what the file cannot back.
TEST(Hostile, HugeHyperparametersAreRefused) {
  for (const char* key :
       {"block_count", "embedding_length", "feed_forward_length", "attention.head_count",
        "attention.head_count_kv", "attention.key_length", "rope.dimension_count"}) {
    for (const uint64_t value : {uint64_t{4096}, uint64_t{16384}, uint64_t{1} << 20,
                                 uint64_t{1} << 32, std::numeric_limits<uint64_t>::max()}) {
      expect_refused(with_key(std::string("llama.") + key, value), "");
    }
  }
  expect_refused(with_key("llama.context_length", uint64_t{1} << 33), "llama.context_length");
  const auto long_context =
      use(test::tiny_model(with_key("llama.context_length", uint64_t{1} << 32)));
  EXPECT_TRUE(long_context) << long_context.error().message;  // runs in the default context
}

TEST(Hostile, SpecialTokensOutsideTheVocabularyAreRefused) {
  for (const char* key :
       {"bos_token_id", "eos_token_id", "eot_token_id", "unknown_token_id", "padding_token_id"}) {
    const std::string name = std::string("tokenizer.ggml.") + key;
    for (const uint32_t id : {uint32_t(test::tiny_vocabulary()), uint32_t{1} << 31, UINT32_MAX})
      expect_refused(with_key(name, id), name);
    expect_refused(with_key(name, int32_t{-5}), name);
    expect_refused(with_key(name, std::string_view("<s>")), name);
  }
}

// The embedding and the tokenizer disagree about the number of tokens: ids of one that the other
// lacks.
TEST(Hostile, TokensThatTheModelLacksAreAnError) {
  TinyOptions few = kSmall;
  few.vocabulary = 200;  // the control tokens are beyond
  const auto result = use(test::tiny_model(few));
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("200"));
  TinyOptions many = kSmall;
  many.vocabulary = test::tiny_vocabulary() + 500;  // tokens that the tokenizer cannot spell
  const std::string path = test::write_tiny_model(many);
  const auto model = chat::LocalModel::load(path, {.threads = 1});
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message, HasSubstr("token_embd.weight"));
}

// The same through LocalModel and a file on disk, as commands use it.
TEST(Hostile, LocalModelRunsOrRefuses) {
  const std::string path = test::write_tiny_model(kSmall), whole = test::tiny_model(kSmall);
  const size_t header = header_bytes(whole);
  Counts counts;
  for (uint64_t turn = 0; turn < 100; ++turn) {
    ASSERT_TRUE(os::write_file_atomically(path, flipped(whole, header, 2 * turn)));
    const auto attempt = [&]() -> Result<std::string> {
      HOB_TRY(auto model, chat::LocalModel::load(path, {.threads = 1}));
      const std::vector<chat::Message> messages = {{"user", "the hello"}};
      HOB_TRY(auto reply, model->reply(messages, {.max_tokens = 4}, nullptr));
      return reply.text;
    };
    judge(attempt(), counts, fmt::format("turn {}", turn));
  }
  std::filesystem::remove(path);
  EXPECT_EQ(counts.errors + counts.runs, 100);
}

// The real file, damaged in memory: HOB_HOSTILE_FLIPS says how often (some are always tried).
TEST(Hostile, TheRealModelWithFlippedBits) {
  const char* path = std::getenv("HOB_TEST_MODEL");
  ASSERT_NE(path, nullptr) << "HOB_TEST_MODEL must name the default model's file; ./check sets it";
  const char* wanted = std::getenv("HOB_HOSTILE_FLIPS");
  const uint64_t turns = wanted ? std::strtoull(wanted, nullptr, 10) : 10;
  std::ifstream in(path, std::ios::binary);
  const std::string original((std::istreambuf_iterator<char>(in)), {});
  std::string bytes = original;
  const size_t header = header_bytes(original);
  Counts counts;
  for (uint64_t turn = 0; turn < turns; ++turn) {
    // Three of four in the header: there is more to say wrongly.
    const bool in_header = turn % 4 != 3;
    const size_t first = in_header ? 0 : header,
                 size = (in_header ? header : original.size()) - first;
    const size_t at = first + static_cast<size_t>(random_unit(19, RandomStream::kTest, turn) *
                                                  static_cast<double>(size));
    bytes[at] ^= static_cast<char>(1 << (random_words(20, RandomStream::kTest, turn)[0] & 7));
    const auto attempt = [&]() -> Result<std::string> {
      HOB_TRY(auto parsed, gguf::File::parse(std::as_bytes(std::span(bytes)), kPath));
      return use(std::make_shared<const gguf::File>(std::move(parsed)));
    };
    judge(attempt(), counts, fmt::format("turn {} byte {}", turn, at));
    bytes[at] = original[at];
  }
  std::printf("%d errors, %d runs\n", counts.errors, counts.runs);
  EXPECT_EQ(static_cast<uint64_t>(counts.errors + counts.runs), turns);
}

}  // namespace
}  // namespace hob
