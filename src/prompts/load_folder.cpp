// dir: a folder's text files.
//
// Covers: links that lead out of the folder or around in circles (no link below the folder is
// followed), folders without end of files, names that are patterns. Does not cover: hard links, a
// file that changes while it is read.
#include <algorithm>
#include <filesystem>

#include "os/file.h"
#include "prompts/ignore_rules.h"
#include "prompts/loaders.h"
#include "text/glob.h"
#include "text/python_text.h"

namespace hob::prompts {
namespace {

namespace fs = std::filesystem;
constexpr const char* kIgnoreFiles[] = {".gitignore", ".ignore"};
constexpr int kDeepest = 128;

// A folder, and what below it is asked for; no pattern: everything.
struct Wanted {
  fs::path folder;
  std::string pattern;
};

Result<Wanted> parse(const std::string& argument) {
  std::error_code ignored;
  const std::string path = argument.empty() ? "." : argument;
  if (fs::is_directory(path, ignored)) return Wanted{path, ""};
  // The folder is what stands before the first name with a pattern in it.
  size_t cut = 0;
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (text::is_pattern(std::string_view(path).substr(begin, end - begin))) break;
    cut = begin = end + 1;
  }
  if (cut >= path.size()) {
    const bool exists = fs::exists(path, ignored);
    return fail(ErrorKind::kNotFound, "{}: {}", path,
                exists ? "is not a folder" : "no such folder");
  }
  const std::string folder = cut == 0 ? "." : path.substr(0, cut);
  if (!fs::is_directory(folder, ignored)) {
    return fail(ErrorKind::kNotFound, "{}: no such folder", folder);
  }
  return Wanted{folder, path.substr(cut)};
}

class Walk {
 public:
  Walk(const Wanted& wanted, std::string name, const Note& note)
      : wanted_(wanted), note_(note), budget_(name), name_(std::move(name)) {}

  Result<std::vector<Fragment>> run() {
    HOB_TRY_VOID(adopt_outer_rules());
    HOB_TRY_VOID(visit(wanted_.folder, "", 0));
    if (binary_ > 0 && note_) {
      note_(fmt::format("{}: {} file{} that {} not text left out\n", name_, binary_,
                        binary_ == 1 ? "" : "s", binary_ == 1 ? "is" : "are"));
    }
    if (links_ > 0 && note_)
      note_(fmt::format("{}: {} link{} left out\n", name_, links_, links_ == 1 ? "" : "s"));
    if (found_.empty()) return fail(ErrorKind::kNotFound, "{}: no text files there", name_);
    return std::move(found_);
  }

 private:
  // Ignore files of the folders above count up to the root of the repository, as they do for git.
  // Their paths are relative to that root, so every path below gets this prefix.
  Result<> adopt_outer_rules() {
    std::error_code error;
    const fs::path start = fs::canonical(wanted_.folder, error);
    if (error) return {};
    fs::path root = start;
    while (!fs::exists(root / ".git", error)) {
      if (root == root.parent_path()) return {};  // in no repository
      root = root.parent_path();
    }
    prefix_ = root == start ? "" : start.lexically_relative(root).generic_string();
    fs::path at = root;
    for (const fs::path& part : prefix_.empty() ? fs::path() : fs::path(prefix_)) {
      HOB_TRY_VOID(adopt(at, at == root ? "" : at.lexically_relative(root).generic_string()));
      at /= part;
    }
    return {};
  }

  Result<> adopt(const fs::path& folder, const std::string& relative) {
    for (const char* name : kIgnoreFiles) {
      std::error_code ignored;
      if (!fs::is_regular_file(folder / name, ignored)) continue;
      HOB_TRY(const std::string lines, os::read_file((folder / name).string()));
      rules_.add(relative, lines);
    }
    return {};
  }

  std::string rooted(const std::string& relative) const {
    if (prefix_.empty()) return relative;
    return relative.empty() ? prefix_ : prefix_ + '/' + relative;
  }

  Result<> visit(const fs::path& folder, const std::string& relative, int depth) {
    if (depth > kDeepest) {
      return fail(ErrorKind::kTooLarge, "{}: folders nest deeper than {}", name_, kDeepest);
    }
    HOB_TRY_VOID(adopt(folder, rooted(relative)));
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    for (auto it = fs::directory_iterator(folder, error);
         !error && it != fs::directory_iterator(); it.increment(error)) {
      entries.push_back(*it);
    }
    if (error) {
      return fail(ErrorKind::kIo, "{}: {}: {}", name_, folder.string(), error.message());
    }
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return a.path().filename() < b.path().filename();
    });
    for (const auto& entry : entries) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with('.')) continue;
      const std::string inner = relative.empty() ? name : relative + '/' + name;
      std::error_code ignored;
      const bool is_folder = entry.is_directory(ignored) && !entry.is_symlink(ignored);
      if (rules_.ignored(rooted(inner), is_folder)) continue;
      if (is_folder) {
        HOB_TRY_VOID(visit(entry.path(), inner, depth + 1));
      } else if (entry.is_regular_file(ignored)) {
        HOB_TRY_VOID(take(entry, inner));
      }
    }
    return {};
  }

  Result<> take(const fs::directory_entry& entry, const std::string& inner) {
    if (!wanted_.pattern.empty() && !text::path_matches(inner, wanted_.pattern)) return {};
    std::error_code ignored;
    if (entry.is_symlink(ignored)) return ++links_, Result<>();
    HOB_TRY_VOID(budget_.add(entry.file_size(ignored)));
    HOB_TRY(const std::string bytes, os::read_file(entry.path().string()));
    if (!is_text(bytes)) return ++binary_, Result<>();
    const std::string path = entry.path().lexically_normal().string();
    const auto whole_path = fs::absolute(entry.path(), ignored).lexically_normal();
    found_.push_back({titled(path, text::with_plain_newlines(bytes)),
                      one_line("dir:" + whole_path.string())});
    return {};
  }

  const Wanted& wanted_;
  const Note& note_;
  LoadBudget budget_;
  std::string name_, prefix_;
  IgnoreRules rules_;
  std::vector<Fragment> found_;
  size_t binary_ = 0, links_ = 0;
};

}  // namespace

Result<std::vector<Fragment>> load_folder(const std::string& argument, const Note& note) {
  HOB_TRY(const Wanted wanted, parse(argument));
  return Walk(wanted, "dir:" + argument, note).run();
}

}  // namespace hob::prompts
