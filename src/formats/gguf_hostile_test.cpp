// Files that lie. Each corruption must end in one line that names the file and the field; random
// damage must end in an error or in a file whose every promise holds, which the sanitizers judge.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "base/rng.h"
#include "formats/gguf.h"
#include "formats/gguf_write.h"
#include "tests/support/exact_bytes.h"

namespace hob::gguf {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kPath = "dir/model.gguf";

template <class T>
std::string raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}
std::string raw_string(std::string_view text) {
  return raw<uint64_t>(text.size()) + std::string(text);
}

struct RawKey {
  std::string name;  // with its length
  uint32_t type;
  std::string value;
};

struct RawTensor {
  std::string name;            // with its length
  std::vector<uint64_t> dims;  // innermost first, as in the file
  uint32_t type;
  uint64_t offset;
  std::optional<uint32_t> dim_count;
};

// A file in parts, each of which a test can spoil.
struct RawFile {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::optional<uint64_t> tensor_count, key_count;
  std::vector<RawKey> keys;
  std::vector<RawTensor> tensors;
  size_t alignment = 32, data_bytes = 0;

  std::string header() const {
    std::string out = magic + raw(version) + raw<uint64_t>(tensor_count.value_or(tensors.size())) +
                      raw<uint64_t>(key_count.value_or(keys.size()));
    for (const RawKey& key : keys) out += key.name + raw(key.type) + key.value;
    for (const RawTensor& t : tensors) {
      out += t.name + raw(t.dim_count.value_or(static_cast<uint32_t>(t.dims.size())));
      for (const uint64_t size : t.dims) out += raw(size);
      out += raw(t.type) + raw(t.offset);
    }
    return out;
  }
  std::string bytes() const {
    std::string out = header();
    out.resize((out.size() + alignment - 1) / alignment * alignment + data_bytes);
    return out;
  }
};

constexpr uint32_t kU8 = 0, kU32 = 4, kF32 = 6, kBool = 7, kString = 8, kArray = 9;
constexpr uint32_t kTypeF32 = 0, kTypeQ4_0 = 2, kTypeQ4_K = 12, kTypeIq4Nl = 20;

// Two keys, an array of each kind, two tensors: valid.
RawFile valid() {
  RawFile f;
  f.keys = {{raw_string("general.architecture"), kString, raw_string("llama")},
            {raw_string("numbers"), kArray, raw(kU32) + raw<uint64_t>(2) + raw<uint64_t>(7)},
            {raw_string("tokens"), kArray,
             raw(kString) + raw<uint64_t>(2) + raw_string("a") + raw_string("bc")},
            {raw_string("flag"), kBool, raw<uint8_t>(1)}};
  f.tensors = {{raw_string("first"), {32, 2}, kTypeQ4_0, 0, {}},  // 36 bytes
               {raw_string("second"), {8}, kTypeF32, 64, {}}};    // 32 bytes
  f.data_bytes = 96;
  return f;
}

struct Exact : test::ExactBytes {
  using ExactBytes::ExactBytes;
  Result<File> parse() const { return File::parse(bytes(), kPath); }
};

TEST(GgufHostile, TheFileThatTheOthersSpoilIsValid) {
  const Exact exact(valid().bytes());
  const auto file = exact.parse();
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->find_tensor("first")->bytes, 36u);
  RawFile v2 = valid();
  v2.version = 2;
  const Exact exact2(v2.bytes());
  EXPECT_TRUE(exact2.parse());
}

struct Corruption {
  const char* what;
  std::function<void(RawFile&)> spoil;
  const char* message;  // part of it
};

const Corruption kCorruptions[] = {
    {"magic", [](RawFile& f) { f.magic = "GGML"; }, "magic number"},
    {"version 0", [](RawFile& f) { f.version = 0; }, "version 0"},
    {"version 1", [](RawFile& f) { f.version = 1; }, "version 1"},
    {"version 99", [](RawFile& f) { f.version = 99; }, "version 99"},
    {"big endian", [](RawFile& f) { f.version = 0x03000000; }, "big-endian"},
    {"key count huge", [](RawFile& f) { f.key_count = ~0ull; }, "18446744073709551615 keys"},
    {"key count too many", [](RawFile& f) { f.key_count = 1000; }, "1000 keys"},
    {"key count one more", [](RawFile& f) { f.key_count = 5; }, "the name of tensor 0"},
    {"tensor count huge", [](RawFile& f) { f.tensor_count = 1ull << 63; },
     "9223372036854775808 tensors"},
    {"tensor count one more", [](RawFile& f) { f.tensor_count = 3; }, "tensor 2"},
    {"key length past the end", [](RawFile& f) { f.keys[1].name = raw<uint64_t>(5000) + "x"; },
     "the name of key 1"},
    {"key length wraps around", [](RawFile& f) { f.keys[1].name = raw<uint64_t>(~0ull - 7) + "x"; },
     "the name of key 1"},
    {"key empty", [](RawFile& f) { f.keys[1].name = raw_string(""); }, "key 1 is empty"},
    {"key too long", [](RawFile& f) { f.keys[1].name = raw_string(std::string(65536, 'k')); },
     "the name of key 1 has 65536 bytes"},
    {"key twice", [](RawFile& f) { f.keys[1].name = raw_string("general.architecture"); },
     "key 'general.architecture' appears twice"},
    {"key unprintable",
     [](RawFile& f) {
       f.keys[1] = {raw_string("a\x1b[2J"), 77, ""};
     },
     "key 'a\\x1b[2J' has the unknown type 77"},
    {"value type 13", [](RawFile& f) { f.keys[1].type = 13; },
     "key 'numbers' has the unknown type 13"},
    {"value type huge", [](RawFile& f) { f.keys[1].type = 0xffffffff; },
     "the unknown type 4294967295"},
    {"element type 13", [](RawFile& f) { f.keys[1].value = raw<uint32_t>(13) + raw<uint64_t>(1); },
     "key 'numbers' has the unknown element type 13"},
    {"array of arrays",
     [](RawFile& f) {
       f.keys[1].value = raw(kArray) + raw<uint64_t>(1) + raw(kU8) + raw<uint64_t>(1) + "x";
     },
     "key 'numbers' is an array of arrays"},
    {"array huge", [](RawFile& f) { f.keys[1].value = raw(kU32) + raw<uint64_t>(~0ull); },
     "array 'numbers' promises 18446744073709551615 elements"},
    {"array wraps around",
     [](RawFile& f) { f.keys[1].value = raw(kU32) + raw<uint64_t>((1ull << 62) + 1); },
     "array 'numbers' promises 4611686018427387905 elements"},
    {"array of strings huge",
     [](RawFile& f) { f.keys[2].value = raw(kString) + raw<uint64_t>(1ull << 40); },
     "array 'tokens' promises 1099511627776 elements"},
    {"string in array past the end",
     [](RawFile& f) {
       f.keys[2].value =
           raw(kString) + raw<uint64_t>(2) + raw_string("a") + raw<uint64_t>(1ull << 33);
     },
     "element 1 of array 'tokens'"},
    {"string past the end", [](RawFile& f) { f.keys[0].value = raw<uint64_t>(1ull << 50); },
     "the text of key 'general.architecture'"},
    {"bool 2", [](RawFile& f) { f.keys[3].value = raw<uint8_t>(2); },
     "key 'flag' is a bool of value 2"},
    {"bool 2 in array",
     [](RawFile& f) {
       f.keys[1].value = raw(kBool) + raw<uint64_t>(2) + raw<uint8_t>(1) + raw<uint8_t>(2);
     },
     "element 1 of array 'numbers' is a bool of value 2"},
    {"alignment 0",
     [](RawFile& f) {
       f.keys[1] = {raw_string("general.alignment"), kU32, raw<uint32_t>(0)};
     },
     "'general.alignment' is 0"},
    {"alignment 3",
     [](RawFile& f) {
       f.keys[1] = {raw_string("general.alignment"), kU32, raw<uint32_t>(3)};
     },
     "'general.alignment' is 3"},
    {"alignment 1",
     [](RawFile& f) {
       f.keys[1] = {raw_string("general.alignment"), kU32, raw<uint32_t>(1)};
     },
     "'general.alignment' is 1"},
    {"alignment huge",
     [](RawFile& f) {
       f.keys[1] = {raw_string("general.alignment"), kU32, raw<uint32_t>(1u << 31)};
     },
     "past the file"},
    {"alignment of another type",
     [](RawFile& f) {
       f.keys[1] = {raw_string("general.alignment"), kF32, raw(32.0f)};
     },
     "'general.alignment' is not a u32"},
    {"split",
     [](RawFile& f) {
       f.keys[1] = {raw_string("split.count"), 2, raw<uint16_t>(3)};
       f.keys[3] = {raw_string("split.no"), 2, raw<uint16_t>(1)};
     },
     "split.count: this is part 2 of a model split into 3 files"},
    {"split count negative",
     [](RawFile& f) {
       f.keys[1] = {raw_string("split.count"), 5, raw<int32_t>(-1)};
     },
     "key 'split.count' is -1"},
    {"tensor name empty", [](RawFile& f) { f.tensors[1].name = raw_string(""); },
     "the name of tensor 1 is empty"},
    {"tensor name too long",
     [](RawFile& f) { f.tensors[1].name = raw_string(std::string(65, 't')); },
     "the name of tensor 1 has 65 bytes"},
    {"tensor name past the end", [](RawFile& f) { f.tensors[1].name = raw<uint64_t>(1ull << 60); },
     "the name of tensor 1"},
    {"tensor twice", [](RawFile& f) { f.tensors[1].name = raw_string("first"); },
     "tensor 'first' appears twice"},
    {"no dimensions", [](RawFile& f) { f.tensors[1].dims = {}; }, "tensor 'second' has 0 dim"},
    {"five dimensions",
     [](RawFile& f) {
       f.tensors[1].dims = {1, 1, 1, 1, 1};
     },
     "tensor 'second' has 5 dimensions"},
    {"dimension count huge", [](RawFile& f) { f.tensors[1].dim_count = 0xffffffff; },
     "tensor 'second' has 4294967295 dimensions"},
    {"dimension 0",
     [](RawFile& f) {
       f.tensors[0].dims = {32, 0};
     },
     "dimension 1 of tensor 'first' is 0"},
    {"dimensions overflow",
     [](RawFile& f) {
       f.tensors[0].dims = {1ull << 32, 1ull << 32};
     },
     "dimensions of tensor 'first' overflow"},
    {"dimension negative",
     [](RawFile& f) {
       f.tensors[0].dims = {~0ull - 31, 1};
     },
     "dimensions of tensor 'first' overflow"},
    {"dimensions overflow to 0",
     [](RawFile& f) {
       f.tensors[0].dims = {1ull << 40, 1ull << 40, 1ull << 40};
     },
     "dimensions of tensor 'first' overflow"},
    {"bytes overflow", [](RawFile& f) { f.tensors[1].dims = {1ull << 62}; },
     "dimensions of tensor 'second' overflow"},
    {"row not whole blocks",
     [](RawFile& f) {
       f.tensors[0].dims = {33, 2};
     },
     "tensor 'first' has rows of 33 weights, not a multiple of Q4_0's block of 32"},
    {"row not whole super-blocks", [](RawFile& f) { f.tensors[0].type = kTypeQ4_K; },
     "not a multiple of Q4_K's block of 256"},
    {"offset misaligned", [](RawFile& f) { f.tensors[1].offset = 65; },
     "the offset 65 of tensor 'second' is not a multiple of the alignment 32"},
    {"offset past the end", [](RawFile& f) { f.tensors[1].offset = 1 << 20; },
     "tensor 'second' (offset 1048576, 32 bytes) ends past the file"},
    {"offset wraps around", [](RawFile& f) { f.tensors[1].offset = ~0ull - 31; },
     "tensor 'second' (offset 18446744073709551584, 32 bytes) ends past the file"},
    {"end past the end", [](RawFile& f) { f.tensors[1].dims = {9}; },
     "tensor 'second' (offset 64, 36 bytes) ends past the file"},
    {"unknown type past the end",
     [](RawFile& f) {
       f.tensors[1].type = 99;
       f.tensors[1].offset = 128;
     },
     "tensor 'second' (offset 128, 0 bytes) ends past the file"},
    {"overlap", [](RawFile& f) { f.tensors[1].offset = 32; }, "'first' and 'second' overlap"},
    {"same offset", [](RawFile& f) { f.tensors[1].offset = 0; }, "overlap"},
    {"overlap of unknown types",
     [](RawFile& f) {
       f.tensors[0].type = f.tensors[1].type = 99;
       f.tensors[1].offset = 0;
     },
     "overlap"},
};

TEST(GgufHostile, EachCorruptionNamesFileAndField) {
  for (const Corruption& corruption : kCorruptions) {
    SCOPED_TRACE(corruption.what);
    RawFile raw_file = valid();
    corruption.spoil(raw_file);
    const Exact exact(raw_file.bytes());
    const auto file = exact.parse();
    ASSERT_FALSE(file);
    EXPECT_THAT(file.error().message, StartsWith(std::string(kPath) + ": "));
    EXPECT_THAT(file.error().message, HasSubstr(corruption.message));
    EXPECT_THAT(file.error().message, testing::Not(HasSubstr("\n")));
  }
}

TEST(GgufHostile, AnUnknownWeightTypeIsNoErrorYet) {
  RawFile raw_file = valid();
  raw_file.tensors[0].type = kTypeIq4Nl;
  raw_file.tensors[1].type = 0xffffffff;
  const Exact exact(raw_file.bytes());
  const auto file = exact.parse();
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors()[0].format, std::nullopt);
  EXPECT_EQ(file->tensors()[0].type, kTypeIq4Nl);
  EXPECT_EQ(file->tensors()[0].bytes, 0u);
  EXPECT_EQ(file->tensors()[1].type, 0xffffffff);
}

TEST(GgufHostile, EveryTruncationIsAnError) {
  const std::string whole = valid().bytes();
  for (size_t length = 0; length < whole.size(); ++length) {
    const Exact exact(whole.substr(0, length));
    const auto file = exact.parse();
    ASSERT_FALSE(file) << "cut to " << length << " bytes";
    ASSERT_THAT(file.error().message, StartsWith(std::string(kPath) + ": ")) << length;
    ASSERT_EQ(file.error().kind, ErrorKind::kCorrupt) << length;
  }
}

// Touches every byte that the file vouches for, as a program would that trusts the reader.
size_t use_everything(const File& file) {
  size_t used = 0;
  for (const auto& [key, value] : file.metadata()) {
    used += printable(key).size() + to_text(value, 1 << 20).size();
    if (const auto* array = std::get_if<Array>(&value); array && !array->holds_strings()) {
      for (size_t i = 0; i < array->count; ++i) {
        used += array->number(i) > 0;
        used += array->integer(i) > 0;
      }
    }
    used += file.text(key).has_value() + file.integer(key).has_value() +
            file.number_or(key, 0).has_value() + file.boolean_or(key, false).has_value();
  }
  for (const Tensor& tensor : file.tensors()) {
    if (!tensor.format) continue;
    const quant::FormatTraits& t = quant::traits(*tensor.format);
    std::vector<float> values(tensor.bytes / t.block_bytes * t.block_len);
    t.dequantize(tensor.data, values.size(), values.data());
    used += values.size();
  }
  return used;
}

std::string small_file() {
  Writer writer;
  writer.set("general.architecture", "llama");
  writer.set("general.alignment", uint32_t{32});
  writer.set("llama.block_count", uint32_t{1});
  writer.set("llama.rope.freq_base", 10000.0f);
  writer.set("flag", true);
  writer.set_strings("tokens", std::vector<std::string>{"a", "b", "\xc3\xa9"});
  writer.set_numbers("types", std::vector<int32_t>{1, 1, 3});
  writer.set_numbers("scores", std::vector<double>{0.5, 1e300});
  const std::vector<float> values(256, 0.5f);
  for (const quant::FormatTraits& t : quant::all_formats()) {
    writer.add_tensor(t.name, t.format, {1, 256}, values);
  }
  return writer.bytes();
}

constexpr uint64_t kRounds = 4000;

TEST(GgufHostile, FlippedBitsGiveAnErrorOrAWholeFile) {
  const std::string whole = small_file();
  const size_t header = File::parse(std::as_bytes(std::span(whole)), kPath)->tensors()[0].offset;
  size_t errors = 0, files = 0;
  for (uint64_t round = 0; round < kRounds; ++round) {
    std::string damaged = whole;
    const auto words = random_words(3, RandomStream::kTest, round);
    // Most damage goes where it hurts: a flipped weight is just another weight.
    const size_t range = words[0] % 8 ? header : damaged.size();
    for (uint32_t flip = 0; flip <= words[1] % 3; ++flip) {
      const uint32_t bit = random_words(3, RandomStream::kTest, round, flip + 1)[0];
      damaged[bit / 8 % range] ^= static_cast<char>(1 << bit % 8);
    }
    const Exact exact(damaged);
    const auto file = exact.parse();
    if (file) {
      use_everything(*file);
      ++files;
    } else {
      ASSERT_THAT(file.error().message, StartsWith(std::string(kPath) + ": "));
      ++errors;
    }
  }
  // Both outcomes must be common, or the test tests nothing.
  EXPECT_GT(errors, kRounds / 10);
  EXPECT_GT(files, kRounds / 10);
}

TEST(GgufHostile, OddNumbersInTheHeaderGiveAnErrorOrAWholeFile) {
  const std::string whole = small_file();
  const size_t header = File::parse(std::as_bytes(std::span(whole)), kPath)->tensors()[0].offset;
  constexpr uint64_t kOdd[] = {0,          1,          0x7f,       0xff,       0xffff,
                               0x7fffffff, 0xffffffff, 1ull << 32, 1ull << 62, 1ull << 63,
                               ~0ull,      ~0ull - 7,  9,          12};
  for (size_t at = 0; at + 8 <= header; ++at) {
    for (const uint64_t odd : kOdd) {
      for (const size_t width : {4, 8}) {
        std::string damaged = whole;
        std::memcpy(&damaged[at], &odd, width);
        const Exact exact(damaged);
        if (const auto file = exact.parse()) use_everything(*file);
      }
    }
  }
}

}  // namespace
}  // namespace hob::gguf
