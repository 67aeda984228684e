#include "store/answer_cache.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace hob::store {
namespace {

namespace fs = std::filesystem;

class AnswerCacheTest : public ::testing::Test {
 protected:
  AnswerCacheTest() {
    std::string pattern = (fs::temp_directory_path() / "hob-answers-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~AnswerCacheTest() override { fs::remove_all(folder_); }
  std::string path() const { return (folder_ / "deeper/batch.db").string(); }
  fs::path folder_;
};

TEST_F(AnswerCacheTest, KeepsAnswersBetweenRuns) {
  const std::string key = AnswerCache::key_of("a request");
  {
    auto cache = AnswerCache::open(path());
    ASSERT_TRUE(cache.has_value()) << cache.error().message;
    EXPECT_FALSE(cache->find(key).value().has_value());
    ASSERT_TRUE(cache->put(key, "first").has_value());
    ASSERT_TRUE(cache->put(key, "second").has_value());
  }
  auto again = AnswerCache::open(path());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->find(key).value(), "second");
}

TEST_F(AnswerCacheTest, KeysTellRequestsApart) {
  EXPECT_EQ(AnswerCache::key_of("a"), AnswerCache::key_of("a"));
  EXPECT_NE(AnswerCache::key_of("a"), AnswerCache::key_of("b"));
  EXPECT_NE(AnswerCache::key_of(""), AnswerCache::key_of(std::string(1, '\0')));
  EXPECT_EQ(AnswerCache::key_of("").size(), 32u);
}

TEST_F(AnswerCacheTest, SeveralMayShareIt) {
  auto one = AnswerCache::open(path()), two = AnswerCache::open(path());
  ASSERT_TRUE(one && two);
  ASSERT_TRUE(one->put("k", "from one").has_value());
  EXPECT_EQ(two->find("k").value(), "from one");
}

TEST_F(AnswerCacheTest, AFileThatIsNoDatabaseIsAnErrorThatNamesIt) {
  fs::create_directories(folder_ / "deeper/batch.db");
  const auto cache = AnswerCache::open(path());
  ASSERT_FALSE(cache.has_value());
  EXPECT_NE(cache.error().message.find("batch.db"), std::string::npos);
}

}  // namespace
}  // namespace hob::store
