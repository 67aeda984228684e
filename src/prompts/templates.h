// Where templates come from: the folder of hob's own, llm's folder where hob has none of the name,
// any path, an http(s) URL, or "prefix:name", a loader.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "prompts/template_file.h"

namespace hob::prompts {

// A new loader is a function and a row in templates.cpp.
struct TemplateLoader {
  std::string_view prefix;
  std::string_view help;  // lines for `hob templates loaders`
  Result<std::string> (*load)(const std::string& name);
};
std::span<const TemplateLoader> template_loaders();

class TemplateStore {
 public:
  // The first folder is hob's own; the others are read only.
  explicit TemplateStore(std::vector<std::string> folders) : folders_(std::move(folders)) {}
  static TemplateStore standard();

  // A URL; a loader's prefix, unless a file has exactly that name; a path; a name. Errors name it.
  Result<Template> load(const std::string& name) const;
  // All that can be read, sorted by name; of two with one name the first folder's.
  std::vector<Template> list() const;
  // The file of a saved name in the first folder that has it; empty where none does.
  std::string find(const std::string& name) const;
  // Where the template of that name lies or would lie in hob's own folder.
  std::string path(const std::string& name) const;
  const std::string& folder() const { return folders_.front(); }
  // Writes hob's own, as llm writes it. `keys` is what Template::to_json() gives, without the name.
  Result<> save(const std::string& name, const nlohmann::ordered_json& keys) const;

 private:
  std::vector<std::string> folders_;
};

}  // namespace hob::prompts
