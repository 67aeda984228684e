// What a tree's ignore files leave out, by the rules of .gitignore (gitignore(5)): the last
// matching pattern decides, "!" takes in again, a trailing slash means folders only, a slash
// elsewhere ties the pattern to the folder of its file, "**" spans folders.
//
// Does not cover: git's global excludes and .git/info/exclude.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hob::prompts {

class IgnoreRules {
 public:
  // Adds an ignore file's lines. `folder` is where it lies, relative to the root of the tree,
  // without a trailing slash; empty at the root. Rules of inner folders must be added after those
  // of outer ones.
  void add(std::string_view folder, std::string_view lines);

  // `path` is relative to the root. What lies inside an ignored folder is not asked about: nobody
  // goes there.
  bool ignored(std::string_view path, bool is_folder) const;

 private:
  struct Rule {
    std::string folder, pattern;
    bool takes_in = false, folders_only = false, anchored = false;
  };
  std::vector<Rule> rules_;
};

}  // namespace hob::prompts
