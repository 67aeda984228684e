// Mapping, reading and replacing files, with the things that are not files.
#include "os/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "tests/support/temp_folder.h"

namespace hob::os {
namespace {

using testing::HasSubstr;

class File : public test::FolderTest {
 protected:
  size_t entries() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }
};

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST_F(File, MapsWhatWasWritten) {
  const std::string content("a\0b\n", 4);
  ASSERT_TRUE(write_file_atomically(path("x"), content));
  const auto file = MappedFile::open(path("x"));
  ASSERT_TRUE(file);
  EXPECT_EQ(text_of(*file), content);
  EXPECT_EQ(file->path(), path("x"));
}

TEST_F(File, KnowsWhetherItIsStillTheSame) {
  ASSERT_TRUE(write_file_atomically(path("x"), "one"));
  const auto file = MappedFile::open(path("x"));
  ASSERT_TRUE(file);
  EXPECT_EQ(*file_state(path("x")), file->state());
  ASSERT_TRUE(write_file_atomically(path("x"), "two"));
  EXPECT_FALSE(*file_state(path("x")) == file->state());
  EXPECT_FALSE(file_state(path("none")));
}

TEST_F(File, MapsAnEmptyFile) {
  ASSERT_TRUE(write_file_atomically(path("x"), ""));
  const auto file = MappedFile::open(path("x"));
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->bytes().empty());
}

TEST_F(File, MapsALargeSparseFile) {
  constexpr off_t kSize = (off_t{5} << 30) + 3;  // past 32 bits
  const int fd = ::open(path("x").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::ftruncate(fd, kSize), 0);
  ASSERT_EQ(::pwrite(fd, "end", 3, kSize - 3), 3);
  ::close(fd);
  const auto file = MappedFile::open(path("x"));
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->bytes().size(), static_cast<size_t>(kSize));
  EXPECT_EQ(std::memcmp(file->bytes().last(3).data(), "end", 3), 0);
}

TEST_F(File, MissingFolderAndSpecialFilesAreErrorsThatNameThePath) {
  const auto missing = MappedFile::open(path("none"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr(path("none")));
  const auto through_file = MappedFile::open("/dev/null/x");
  ASSERT_FALSE(through_file);
  EXPECT_EQ(through_file.error().kind, ErrorKind::kNotFound);
  for (const std::string& path : {folder_.string(), std::string("/dev/null")}) {
    const auto mapped = MappedFile::open(path);
    ASSERT_FALSE(mapped);
    EXPECT_EQ(mapped.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(mapped.error().message, HasSubstr(path));
  }
}

TEST_F(File, APipeIsRefusedWithoutWaitingForAWriter) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(MappedFile::open(path("pipe")));
}

TEST_F(File, MovingHandsTheMappingOver) {
  ASSERT_TRUE(write_file_atomically(path("x"), "one"));
  ASSERT_TRUE(write_file_atomically(path("y"), "two"));
  auto x = *MappedFile::open(path("x"));
  MappedFile moved(std::move(x));
  EXPECT_EQ(text_of(moved), "one");
  moved = *MappedFile::open(path("y"));
  EXPECT_EQ(text_of(moved), "two");
  EXPECT_EQ(moved.path(), path("y"));
}

TEST_F(File, ReadFileGivesEveryByte) {
  std::string content(300001, 'x');
  content[70000] = '\0';
  ASSERT_TRUE(write_file_atomically(path("x"), content));
  EXPECT_EQ(*read_file(path("x")), content);
  EXPECT_EQ(read_file(path("none")).error().kind, ErrorKind::kNotFound);
  const auto folder = read_file(folder_);
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().message, HasSubstr(folder_.string()));
}

TEST_F(File, ReadAllReadsAPipeToItsEnd) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "hello", 5), 5);
  ::close(ends[1]);
  EXPECT_EQ(*read_all(ends[0], "pipe"), "hello");
  ::close(ends[0]);
  EXPECT_FALSE(read_all(-1, "pipe"));
}

TEST_F(File, AtomicWriteReplacesAndLeavesNothingBehind) {
  ASSERT_TRUE(write_file_atomically(path("x"), "old"));
  const auto before = *MappedFile::open(path("x"));
  ASSERT_TRUE(write_file_atomically(path("x"), "new content"));
  EXPECT_EQ(*read_file(path("x")), "new content");
  EXPECT_EQ(text_of(before), "old");  // a reader keeps the file it opened
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, AtomicWriteKeepsWhatIsNoFile) {
  const std::string device = (std::filesystem::path(folder_) / "device").string();
  std::filesystem::create_symlink("/dev/null", device);
  ASSERT_TRUE(write_file_atomically(device, "x"));
  EXPECT_TRUE(std::filesystem::is_character_file(device));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, FailedAtomicWriteLeavesTheOldFileAndNoRubbish) {
  EXPECT_EQ(write_file_atomically(path("none/x"), "a").error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(std::filesystem::create_directory(path("folder")));
  const auto onto_folder = write_file_atomically(path("folder"), "a");
  ASSERT_FALSE(onto_folder);
  EXPECT_THAT(onto_folder.error().message, HasSubstr(path("folder")));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, Exists) {
  EXPECT_FALSE(file_exists(path("x")));
  ASSERT_TRUE(write_file_atomically(path("x"), ""));
  EXPECT_TRUE(file_exists(path("x")));
  EXPECT_TRUE(file_exists(folder_));
}

// Sets variables and puts them back.
class Variables {
 public:
  void set(const char* name, const char* value) {
    const char* old = std::getenv(name);
    saved_.push_back({name, old != nullptr, old ? old : ""});
    value ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variables() {
    for (auto it = saved_.rbegin(); it != saved_.rend(); ++it) {
      it->was_set ? ::setenv(it->name, it->value.c_str(), 1) : ::unsetenv(it->name);
    }
  }

 private:
  struct Saved {
    const char* name;
    bool was_set;
    std::string value;
  };
  std::vector<Saved> saved_;
};

TEST(Folders, HobHomeThenXdgThenHome) {
  Variables variables;
  variables.set("HOB_HOME", nullptr);
  variables.set("XDG_DATA_HOME", nullptr);
  variables.set("XDG_CACHE_HOME", "/x/cache");
  variables.set("XDG_CONFIG_HOME", "");
  variables.set("HOME", "/home/ada");
  EXPECT_EQ(data_dir(), "/home/ada/.local/share/hob");
  EXPECT_EQ(cache_dir(), "/x/cache/hob");
  EXPECT_EQ(config_dir(), "/home/ada/.config/hob");
  variables.set("HOB_HOME", "/y/hob");
  EXPECT_THAT((std::vector{data_dir(), cache_dir(), config_dir()}),
              testing::Each(HasSubstr("/y/hob")));
}

}  // namespace
}  // namespace hob::os
