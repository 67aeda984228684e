// The tree's own rules, read from the sources: deps.txt is obeyed and has no cycle, CMake links
// what it says, instruction-set files are sealed, conditionals stay where they belong, text is
// ASCII without tabs (STYLE: 1, 10, 19, 21). Each test names every offence at once, as file:line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using Offences = std::vector<std::string>;

const fs::path kRoot = HOB_SOURCE_DIR;
const fs::path kSource = kRoot / "src";

struct Module {
  std::string name;
  std::set<std::string> may_include;
};

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// deps.txt in its order.
std::vector<Module> modules() {
  std::vector<Module> all;
  for (const std::string& line : lines_of(kRoot / "deps.txt")) {
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(':');
    Module module{line.substr(0, colon), {}};
    std::istringstream rest(colon == std::string::npos ? "" : line.substr(colon + 1));
    for (std::string name; rest >> name;) module.may_include.insert(name);
    all.push_back(module);
  }
  return all;
}

std::map<std::string, std::set<std::string>> allowed() {
  std::map<std::string, std::set<std::string>> map;
  for (const auto& module : modules()) map[module.name] = module.may_include;
  return map;
}

// Sources below src/, as paths relative to it.
std::vector<fs::path> sources() {
  const std::set<std::string> kinds = {".h", ".cpp", ".inl", ".c"};
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(kSource)) {
    if (entry.is_regular_file() && kinds.contains(entry.path().extension().string())) {
      paths.push_back(fs::relative(entry.path(), kSource));
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// src/main.cpp is module main; else the folder names the module.
std::string module_of(const fs::path& source) {
  return source.has_parent_path() ? source.begin()->string() : source.stem().string();
}

struct Include {
  int line;
  std::string name;  // "quant/blocks.h" or "<cstdint>"
  bool angled() const { return name[0] == '<'; }
};

std::vector<Include> includes_of(const fs::path& source) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*(<[^>]+>|"([^"]+)\"))");
  std::vector<Include> includes;
  int number = 0;
  for (const std::string& line : lines_of(kSource / source)) {
    ++number;
    std::smatch match;
    if (std::regex_search(line, match, kInclude)) {
      includes.push_back({number, match[2].matched ? match[2].str() : match[1].str()});
    }
  }
  return includes;
}

std::string place(const fs::path& source, int line) {
  return "src/" + source.string() + ":" + std::to_string(line) + ": ";
}

bool starts_with_any(const std::string& text, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const auto& p) { return text.starts_with(p); });
}

TEST(Deps, EveryIncludeIsAnAllowedArrow) {
  const auto may_include = allowed();
  Offences offences;
  for (const auto& source : sources()) {
    const std::string from = module_of(source);
    for (const auto& include : includes_of(source)) {
      const size_t slash = include.name.find('/');
      if (include.angled() || slash == std::string::npos) continue;  // a library's
      const std::string to = include.name.substr(0, slash);
      if (to == from || to == "tests") continue;
      if (!may_include.contains(to)) {
        offences.push_back(place(source, include.line) + "no module '" + to + "' in deps.txt");
      } else if (may_include.contains(from) && !may_include.at(from).contains(to)) {
        offences.push_back(place(source, include.line) + from + " -> " + to +
                           " is not in deps.txt");
      } else if (!fs::exists(kSource / include.name)) {
        offences.push_back(place(source, include.line) + include.name + " does not exist");
      }
    }
  }
  EXPECT_THAT(offences, IsEmpty());
}

TEST(Deps, EveryFolderIsAModuleAndEveryModuleExists) {
  const auto may_include = allowed();
  Offences offences;
  for (const auto& source : sources()) {
    if (!may_include.contains(module_of(source)))
      offences.push_back("src/" + source.string() + " is in no module");
  }
  for (const auto& [name, unused] : may_include) {
    if (!fs::is_directory(kSource / name) && !fs::exists(kSource / (name + ".cpp"))) {
      offences.push_back("deps.txt: src/" + name + " does not exist");
    }
  }
  EXPECT_THAT(offences, IsEmpty());
}

// What a module lists stands above it in the file; so there is no cycle, and no name twice.
TEST(Deps, ArrowsPointDown) {
  std::set<std::string> above;
  Offences offences;
  for (const auto& module : modules()) {
    for (const auto& other : module.may_include) {
      if (!above.contains(other))
        offences.push_back("deps.txt: " + module.name + " -> " + other + " points up");
    }
    if (!above.insert(module.name).second)
      offences.push_back("deps.txt: " + module.name + " stands twice");
  }
  EXPECT_FALSE(above.empty());
  EXPECT_THAT(offences, IsEmpty());
}

// Links are followed, so hob_module() names the last steps only: what it reaches is what deps.txt
// lists.
TEST(Deps, CMakeLinksTheSameArrows) {
  static const std::regex kModule(R"(^hob_module\((\w+)([^)]*)\))");
  const auto may_include = allowed();
  std::map<std::string, std::set<std::string>> reached;
  Offences offences;
  for (const std::string& line : lines_of(kSource / "CMakeLists.txt")) {
    std::smatch match;
    if (!std::regex_search(line, match, kModule)) continue;
    const std::string name = match[1];
    std::istringstream rest(match[2].str());
    for (std::string word; rest >> word;) {
      if (!word.starts_with("hob_") || !may_include.contains(word.substr(4)))
        continue;  // a library, or rust
      const std::string linked = word.substr(4);
      reached[name].insert(linked);
      reached[name].insert(reached[linked].begin(), reached[linked].end());
    }
    for (const auto& needed :
         may_include.contains(name) ? may_include.at(name) : std::set<std::string>{}) {
      if (!reached[name].contains(needed)) {
        offences.push_back("src/CMakeLists.txt: " + name + " does not reach " + needed);
      }
    }
    reached.try_emplace(name);
  }
  for (const auto& [name, unused] : may_include) {
    if (name != "main" && !reached.contains(name))
      offences.push_back("src/CMakeLists.txt: no hob_module(" + name);
  }
  EXPECT_THAT(offences, IsEmpty());
}

// A function compiled with an instruction set's flags must never be the one the linker keeps for
// the whole program. So instruction-set files, with all they include, see plain declarations only.
TEST(Sealed, InstructionSetFilesIncludeOnlyPlainHeaders) {
  const std::set<std::string> system = {"<cstdint>", "<cstddef>", "<immintrin.h>", "<arm_neon.h>",
                                        "<wasm_simd128.h>"};
  const std::vector<std::string> own = {"kernels/simd/",  "kernels/body/",     "kernels/table.h",
                                        "quant/blocks.h", "quant/format_id.h", "os/cpu_bits.h"};
  Offences offences;
  for (const auto& source : sources()) {
    const std::string name = source.string();
    if (!starts_with_any(name, {"kernels/isa/"}) && !starts_with_any(name, own)) continue;
    for (const auto& include : includes_of(source)) {
      const bool fine = system.contains(include.name) || starts_with_any(include.name, own);
      if (!fine)
        offences.push_back(place(source, include.line) + "a sealed file includes " + include.name);
    }
  }
  EXPECT_THAT(offences, IsEmpty());
}

TEST(Conditionals, LiveWhereMachinesDiffer) {
  static const std::regex kConditional(R"(^\s*#\s*(if|ifdef|ifndef|elif|else)\b)");
  const std::vector<std::string> places = {"os/", "kernels/simd/", "kernels/isa/"};
  const std::set<std::string> exceptions = {};  // "module/file.cpp", with the reason
  Offences offences;
  for (const auto& source : sources()) {
    if (starts_with_any(source.string(), places) || exceptions.contains(source.string())) continue;
    int number = 0;
    for (const std::string& line : lines_of(kSource / source)) {
      ++number;
      if (std::regex_search(line, kConditional)) offences.push_back(place(source, number) + line);
    }
  }
  EXPECT_THAT(offences, IsEmpty());
}

TEST(Text, HeadersOpenWithPragmaOnce) {
  Offences offences;
  for (const auto& source : sources()) {
    // kernels/simd/ is not: it is included inside the instruction set's namespace, by one file
    // each.
    if (source.extension() != ".h" || starts_with_any(source.string(), {"kernels/simd/"})) continue;
    const auto lines = lines_of(kSource / source);
    if (std::find(lines.begin(), lines.end(), "#pragma once") == lines.end()) {
      offences.push_back("src/" + source.string() + ": no #pragma once");
    }
  }
  EXPECT_THAT(offences, IsEmpty());
}

TEST(Text, IsAsciiWithoutTabs) {
  Offences offences;
  for (const auto& source : sources()) {
    int number = 0;
    for (const std::string& line : lines_of(kSource / source)) {
      ++number;
      const auto foreign = [](char c) { return c < ' ' || c > '~'; };
      if (std::any_of(line.begin(), line.end(), foreign)) {
        offences.push_back(place(source, number) + "a tab, control or non-ASCII character");
      }
    }
  }
  EXPECT_THAT(offences, IsEmpty());
}

// The first thing in a file says what it is; x.cpp and x_test.cpp may leave that to x.h.
TEST(Text, EveryFileOpensWithADesignNote) {
  Offences offences;
  for (const auto& source : sources()) {
    const auto lines = lines_of(kSource / source);
    if (!lines.empty() && lines[0].starts_with("//")) continue;
    std::string stem = source.stem().string();
    if (stem.ends_with("_test")) stem.resize(stem.size() - 5);
    const fs::path header = kSource / source.parent_path() / (stem + ".h");
    if (source.extension() != ".cpp" || !fs::exists(header))
      offences.push_back("src/" + source.string());
  }
  EXPECT_THAT(offences, IsEmpty());
}

}  // namespace
