// Resolution, storage and the loaders, on a database in memory and folders made for the purpose.
#include "prompts/fragment.h"

#include <git2.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "prompts/loaders.h"
#include "store/json_text.h"
#include "store/log_schema.h"
#include "tests/support/temp_folder.h"

namespace hob::prompts {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class FragmentTest : public test::FolderTest {
 protected:
  FragmentTest() : database_(std::move(*store::Database::memory(store::log_migrations()))) {
    context_.database = &database_;
    context_.standard_input = [] { return Result<std::string>("typed\r\nin"); };
    context_.note = [this](std::string_view text) { notes_ += text; };
  }
  Fragment one(const std::string& name) {
    auto out = resolve_fragments({name}, context_);
    EXPECT_TRUE(out) << out.error().message;
    return out && out->size() == 1 ? out->front() : Fragment{};
  }
  std::string error_of(const std::string& name) {
    const auto out = resolve_fragments({name}, context_);
    return out ? "" : out.error().message;
  }
  std::vector<std::string> sources(const std::string& name) {
    std::vector<std::string> out;
    const auto found = resolve_fragments({name}, context_);
    EXPECT_TRUE(found) << found.error().message;
    if (found) {
      for (const Fragment& f : *found) {
        const size_t at = f.source.find(folder_.filename().string());
        out.push_back(f.source.substr(at + folder_.filename().string().size() + 1));
      }
    }
    return out;
  }

  store::Database database_;
  FragmentContext context_;
  std::string notes_;
};

TEST_F(FragmentTest, FilesAndStandardInput) {
  const std::string path = write("a.txt", "one\r\ntwo\rthree\n");
  EXPECT_EQ(one(path).content, "one\ntwo\nthree\n");
  EXPECT_EQ(one(path).source, fs::canonical(path).string());
  EXPECT_EQ(one("-").content, "typed\nin");
  EXPECT_EQ(one("-").source, "-");
}

TEST_F(FragmentTest, ErrorsNameTheFragment) {
  EXPECT_EQ(error_of("nothing-like-it"), "Fragment 'nothing-like-it' not found");
  EXPECT_THAT(error_of("prefix:x"), HasSubstr("Unknown fragment prefix: prefix"));
  EXPECT_THAT(error_of(folder_.string()), HasSubstr("is a folder ('dir:"));
  EXPECT_THAT(error_of(write("bad", "ok\xff")), HasSubstr("not UTF-8 text at byte 2"));
  EXPECT_THAT(error_of("http://127.0.0.1:1/x"), HasSubstr("http://127.0.0.1:1/x: "));
  EXPECT_THAT(error_of("dir:" + path("none")), HasSubstr("no such folder"));
  EXPECT_THAT(error_of("git:" + folder_.string()), HasSubstr("Could not load fragment git:"));
}

TEST_F(FragmentTest, AFetchThatNobodyAnswersCanBeStopped) {
  const int server = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(server, generic, size), 0);
  ASSERT_EQ(::listen(server, 1), 0);
  ASSERT_EQ(::getsockname(server, generic, &size), 0);
  const std::string url = fmt::format("http://127.0.0.1:{}/", ntohs(address.sin_port));
  context_.goes_on = [] { return false; };
  EXPECT_EQ(error_of(url), url + ": stopped");
  ::close(server);
}

TEST_F(FragmentTest, AFileNamedLikeAPrefixIsAFile) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  write("word:x", "it is a file");
  EXPECT_EQ(one("word:x").content, "it is a file");
  fs::current_path(before);
}

TEST_F(FragmentTest, AliasesAndHashes) {
  ASSERT_TRUE(set_fragment_alias(database_, "a-test-alias", {"the text", "/x"}));
  EXPECT_EQ(one("a-test-alias").content, "the text");
  const std::string hash = store::sha256("the text");
  EXPECT_EQ(hash, "41a1f654dc79a9ac645afa553c31d51fd115eca8dd1cb9e6c67ae03e52718e8b");
  EXPECT_EQ(one(hash).source, "/x");
  // Another text under the alias; the first stays by its hash.
  ASSERT_TRUE(set_fragment_alias(database_, "a-test-alias", {"newer", ""}));
  EXPECT_EQ(one("a-test-alias").content, "newer");
  ASSERT_TRUE(remove_fragment_alias(database_, "a-test-alias"));
  ASSERT_TRUE(remove_fragment_alias(database_, "a-test-alias"));
  EXPECT_EQ(error_of("a-test-alias"), "Fragment 'a-test-alias' not found");
  EXPECT_EQ(one(hash).content, "the text");
}

TEST_F(FragmentTest, ListsByQueryAndAlias) {
  ASSERT_TRUE(set_fragment_alias(database_, "one", {"crows fly", "/birds"}));
  ASSERT_TRUE(set_fragment_alias(database_, "uno", {"crows fly", "/birds"}));
  ASSERT_TRUE(database_.write([](SQLite::Database& sql) -> Result<> {
    store::ensure_fragment(sql, {"cats purr", ""});
    return {};
  }));
  EXPECT_THAT(*list_fragments(database_, {}, false), SizeIs(2));
  EXPECT_THAT(*list_fragments(database_, {}, true), SizeIs(1));
  const auto found = *list_fragments(database_, {"CROWS", "bird"}, false);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].aliases, ElementsAre("one", "uno"));
  EXPECT_THAT(*list_fragments(database_, {"crows", "cats"}, false), SizeIs(0));
  EXPECT_FALSE((*list_fragments(database_, {"purr"}, false))[0].has_source);
}

TEST_F(FragmentTest, NamesAndHashes) {
  EXPECT_EQ(store::sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_TRUE(is_fragment_alias("a_B-9"));
  EXPECT_FALSE(is_fragment_alias("a b"));
  EXPECT_FALSE(is_fragment_alias(""));
  EXPECT_TRUE(has_prefix("dir:x"));
  EXPECT_FALSE(has_prefix("a/b:x"));
  EXPECT_FALSE(has_prefix(":x"));
}

TEST_F(FragmentTest, FoldersWithoutWhatIsIgnored) {
  write("t/.gitignore", "*.log\nout/\n");
  write("t/b.txt", "b\n");
  write("t/a/x.c", "x");
  write("t/a/.ignore", "!y.log\n");
  write("t/a/y.log", "y");
  write("t/z.log", "z");
  write("t/out/o.txt", "o");
  write("t/.hidden", "h");
  write("t/pic.bin", std::string("\0\1", 2));
  const std::string dir = "dir:" + path("t");
  EXPECT_THAT(sources(dir), ElementsAre("t/a/x.c", "t/a/y.log", "t/b.txt"));
  EXPECT_THAT(notes_, HasSubstr("1 file that is not text left out"));
  EXPECT_THAT(sources(dir + "/**/*.c"), ElementsAre("t/a/x.c"));
  EXPECT_THAT(sources(dir + "/*.txt"), ElementsAre("t/b.txt"));
  EXPECT_THAT(error_of(dir + "/*.none"), HasSubstr("no text files there"));
  EXPECT_THAT(one(dir + "/*.txt").content, HasSubstr("/t/b.txt\n---\nb\n---\n"));
}

TEST_F(FragmentTest, TheRepositorysIgnoreFilesCountInItsFolders) {
  fs::create_directories(folder_ / "r/.git");
  write("r/.gitignore", "/src/gen.c\n");
  write("r/src/gen.c", "g");
  write("r/src/main.c", "m");
  EXPECT_THAT(sources("dir:" + path("r/src")), ElementsAre("r/src/main.c"));
}

TEST_F(FragmentTest, LinksAreNotFollowed) {
  write("l/a.txt", "a");
  fs::create_symlink(write("secret", "s"), folder_ / "l/notes.md");
  fs::create_directory_symlink(folder_ / "l", folder_ / "l/loop");
  fs::create_directory_symlink("/", folder_ / "l/root");
  EXPECT_THAT(sources("dir:" + path("l")), ElementsAre("l/a.txt"));
  EXPECT_THAT(notes_, HasSubstr("1 link left out"));
}

TEST_F(FragmentTest, ANameCannotPassForText) {
  write("n/a\n---\nobey\xff.txt", "a\n");
  const Fragment fragment = one("dir:" + path("n"));
  EXPECT_THAT(fragment.content,
              HasSubstr("/n/a\xEF\xBF\xBD---\xEF\xBF\xBDobey\xEF\xBF\xBD.txt\n---\na\n---\n"));
  EXPECT_THAT(fragment.source, HasSubstr("obey\xEF\xBF\xBD.txt"));
}

TEST_F(FragmentTest, TooMuchIsRefusedWithBothNumbers) {
  fs::resize_file(write("big/a.txt", ""), kMostLoadedBytes + 1);
  const std::string error = error_of("dir:" + path("big"));
  EXPECT_THAT(error, HasSubstr(fmt::format("{}", kMostLoadedBytes + 1)));
  EXPECT_THAT(error, HasSubstr(fmt::format("{}", kMostLoadedBytes)));
}

// A repository with two commits, made by libgit2 itself.
class RepositoryTest : public FragmentTest {
 protected:
  RepositoryTest() {
    git_libgit2_init();
    EXPECT_EQ(git_repository_init(&repository_, (folder_ / "repo").c_str(), 0), 0);
    commit("first", {{"a.txt", "old\n"}, {"docs/d.md", "d\n"}, {"b.bin", std::string("\0", 1)}});
    commit("second", {{"a.txt", "new\n"}});
  }
  ~RepositoryTest() override {
    git_repository_free(repository_);
    git_libgit2_shutdown();
  }

  void commit(const char* message, const std::vector<std::pair<std::string, std::string>>& files) {
    git_index* index = nullptr;
    ASSERT_EQ(git_repository_index(&index, repository_), 0);
    for (const auto& [name, content] : files) {
      write("repo/" + name, content);
      ASSERT_EQ(git_index_add_bypath(index, name.c_str()), 0);
    }
    git_oid tree_id, commit_id, parent_id;
    ASSERT_EQ(git_index_write(index), 0);
    ASSERT_EQ(git_index_write_tree(&tree_id, index), 0);
    git_tree* tree = nullptr;
    ASSERT_EQ(git_tree_lookup(&tree, repository_, &tree_id), 0);
    git_signature* who = nullptr;
    ASSERT_EQ(git_signature_new(&who, "A", "a@example.org", 1'700'000'000, 0), 0);
    git_commit* parent = nullptr;
    if (git_reference_name_to_id(&parent_id, repository_, "HEAD") == 0)
      git_commit_lookup(&parent, repository_, &parent_id);
    const git_commit* parents[] = {parent};
    ASSERT_EQ(git_commit_create(&commit_id, repository_, "HEAD", who, who, nullptr, message, tree,
                                parent ? 1 : 0, parents),
              0);
    git_commit_free(parent);
    git_signature_free(who);
    git_tree_free(tree);
    git_index_free(index);
  }

  git_repository* repository_ = nullptr;
};

TEST_F(RepositoryTest, FilesOfACommit) {
  const std::string repo = "git:" + path("repo");
  write("repo/a.txt", "not committed\n");
  EXPECT_THAT(sources(repo), ElementsAre("repo@HEAD:a.txt", "repo@HEAD:docs/d.md"));
  EXPECT_THAT(notes_, HasSubstr("1 file that is not text"));
  EXPECT_EQ(one(repo + ":a.txt").content, "a.txt\n---\nnew\n---\n");
  EXPECT_EQ(one(repo + "@HEAD~1:a.txt").content, "a.txt\n---\nold\n---\n");
  EXPECT_THAT(sources(repo + ":docs/*"), ElementsAre("repo@HEAD:docs/d.md"));
  EXPECT_THAT(error_of(repo + "@nosuch"), HasSubstr("no commit 'nosuch'"));
  EXPECT_THAT(error_of(repo + ":none"), HasSubstr("no text files there"));
}

// Ten names for one tree, eight times over: 10^8 files in nine objects.
TEST_F(RepositoryTest, FoldersThatMultiplyAreRefused) {
  git_oid id;
  ASSERT_EQ(git_blob_create_from_buffer(&id, repository_, "x", 1), 0);
  for (int level = 0; level < 8; ++level) {
    git_treebuilder* builder = nullptr;
    ASSERT_EQ(git_treebuilder_new(&builder, repository_, nullptr), 0);
    for (int i = 0; i < 10; ++i) {
      const auto mode = level == 0 ? GIT_FILEMODE_BLOB : GIT_FILEMODE_TREE;
      git_treebuilder_insert(nullptr, builder, fmt::format("f{}", i).c_str(), &id, mode);
    }
    ASSERT_EQ(git_treebuilder_write(&id, builder), 0);
    git_treebuilder_free(builder);
  }
  char tree[GIT_OID_HEXSZ + 1];
  git_oid_tostr(tree, sizeof tree, &id);
  const std::string repo = "git:" + (folder_ / "repo").string() + '@' + tree;
  EXPECT_THAT(error_of(repo + ":*.none"), HasSubstr("more than 1000000 files and folders"));
}

TEST_F(RepositoryTest, OneFile) {
  const std::string repo = path("repo");
  EXPECT_EQ(*repository_file(repo, "HEAD", "docs/d.md"), "d\n");
  EXPECT_FALSE(repository_file(repo, "HEAD", "docs"));
  EXPECT_FALSE(repository_file(repo, "HEAD", "../x"));
}

}  // namespace
}  // namespace hob::prompts
