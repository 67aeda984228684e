// What the writer writes, the reader reads; what another program wrote comes out unchanged.
#include "formats/gguf_write.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/rng.h"
#include "os/file.h"

namespace hob::gguf {
namespace {

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::vector<float> random_values(size_t count) {
  std::vector<float> values;
  for (size_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(random_unit(5, RandomStream::kTest, i)) - 0.5f);
  }
  return values;
}

TEST(GgufWriter, KeepsTheBytesOfAnotherProgramsFile) {
  const std::string path = HOB_SOURCE_DIR "/tests/data/gguf_small.gguf";
  const File file = File::open(path).value();
  Writer writer;
  for (const auto& [key, value] : file.metadata()) writer.set(key, value);
  for (const Tensor& t : file.tensors()) {
    writer.add_tensor(t.name, *t.format, t.shape, std::span(t.data, t.bytes));
  }
  EXPECT_TRUE(writer.bytes() == os::read_file(path).value());
}

TEST(GgufWriter, EveryFormatAndValueComesBack) {
  Writer writer;
  writer.set("general.architecture", "llama");
  writer.set("x.count", uint32_t{1});
  writer.set("x.rate", 0.25f);
  writer.set("x.flag", true);
  writer.set_strings("x.tokens", std::vector<std::string>{"a", "", std::string("\0\xff", 2)});
  writer.set_strings("x.none", {});
  writer.set_numbers("x.types", std::vector<int32_t>{1, -3});
  writer.set_numbers("x.scores", std::vector<float>{0.5f});
  writer.set("x.count", uint32_t{2});  // replaces
  const auto values = random_values(3 * 256);
  for (const quant::FormatTraits& t : quant::all_formats()) {
    writer.add_tensor(t.name, t.format, {3, 256}, values);
  }
  const std::string bytes = writer.bytes();
  const File file = File::parse(as_bytes(bytes), "memory").value();
  EXPECT_EQ(file.metadata()[1].first, "x.count");
  EXPECT_EQ(file.integer("x.count").value(), 2u);
  EXPECT_EQ(file.number_or("x.rate", 0).value(), 0.25);
  EXPECT_TRUE(file.boolean_or("x.flag", false).value());
  EXPECT_THAT(file.strings("x.tokens").value()->strings,
              testing::ElementsAre("a", "", std::string_view("\0\xff", 2)));
  EXPECT_EQ(file.strings("x.none").value()->count, 0u);
  EXPECT_EQ(file.integers("x.types").value()->integer(1), -3);
  EXPECT_EQ(file.numbers("x.scores").value()->number(0), 0.5);
  for (const quant::FormatTraits& t : quant::all_formats()) {
    const Tensor* tensor = file.find_tensor(t.name);
    ASSERT_TRUE(tensor) << t.name;
    EXPECT_EQ(tensor->format, t.format);
    EXPECT_THAT(tensor->shape, testing::ElementsAre(3, 256));
    std::vector<std::byte> blocks(quant::row_bytes(t.format, values.size()));
    t.quantize(values.data(), values.size(), blocks.data());
    EXPECT_EQ(std::memcmp(tensor->data, blocks.data(), blocks.size()), 0) << t.name;
  }
}

TEST(GgufWriter, AlignsToWhatTheMetadataSays) {
  Writer writer;
  writer.set("general.alignment", uint32_t{1024});
  writer.add_tensor("a", quant::Format::kF32, {1}, random_values(1));
  writer.add_tensor("b", quant::Format::kF32, {1}, random_values(1));
  const std::string bytes = writer.bytes();
  const File file = File::parse(as_bytes(bytes), "memory").value();
  EXPECT_EQ(file.tensors()[0].offset, 1024u);
  EXPECT_EQ(file.tensors()[1].offset, 2048u);
}

TEST(GgufWriter, AFileWithoutTensorsIsWhole) {
  Writer writer;
  writer.set("a", uint8_t{1});
  const std::string bytes = writer.bytes();
  EXPECT_EQ(bytes.size(), 24u + 8 + 1 + 4 + 1);
  EXPECT_TRUE(File::parse(as_bytes(bytes), "memory"));
}

TEST(GgufWriter, ReplacesAFileWhole) {
  const std::string dir = testing::TempDir() + "/gguf_write_" + std::to_string(::getpid());
  std::filesystem::create_directories(dir);
  const std::string path = dir + "/model.gguf";
  Writer writer;
  writer.set("general.architecture", "old");
  ASSERT_TRUE(writer.write(path));
  const File old = File::open(path).value();
  writer.set("general.architecture", "new");
  ASSERT_TRUE(writer.write(path));
  EXPECT_EQ(old.text("general.architecture").value(), "old");  // its mapping is untouched
  EXPECT_EQ(File::open(path)->text("general.architecture").value(), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir), {}), 1);  // nothing left over
  EXPECT_FALSE(writer.write(dir + "/absent/model.gguf"));
  std::filesystem::remove_all(dir);
}

TEST(GgufWriterDeathTest, RefusesTensorsThatContradictThemselves) {
  const std::vector<float> values(32);
  const auto add = [&](std::vector<uint64_t> shape, quant::Format format) {
    Writer().add_tensor("a", format, std::move(shape), values);
  };
  EXPECT_DEATH(add({33}, quant::Format::kF32), "32 values");
  EXPECT_DEATH(add({2, 16}, quant::Format::kQ8_0), "rows of 16");
  EXPECT_DEATH(
      {
        Writer writer;
        writer.add_tensor("a", quant::Format::kF32, {32}, values);
        writer.add_tensor("a", quant::Format::kF32, {32}, values);
      },
      "'a' twice");
}

}  // namespace
}  // namespace hob::gguf
