#include "hub/repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/digest.h"

namespace hob::hub {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Wanted, IsReadAsPeopleWriteIt) {
  const auto plain = parse_wanted("org/name").value();
  EXPECT_EQ(plain.repository, "org/name");
  EXPECT_EQ(plain.revision, "main");
  EXPECT_EQ(plain.file, "");
  const auto full = parse_wanted("https://huggingface.co/org/na.me-1_x@v1/a:sub/f.gguf").value();
  EXPECT_EQ(full.repository, "org/na.me-1_x");
  EXPECT_EQ(full.revision, "v1/a");
  EXPECT_EQ(full.file, "sub/f.gguf");
  for (const char* wrong : {"", "name", "org/", "/name", "a/b/c", "org/..", "org/name@", "-o/n"}) {
    EXPECT_FALSE(parse_wanted(wrong)) << wrong;
  }
  EXPECT_FALSE(parse_wanted("org/name:" + std::string(1'000'000, 'x')));
}

std::vector<std::string> chosen(std::vector<std::string> paths, const std::string& file) {
  Repository repository{"org/name", "abc", {}};
  for (auto& path : paths) repository.files.push_back({std::move(path), 1, std::string(64, '0')});
  const auto files = choose_files(repository, {"org/name", "main", file});
  if (!files) return {"error", files.error().message};
  std::vector<std::string> out;
  for (const RemoteFile& f : *files) out.push_back(f.path);
  return out;
}

TEST(ChooseFiles, OneThatIsMeant) {
  EXPECT_THAT(chosen({"README.md", "m.gguf", "mmproj-m.gguf"}, ""), ElementsAre("m.gguf"));
  EXPECT_THAT(chosen({"m-q8_0.gguf", "m-Q4_K_M.gguf"}, ""), ElementsAre("m-Q4_K_M.gguf"));
  EXPECT_THAT(chosen({"m-q8_0.gguf", "m-q2_k.gguf"}, ""),
              ElementsAre("error", HasSubstr("m-q8_0.gguf, m-q2_k.gguf")));
  EXPECT_THAT(chosen({"m-q8_0.gguf", "m-q2_k.gguf"}, "Q8_0"), ElementsAre("m-q8_0.gguf"));
  EXPECT_THAT(chosen({"m-q4_k_m.gguf", "README.md"}, "README.md"), ElementsAre("README.md"));
  EXPECT_THAT(chosen({"a.gguf", "aa.gguf"}, "a.gguf"), ElementsAre("a.gguf"));  // whole names first
  EXPECT_THAT(chosen({"README.md"}, ""), ElementsAre("error", HasSubstr("no GGUF or safetensors")));
  EXPECT_THAT(chosen({}, ""), ElementsAre("error", HasSubstr("no GGUF")));
}

TEST(ChooseFiles, SafetensorsAtTheTop) {
  EXPECT_THAT(chosen({"a.safetensors", "config.json", "onnx/config.json", "README.md"}, ""),
              ElementsAre("a.safetensors", "config.json"));
  const std::vector<std::string> in_folders = {"model_index.json", "vae/a.safetensors"};
  EXPECT_THAT(chosen(in_folders, ""),
              ElementsAre("error", HasSubstr("outside of folders; name one as org/name:FILE: v")));
  EXPECT_THAT(chosen(in_folders, "vae/a.safetensors"), ElementsAre("vae/a.safetensors"));
}

TEST(ChooseFiles, AllPartsOfOne) {
  EXPECT_THAT(chosen({"q4/m-00001-of-00002.gguf", "q4/m-00002-of-00002.gguf", "m-q8.gguf"}, "q4/"),
              ElementsAre("q4/m-00001-of-00002.gguf", "q4/m-00002-of-00002.gguf"));
  EXPECT_THAT(chosen({"m-00001-of-00002.gguf", "m-00002-of-0000x.gguf"}, ""),
              ElementsAre("error", HasSubstr("several GGUF files")));
}

TEST(ChooseFiles, NamesOfAnyLength) {
  std::string parts;
  for (int i = 0; i < 100'000; ++i) parts += "-00001-of-00002";
  EXPECT_THAT(chosen({parts + ".gguf"}, ""), ElementsAre(parts + ".gguf"));
}

// sha256sum and git hash-object of the same three bytes.
TEST(Digest, IsTheHubs) {
  const char* sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  Digest large(sha256, 3);
  large.update("a");
  large.update("bc");
  EXPECT_EQ(large.finish(), sha256);
  const char* git = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f";
  Digest small(git, 3);
  small.update("abc");
  EXPECT_EQ(small.finish(), git);
  EXPECT_FALSE(Digest::is_known("md5"));
  EXPECT_FALSE(Digest::is_known(std::string(64, 'G')));
}

}  // namespace
}  // namespace hob::hub
