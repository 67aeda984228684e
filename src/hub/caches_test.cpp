#include "hub/caches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/temp_folder.h"

namespace hob::hub {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Caches : public test::FolderTest {
 protected:
  CacheFolders folders() const {
    return {.hugging_face = path("hub"),
            .ollama = path("ollama"),
            .lm_studio = {path("studio"), "/nowhere/at/all"}};
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& model : cached_models(folders())) out.push_back(model.name);
    return out;
  }
  void manifest(const std::string& path, const std::string& digest) const {
    write("ollama/manifests/" + path,
          R"({"layers":[{"mediaType":"application/vnd.ollama.image.license","digest":"sha256:9"},
              {"mediaType":"application/vnd.ollama.image.model","digest":")" +
              digest + R"("}]})");
  }
};

TEST_F(Caches, NothingThereIsNothing) { EXPECT_THAT(names(), IsEmpty()); }

TEST_F(Caches, HuggingFaceNamesTheBranchsCommit) {
  write("hub/models--org--name/refs/main", "abc\n");
  write("hub/models--org--name/snapshots/old/gone.gguf", "1");
  const std::string blob = write("hub/models--org--name/blobs/b10b", "12345");
  fs::create_directories(folder_ / "hub/models--org--name/snapshots/abc/sub");
  fs::create_symlink(blob, folder_ / "hub/models--org--name/snapshots/abc/sub/m-q8_0.gguf");
  fs::create_symlink(folder_ / "missing", folder_ / "hub/models--org--name/snapshots/abc/x.gguf");
  write("hub/models--org--name/snapshots/abc/mmproj-f16.gguf", "1");
  write("hub/models--org--name/snapshots/abc/config.json", "{}");
  write("hub/models--org--other--x/snapshots/abc/o.gguf", "1");  // no branch
  write("hub/datasets--org--d/snapshots/abc/d.gguf", "1");
  EXPECT_THAT(names(), ElementsAre("org/name/sub/m-q8_0", "org/other--x/o"));
  const auto models = cached_models(folders());
  EXPECT_EQ(models[0].bytes, 5u);
  EXPECT_EQ(fs::path(models[0].path).filename(), "m-q8_0.gguf");
}

TEST_F(Caches, OllamaNamesModelsByTag) {
  write("ollama/blobs/sha256-1", "12345");
  manifest("registry.ollama.ai/library/qwen2.5/0.5b", "sha256:1");
  manifest("registry.ollama.ai/someone/tuned/latest", "sha256:1");
  manifest("hf.co/org/repo-GGUF/Q4_K_M", "sha256:1");
  manifest("registry.ollama.ai/library/absent/latest", "sha256:2");
  manifest("registry.ollama.ai/library/evil/latest", "sha256:../../x");
  write("ollama/manifests/registry.ollama.ai/library/broken/latest", "{");
  write("ollama/manifests/registry.ollama.ai/library/odd/latest",
        R"({"layers":[1,{"mediaType":7},{"mediaType":"application/vnd.ollama.image.model"}]})");
  EXPECT_THAT(names(), ElementsAre("org/repo-GGUF:Q4_K_M", "qwen2.5:0.5b", "someone/tuned:latest"));
  EXPECT_EQ(cached_models(folders())[1].path, folder_ / "ollama/blobs/sha256-1");
}

TEST_F(Caches, LmStudioKeepsFolders) {
  write("studio/org/repo/m-q4.gguf", "1");
  write("studio/org/repo/mmproj-m.gguf", "1");
  write("studio/org/repo/notes.txt", "1");
  EXPECT_THAT(names(), ElementsAre("org/repo/m-q4"));
}

TEST(CacheFolders, AreWhereTheVariablesSay) {
  ::setenv("HOME", "/home/x", 1);
  for (const char* name : {"HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "OLLAMA_MODELS"})
    ::unsetenv(name);
  EXPECT_EQ(CacheFolders::standard().hugging_face, "/home/x/.cache/huggingface/hub");
  EXPECT_EQ(CacheFolders::standard().ollama, "/home/x/.ollama/models");
  EXPECT_THAT(CacheFolders::standard().lm_studio,
              ElementsAre("/home/x/.lmstudio/models", "/home/x/.cache/lm-studio/models"));
  ::setenv("XDG_CACHE_HOME", "/c", 1);
  EXPECT_EQ(CacheFolders::standard().hugging_face, "/c/huggingface/hub");
  ::setenv("HF_HOME", "/hf", 1);
  EXPECT_EQ(CacheFolders::standard().hugging_face, "/hf/hub");
  ::setenv("HF_HUB_CACHE", "/cache", 1);
  EXPECT_EQ(CacheFolders::standard().hugging_face, "/cache");
  ::setenv("OLLAMA_MODELS", "/o", 1);
  EXPECT_EQ(CacheFolders::standard().ollama, "/o");
  ::unsetenv("HOME");
  EXPECT_THAT(CacheFolders::standard().lm_studio, IsEmpty());
}

}  // namespace
}  // namespace hob::hub
