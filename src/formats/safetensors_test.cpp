// What a file says, and files that lie: each lie ends in one line that names the file and the
// tensor; random damage ends in an error or in a file whose every promise holds, which the
// sanitizers judge.
#include "formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/rng.h"
#include "tests/support/exact_bytes.h"

namespace hob::safetensors {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kPath = "dir/model.safetensors";

std::string with_length(std::string_view header, std::string_view data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + std::string(header) +
         std::string(data);
}

constexpr std::string_view kHeader =
    R"({"__metadata__":{"format":"pt"},)"
    R"("b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},)"
    R"("a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},)"
    R"("empty":{"dtype":"I64","shape":[0,7],"data_offsets":[28,28]},)"
    R"("scalar":{"dtype":"U8","shape":[],"data_offsets":[28,29]}})";

struct Exact : test::ExactBytes {
  using ExactBytes::ExactBytes;
  Result<File> parse() const { return File::parse(bytes(), kPath); }
};

TEST(Safetensors, NamesTypesShapesAndPlaces) {
  std::string data(29, '\0');
  const float values[] = {1, 2, 3, 4, 5, 6};
  std::memcpy(&data[4], values, sizeof values);
  const Exact exact(with_length(kHeader, data));
  const auto file = exact.parse();
  ASSERT_TRUE(file) << file.error().message;
  std::vector<std::string> names;
  for (const Tensor& tensor : file->tensors()) names.push_back(tensor.name);
  EXPECT_THAT(names, ElementsAre("a", "b", "empty", "scalar"));
  const Tensor* b = file->find("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->dtype, "F32");
  EXPECT_EQ(b->format, quant::Format::kF32);
  EXPECT_THAT(b->shape, ElementsAre(2, 3));
  EXPECT_EQ(b->offset, 8 + kHeader.size() + 4);
  EXPECT_EQ(std::memcmp(b->data, values, sizeof values), 0);
  EXPECT_EQ(file->find("a")->format, quant::Format::kBF16);
  EXPECT_EQ(file->find("scalar")->bytes, 1u);
  EXPECT_FALSE(file->find("scalar")->format);
  EXPECT_FALSE(file->find("c"));
  EXPECT_THAT(file->metadata(), ElementsAre(std::pair<std::string, std::string>("format", "pt")));
}

TEST(Safetensors, AFileWithoutTensorsIsWhole) {
  const Exact exact(with_length("{}", ""));
  EXPECT_TRUE(exact.parse());
}

struct Lie {
  std::string_view what, with, message;  // in the header; part of the message
};

constexpr Lie kLies[] = {
    {R"("F32")", R"("F33")", "tensor 'b' has dtype 'F33'"},
    {R"("F32")", R"(32)", "tensor 'b': has no dtype"},
    {R"("F32")", R"("F64")", "tensor 'b' has 24 bytes, its shape needs 48"},
    {"[2,3]", "[2,4]", "tensor 'b' has 24 bytes, its shape needs 32"},
    {"[2,3]", "[-2,3]", "tensor 'b': shape is not a whole number"},
    {"[2,3]", "[2.0,3]", "tensor 'b': shape is not a whole number"},
    {"[2,3]", "6", "tensor 'b': has no shape"},
    {"[2,3]", "[4294967296,4294967296,4294967296]", "tensor 'b': is larger than any file"},
    {"[2,3]", "[1,1,1,1,1,1,1,1,6]", "tensor 'b': has too many dimensions"},
    {"[4,28]", "[28,4]", "tensor 'b': ends before it begins"},
    {"[4,28]", "[4,2800]", "tensor 'b': ends past the file"},
    {"[4,28]", "[4]", "tensor 'b': has no data_offsets"},
    {"[4,28]", "[0,24]", "tensor 'b' does not begin where the one before ends"},
    {"[0,4]", "[1,5]", "tensor 'a' does not begin where the one before ends"},
    {R"("a")", R"("b")", "tensor 'b' is there twice"},
    {R"("a":{)", R"("a":{"x":[[[[1]]]],)", "header is nested too deeply"},
    {R"({"dtype":"BF16","shape":[2],"data_offsets":[0,4]})", "7", "its entry is not an object"},
    {R"({"format":"pt"})", "3", "__metadata__ is not an object"},
    {R"("pt")", "3", "__metadata__ holds more than strings"},
    {R"("scalar")", "scalar", "header is not a JSON object"},
};

TEST(SafetensorsHostile, EachLieIsNamed) {
  for (const Lie& lie : kLies) {
    std::string header(kHeader);
    header.replace(header.find(lie.what), lie.what.size(), lie.with);
    const Exact exact(with_length(header, std::string(29, 'x')));
    const auto file = exact.parse();
    ASSERT_FALSE(file) << lie.with;
    EXPECT_THAT(file.error().message, StartsWith(std::string(kPath) + ": ")) << lie.with;
    EXPECT_THAT(file.error().message, HasSubstr(std::string(lie.message))) << lie.with;
  }
}

TEST(SafetensorsHostile, LengthsThatDoNotFit) {
  const std::string whole = with_length(kHeader, std::string(29, 'x'));
  for (size_t size = 0; size < whole.size(); ++size) {
    const Exact cut(whole.substr(0, size));
    EXPECT_FALSE(cut.parse()) << size;
  }
  const Exact longer(whole + "y");
  EXPECT_THAT(longer.parse().error().message, HasSubstr("1 bytes belong to no tensor"));
  const uint64_t most = ~uint64_t{0};
  const Exact lies(std::string(reinterpret_cast<const char*>(&most), 8) + whole.substr(8));
  EXPECT_THAT(lies.parse().error().message, HasSubstr("does not fit the file"));
  const Exact deep(with_length(std::string(100000, '['), ""));
  EXPECT_THAT(deep.parse().error().message, HasSubstr("header"));
}

// Each name costs the same however many there are; a list that is searched from its beginning would
// take minutes over these.
TEST(SafetensorsHostile, NamesWithoutEnd) {
  const auto header = [](size_t count) {
    std::string text = "{";
    for (size_t i = 0; i < count; ++i) text += fmt::format("{}\"{}\":1", i > 0 ? "," : "", i);
    return text + "}";
  };
  const Exact many(with_length(header(200'000), ""));
  EXPECT_THAT(many.parse().error().message, HasSubstr("its entry is not an object"));
  const Exact more(with_length(header(1'000'001), ""));
  EXPECT_THAT(more.parse().error().message, HasSubstr("header has more than 1000000 names"));
}

TEST(SafetensorsHostile, RandomDamageNeverReadsOutside) {
  const std::string whole = with_length(kHeader, std::string(29, 'x'));
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    std::string spoiled = whole;
    const auto w = random_words(seed, RandomStream::kTest, 0);
    for (size_t i = 0; i < 1 + w[3] % 3; ++i)
      spoiled[w[i] % spoiled.size()] = static_cast<char>(w[3] >> (8 * i));
    const Exact exact(spoiled);
    const auto file = exact.parse();
    if (!file) continue;
    uint32_t sum = 0;
    for (const Tensor& tensor : file->tensors()) {
      for (uint64_t i = 0; i < tensor.bytes; ++i) sum += static_cast<uint32_t>(tensor.data[i]);
    }
    EXPECT_LT(sum, 29u * 256);
  }
}

}  // namespace
}  // namespace hob::safetensors
