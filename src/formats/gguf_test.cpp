// Reading a file that another program wrote: gguf_small.gguf (tests/data/make_gguf_small.py).
#include "formats/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

namespace hob::gguf {
namespace {

using testing::HasSubstr;

const std::string kSmall = HOB_SOURCE_DIR "/tests/data/gguf_small.gguf";

File open_small() {
  auto file = File::open(kSmall);
  if (!file) throw std::runtime_error(file.error().message);
  return *std::move(file);
}

template <class T>
T get(const File& file, std::string_view key) {
  const Value* value = file.find(key);
  EXPECT_TRUE(value && std::holds_alternative<T>(*value)) << key;
  return value ? std::get<T>(*value) : T{};
}

TEST(Gguf, KeepsEveryTypeOfValue) {
  const File file = open_small();
  EXPECT_EQ(file.path(), kSmall);
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.alignment(), 64u);
  EXPECT_EQ(file.file_bytes(), file.mapping().bytes().size());
  EXPECT_EQ(get<uint8_t>(file, "t.u8"), 200);
  EXPECT_EQ(get<int8_t>(file, "t.i8"), -100);
  EXPECT_EQ(get<uint16_t>(file, "t.u16"), 60000);
  EXPECT_EQ(get<int16_t>(file, "t.i16"), -30000);
  EXPECT_EQ(get<uint32_t>(file, "t.u32"), 4000000000);
  EXPECT_EQ(get<int32_t>(file, "t.i32"), -2000000000);
  EXPECT_EQ(get<float>(file, "t.f32"), 0.5f);
  EXPECT_EQ(get<uint64_t>(file, "t.u64"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(get<int64_t>(file, "t.i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(get<double>(file, "t.f64"), 1e300);
  EXPECT_EQ(get<bool>(file, "t.bool"), true);
  EXPECT_EQ(get<std::string_view>(file, "t.string"),
            "h\xc3\xb6"
            "b\n");
  EXPECT_EQ(file.metadata().front().first, "general.architecture");
  EXPECT_EQ(file.metadata().size(), 18u);
  EXPECT_EQ(file.find("t.u"), nullptr);
}

TEST(Gguf, ReadsArraysInPlace) {
  const File file = open_small();
  const Array& strings = *file.strings("t.strings").value();
  EXPECT_THAT(strings.strings, testing::ElementsAre("a", "", "\xe2\x82\xac"));
  const Array& ints = *file.integers("t.ints").value();
  ASSERT_EQ(ints.count, 3u);
  EXPECT_EQ(ints.integer(1), -2);
  EXPECT_EQ(ints.number(2), 3.0);
  const Array& floats = *file.numbers("t.floats").value();
  EXPECT_EQ(floats.number(1), -1.5);
  EXPECT_EQ(floats.integer(1), -1);
  const Array& bools = *file.array("t.bools").value();
  EXPECT_EQ(bools.element_type, ValueType::kBool);
  EXPECT_EQ(bools.integer(0), 1);
  EXPECT_EQ(file.array("absent").value(), nullptr);
  EXPECT_EQ(file.strings("absent").value(), nullptr);
}

TEST(Gguf, ArrayNumbersStopAtTheEndsOfTheirType) {
  const double doubles[] = {1e300, -1e300, std::nan(""), 2.9};
  Array array;
  array.element_type = ValueType::kF64;
  array.count = 4;
  array.data = reinterpret_cast<const std::byte*>(doubles);
  EXPECT_EQ(array.integer(0), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(array.integer(1), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(array.integer(2), 0);
  EXPECT_EQ(array.integer(3), 2);
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  array.element_type = ValueType::kU64;
  array.count = 1;
  array.data = reinterpret_cast<const std::byte*>(&most);
  EXPECT_EQ(array.integer(0), std::numeric_limits<int64_t>::max());
}

TEST(Gguf, TensorsHaveShapesOutermostFirst) {
  const File file = open_small();
  ASSERT_EQ(file.tensors().size(), 5u);
  const Tensor& cube = *file.find_tensor("cube");
  EXPECT_THAT(cube.shape, testing::ElementsAre(2, 3, 4));
  EXPECT_EQ(cube.format, quant::Format::kF32);
  EXPECT_EQ(cube.bytes, 96u);
  EXPECT_EQ(cube.offset % 64, 0u);
  float last;
  std::memcpy(&last, cube.data + 92, 4);
  EXPECT_EQ(last, 23);
  EXPECT_EQ(file.find_tensor("cub"), nullptr);
}

// Value (i - 31) / 8 of the fixture's 2 x 32 matrix in each format, to that format's precision.
TEST(Gguf, TensorDataIsWhereItShouldBe) {
  const File file = open_small();
  for (const auto& [name, tolerance] :
       {std::pair{"f32", 0.0f}, {"f16", 0.0f}, {"q8_0", 0.02f}, {"q4_0", 0.6f}}) {
    const Tensor* tensor = file.find_tensor(name);
    ASSERT_TRUE(tensor) << name;
    std::vector<float> values(64);
    quant::traits(*tensor->format).dequantize(tensor->data, 64, values.data());
    for (int i = 0; i < 64; ++i) {
      EXPECT_NEAR(values[i], static_cast<float>(i - 31) / 8, tolerance) << name << " " << i;
    }
  }
}

TEST(Gguf, TypedReadsNameFileAndKey) {
  const File file = open_small();
  EXPECT_EQ(file.text("general.architecture").value(), "llama");
  EXPECT_EQ(file.text_or("absent", "x").value(), "x");
  EXPECT_EQ(file.integer("t.u8").value(), 200u);
  EXPECT_EQ(file.integer_or("absent", 7).value(), 7u);
  EXPECT_EQ(file.number_or("t.f32", 0).value(), 0.5);
  EXPECT_EQ(file.number_or("t.i8", 0).value(), -100);
  EXPECT_EQ(file.boolean_or("t.bool", false).value(), true);
  EXPECT_EQ(file.boolean_or("absent", true).value(), true);

  const auto message = [](const auto& result) { return result ? "none" : result.error().message; };
  EXPECT_EQ(message(file.text("absent")), kSmall + ": key 'absent' is missing");
  EXPECT_EQ(message(file.integer("absent")), kSmall + ": key 'absent' is missing");
  EXPECT_EQ(message(file.text("t.u8")), kSmall + ": key 't.u8' is of type u8, not string");
  EXPECT_EQ(message(file.integer("t.i8")), kSmall + ": key 't.i8' is -100");
  EXPECT_EQ(message(file.integer("t.f32")),
            kSmall + ": key 't.f32' is of type f32, not an integer");
  EXPECT_EQ(message(file.integer("t.bool")),
            kSmall + ": key 't.bool' is of type bool, not an integer");
  EXPECT_EQ(message(file.number_or("t.bool", 0)),
            kSmall + ": key 't.bool' is of type bool, not a number");
  EXPECT_EQ(message(file.boolean_or("t.u8", false)),
            kSmall + ": key 't.u8' is of type u8, not bool");
  EXPECT_EQ(message(file.array("t.u8")), kSmall + ": key 't.u8' is of type u8, not an array");
  EXPECT_EQ(message(file.strings("t.ints")),
            kSmall + ": key 't.ints' is an array of i32, not of strings");
  EXPECT_EQ(message(file.integers("t.floats")),
            kSmall + ": key 't.floats' is an array of f32, not of integers");
  EXPECT_EQ(message(file.numbers("t.strings")),
            kSmall + ": key 't.strings' is an array of string, not of numbers");
}

TEST(Gguf, AFileMovesWithoutLosingItsViews) {
  File first = open_small();
  const File second = std::move(first);
  EXPECT_EQ(second.text("general.architecture").value(), "llama");
  EXPECT_EQ(second.find_tensor("cube")->shape.size(), 3u);
}

TEST(Gguf, FilesThatAreNotThereOrEmpty) {
  const auto missing = File::open("/nonexistent/model.gguf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("/nonexistent/model.gguf"));
  const std::string path = testing::TempDir() + "/empty.gguf";
  std::ofstream(path).close();
  const auto empty = File::open(path);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().message, path + ": the file is empty");
  EXPECT_FALSE(File::open(testing::TempDir()));  // a folder
}

TEST(GgufText, ValuesReadWellOnOneLine) {
  const File file = open_small();
  const auto text = [&](std::string_view key) { return to_text(*file.find(key), 30); };
  EXPECT_EQ(text("t.u8"), "200");
  EXPECT_EQ(text("t.i8"), "-100");
  EXPECT_EQ(text("t.f32"), "0.5");
  EXPECT_EQ(text("t.bool"), "true");
  EXPECT_EQ(text("t.string"),
            "\"h\xc3\xb6"
            "b\\n\"");
  EXPECT_EQ(text("t.strings"), "[3 string] \"a\", \"\", \"\xe2\x82\xac\"");
  EXPECT_EQ(text("t.ints"), "[3 i32] 1, -2, 3");
  EXPECT_EQ(text("t.bools"), "[2 bool] true, false");
  EXPECT_EQ(to_text(*file.find("t.ints"), 12), "[3 i32] 1, -2, ...");
  EXPECT_EQ(to_text(*file.find("t.strings"), 5), "[3 string] ...");
}

TEST(GgufText, NothingUnprintableReachesTheTerminal) {
  EXPECT_EQ(printable("plain \xc3\xa9"), "plain \xc3\xa9");
  EXPECT_EQ(printable("a\x1b[31m\r\n\t\x7f"), "a\\x1b[31m\\x0d\\n\\t\\x7f");
  EXPECT_EQ(printable(std::string_view("\0x", 2)), "\\x00x");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");           // C1: an escape on some terminals
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");           // no UTF-8, cut UTF-8
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // past U+10FFFF
  EXPECT_EQ(printable("\xf0\x9f\xa6\x89"), "\xf0\x9f\xa6\x89");      // an owl
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");           // turns the text around
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("abc", 3), "abc");
}

}  // namespace
}  // namespace hob::gguf
