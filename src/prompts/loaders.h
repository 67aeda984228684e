// What "prefix:argument" loads as fragments. A new loader is a file with its function and a row in
// loaders.cpp.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "prompts/fragment.h"

namespace hob::prompts {

using Note = std::function<void(std::string_view)>;

struct FragmentLoader {
  std::string_view prefix;
  std::string_view help;  // lines for `hob fragments loaders`
  Result<std::vector<Fragment>> (*load)(const std::string& argument, const Note& note);
};
std::span<const FragmentLoader> fragment_loaders();

// What one loader's call may bring in: more is refused with both numbers, never cut.
inline constexpr uint64_t kMostLoadedBytes = 64 << 20;
inline constexpr size_t kMostLoadedFiles = 20'000;

// dir:PATH, dir:PATTERN: text files below a folder, sorted by path, without what .gitignore and
// .ignore files leave out (also those of the folders above, up to the root of the repository),
// hidden names, links and binary files.
Result<std::vector<Fragment>> load_folder(const std::string& argument, const Note& note);

// git:PATH[@REV][:PATTERN]: text files of one commit of a repository on this machine, HEAD by
// default. Nothing is checked out and nothing in the repository is run.
Result<std::vector<Fragment>> load_repository(const std::string& argument, const Note& note);
// One file of a commit, by its path in the repository.
Result<std::string> repository_file(const std::string& repository, const std::string& revision,
                                    const std::string& path);
// "PATH[@REV]": where the last "@" is one of PATH itself, PATH exists with it.
struct RepositoryName {
  std::string path, revision;  // "HEAD" by default
};
RepositoryName repository_name(std::string_view text);

// A name from a disk or a repository as a prompt and a record can have it: what is not UTF-8 and
// what would begin a new line becomes U+FFFD.
std::string one_line(std::string_view name);
// How a file's text is shown to a model: its path on one line, a rule, the text, a rule.
std::string titled(std::string_view path, std::string_view text);
// Whether bytes are text that hob can use: UTF-8 without NUL.
bool is_text(std::string_view bytes);

// Counts what a loader has taken in against the two bounds.
class LoadBudget {
 public:
  explicit LoadBudget(std::string name) : name_(std::move(name)) {}
  Result<> add(uint64_t bytes);

 private:
  std::string name_;
  uint64_t bytes_ = 0;
  size_t files_ = 0;
};

}  // namespace hob::prompts
