// git: the files of a commit, by libgit2, which reads objects and runs neither hooks nor filters.
//
// Covers: symbolic links (left out: they are names, not texts), submodules (left out), files over
// the budget (refused before they are unpacked), folders that are many times in others. Does not
// cover: a repository that another person may write; its contents are what goes into the prompt,
// like any other input.
#include <git2.h>

#include <filesystem>
#include <memory>

#include "os/file.h"
#include "prompts/loaders.h"
#include "text/glob.h"
#include "text/python_text.h"

namespace hob::prompts {
namespace {

namespace fs = std::filesystem;
constexpr int kDeepest = 128;
// Looked at in one commit. A tree is stored once however often others name it, so that a few
// kilobytes can stand for more folders than anyone could visit.
constexpr size_t kMostEntries = 1'000'000;

// libgit2 counts its users.
class Library {
 public:
  Library() { git_libgit2_init(); }
  ~Library() { git_libgit2_shutdown(); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
};

template <class T, void (*Free)(T*)>
struct Releaser {
  void operator()(T* pointer) const { Free(pointer); }
};
template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Releaser<T, Free>>;
using Repository = Owned<git_repository, git_repository_free>;
using Object = Owned<git_object, git_object_free>;
using Blob = Owned<git_blob, git_blob_free>;
using Entry = Owned<git_tree_entry, git_tree_entry_free>;

std::string problem() {
  const git_error* error = git_error_last();
  return error && error->message ? error->message : "unknown problem";
}

struct Commit {
  Repository repository;
  Object tree;
  git_tree* root() const { return reinterpret_cast<git_tree*>(tree.get()); }
};

Result<Commit> open_commit(const std::string& path, const std::string& revision) {
  Commit out;
  git_repository* repository = nullptr;
  if (git_repository_open_ext(&repository, path.c_str(), 0, nullptr) != 0) {
    return fail(ErrorKind::kNotFound, "{}: {}", path, problem());
  }
  out.repository.reset(repository);
  git_object* object = nullptr;
  if (git_revparse_single(&object, repository, revision.c_str()) != 0) {
    return fail(ErrorKind::kNotFound, "{}: no commit '{}': {}", path, revision, problem());
  }
  const Object named(object);
  git_object* tree = nullptr;
  if (git_object_peel(&tree, named.get(), GIT_OBJECT_TREE) != 0) {
    return fail(ErrorKind::kInvalid, "{}: '{}' has no files: {}", path, revision, problem());
  }
  out.tree.reset(tree);
  return out;
}

std::string_view bytes_of(const git_blob* blob) {
  return {static_cast<const char*>(git_blob_rawcontent(blob)),
          static_cast<size_t>(git_blob_rawsize(blob))};
}

Result<Blob> open_blob(git_repository* repository, const git_oid* id, LoadBudget& budget) {
  // The size first: unpacking comes after the budget has been asked.
  git_odb* database = nullptr;
  if (git_repository_odb(&database, repository) != 0) {
    return fail(ErrorKind::kCorrupt, "{}", problem());
  }
  const Owned<git_odb, git_odb_free> held(database);
  size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  if (git_odb_read_header(&size, &type, database, id) != 0) {
    return fail(ErrorKind::kCorrupt, "{}", problem());
  }
  HOB_TRY_VOID(budget.add(size));
  git_blob* blob = nullptr;
  if (git_blob_lookup(&blob, repository, id) != 0) {
    return fail(ErrorKind::kCorrupt, "{}", problem());
  }
  return Blob(blob);
}

bool is_plain_file(const git_tree_entry* entry) {
  return git_tree_entry_type(entry) == GIT_OBJECT_BLOB &&
         git_tree_entry_filemode(entry) != GIT_FILEMODE_LINK;
}

struct Walk {
  git_repository* repository;
  const std::string& pattern;
  std::string source;  // before a file's path
  LoadBudget budget;
  std::vector<Fragment> found;
  size_t binary = 0, entries = 0;

  Result<> visit(const git_tree* tree, const std::string& folder, int depth) {
    if (depth > kDeepest) {
      return fail(ErrorKind::kTooLarge, "{}: folders nest deeper than {}", source, kDeepest);
    }
    const size_t count = git_tree_entrycount(tree);
    entries += count;
    if (entries > kMostEntries) {
      return fail(ErrorKind::kTooLarge, "{} more than {} files and folders", source, kMostEntries);
    }
    for (size_t i = 0; i < count; ++i) {
      const git_tree_entry* entry = git_tree_entry_byindex(tree, i);
      const std::string path = folder + git_tree_entry_name(entry);
      if (git_tree_entry_type(entry) == GIT_OBJECT_TREE) {
        git_tree* inner = nullptr;
        if (git_tree_lookup(&inner, repository, git_tree_entry_id(entry)) != 0) {
          return fail(ErrorKind::kCorrupt, "{}{}: {}", source, path, problem());
        }
        const Owned<git_tree, git_tree_free> held(inner);
        HOB_TRY_VOID(visit(inner, path + '/', depth + 1));
      } else if (is_plain_file(entry)) {
        HOB_TRY_VOID(take(path, entry));
      }
    }
    return {};
  }

  Result<> take(const std::string& path, const git_tree_entry* entry) {
    if (!pattern.empty() && !text::path_matches(path, pattern)) return {};
    HOB_TRY(const Blob blob, open_blob(repository, git_tree_entry_id(entry), budget));
    if (!is_text(bytes_of(blob.get()))) return ++binary, Result<>();
    found.push_back(
        {titled(path, text::with_plain_newlines(bytes_of(blob.get()))), one_line(source + path)});
    return {};
  }
};

}  // namespace

RepositoryName repository_name(std::string_view text) {
  std::error_code ignored;
  const size_t at = text.rfind('@');
  if (at == text.npos || fs::exists(text, ignored)) {
    return {text.empty() ? "." : std::string(text), "HEAD"};
  }
  const std::string_view revision = text.substr(at + 1);
  return {at == 0 ? "." : std::string(text.substr(0, at)),
          revision.empty() ? "HEAD" : std::string(revision)};
}

Result<std::vector<Fragment>> load_repository(const std::string& argument, const Note& note) {
  const Library library;
  // A pattern stands behind the last colon, unless that colon is one of a path that exists.
  std::error_code ignored;
  std::string name = argument, pattern;
  if (const size_t colon = argument.rfind(':');
      colon != argument.npos && !fs::exists(argument, ignored)) {
    name = argument.substr(0, colon);
    pattern = argument.substr(colon + 1);
  }
  const RepositoryName wanted = repository_name(name);
  HOB_TRY(const Commit commit, open_commit(wanted.path, wanted.revision));
  const std::string place = fs::absolute(wanted.path, ignored).lexically_normal().string();
  Walk walk{commit.repository.get(),
            pattern,
            fmt::format("git:{}@{}:", place, wanted.revision),
            LoadBudget("git:" + argument),
            {}};
  HOB_TRY_VOID(walk.visit(commit.root(), "", 0));
  if (walk.binary > 0 && note) {
    note(fmt::format("git:{}: {} file{} that {} not text left out\n", argument, walk.binary,
                     walk.binary == 1 ? "" : "s", walk.binary == 1 ? "is" : "are"));
  }
  if (walk.found.empty())
    return fail(ErrorKind::kNotFound, "git:{}: no text files there", argument);
  return std::move(walk.found);
}

Result<std::string> repository_file(const std::string& repository, const std::string& revision,
                                    const std::string& path) {
  const Library library;
  HOB_TRY(const Commit commit, open_commit(repository, revision));
  git_tree_entry* found = nullptr;
  if (git_tree_entry_bypath(&found, commit.root(), path.c_str()) != 0) {
    return fail(ErrorKind::kNotFound, "{}@{}: no file '{}'", repository, revision, path);
  }
  const Entry entry(found);
  if (!is_plain_file(entry.get())) {
    return fail(ErrorKind::kInvalid, "{}@{}: '{}' is not a file", repository, revision, path);
  }
  LoadBudget budget(repository);
  HOB_TRY(const Blob blob,
          open_blob(commit.repository.get(), git_tree_entry_id(entry.get()), budget));
  return std::string(bytes_of(blob.get()));
}

}  // namespace hob::prompts
