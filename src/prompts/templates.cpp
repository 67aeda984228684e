#include "prompts/templates.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "os/file.h"
#include "prompts/fragment.h"
#include "prompts/loaders.h"
#include "store/user_folder.h"
#include "text/yaml.h"

namespace hob::prompts {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kExtension = ".yaml";

// git:PATH[@REV]:NAME.
Result<std::string> load_from_repository(const std::string& name) {
  const size_t colon = name.rfind(':');
  if (colon == name.npos) {
    return fail(ErrorKind::kInvalid, "git: needs PATH[@REV]:NAME, as in git:prompts@v1:review");
  }
  const RepositoryName repository = repository_name(name.substr(0, colon));
  std::string file = name.substr(colon + 1);
  if (!file.ends_with(kExtension)) file += kExtension;
  return repository_file(repository.path, repository.revision, file);
}

constexpr TemplateLoader kLoaders[] = {
    {"git",
     "A template of a commit of a repository on this machine, HEAD by default:\n"
     "git:path/to/prompts:review, git:path/to/prompts@v1.2:reviews/code.",
     load_from_repository},
};

Result<Template> load_by_prefix(const std::string& name) {
  const size_t colon = name.find(':');
  const std::string prefix = name.substr(0, colon);
  const auto loader = std::find_if(std::begin(kLoaders), std::end(kLoaders),
                                   [&](const TemplateLoader& l) { return l.prefix == prefix; });
  if (loader == std::end(kLoaders)) {
    return fail(ErrorKind::kNotFound, "Unknown template prefix: {}", prefix);
  }
  const auto yaml = loader->load(name.substr(colon + 1));
  if (!yaml) {
    return fail(yaml.error().kind, "Could not load template {}: {}", name, yaml.error().message);
  }
  return parse_template(name, *yaml);
}

}  // namespace

std::span<const TemplateLoader> template_loaders() { return kLoaders; }

TemplateStore TemplateStore::standard() {
  std::vector<std::string> folders = {store::templates_folder()};
  if (const std::string llm = store::llm_folder(); !llm.empty()) {
    folders.push_back(llm + "/templates");
  }
  return TemplateStore(std::move(folders));
}

std::string TemplateStore::path(const std::string& name) const {
  return fmt::format("{}/{}{}", folder(), name, kExtension);
}

std::string TemplateStore::find(const std::string& name) const {
  for (const std::string& folder : folders_) {
    const std::string candidate = fmt::format("{}/{}{}", folder, name, kExtension);
    std::error_code ignored;
    if (fs::exists(candidate, ignored)) return candidate;
  }
  return {};
}

Result<Template> TemplateStore::load(const std::string& name) const {
  if (is_url(name)) {
    const auto yaml = fetch_text(name);
    if (!yaml) {
      return fail(yaml.error().kind, "Could not load template {}: {}", name, yaml.error().message);
    }
    return parse_template(name, *yaml);
  }
  std::error_code ignored;
  std::string file = fs::exists(name, ignored) ? name : "";
  if (file.empty() && has_prefix(name)) return load_by_prefix(name);
  if (file.empty()) file = find(name);
  if (file.empty()) return fail(ErrorKind::kNotFound, "Invalid template: {}", name);
  HOB_TRY(const std::string yaml, read_text_file(file));
  HOB_TRY(Template out, parse_template(name, yaml));
  out.from_file = true;
  return out;
}

std::vector<Template> TemplateStore::list() const {
  std::set<std::string> names;
  for (const std::string& folder : folders_) {
    std::error_code error;
    for (auto entry = fs::directory_iterator(folder, error);
         !error && entry != fs::directory_iterator(); entry.increment(error)) {
      if (entry->path().extension() == kExtension) names.insert(entry->path().stem().string());
    }
  }
  std::vector<Template> out;
  for (const std::string& name : names) {
    const auto yaml = read_text_file(find(name));
    if (!yaml) continue;
    if (auto one = parse_template(name, *yaml)) out.push_back(std::move(*one));
  }
  return out;
}

Result<> TemplateStore::save(const std::string& name, const nlohmann::ordered_json& keys) const {
  HOB_TRY(const std::string yaml, text::to_yaml(keys, {.indent = 4}));
  std::error_code error;
  fs::create_directories(folder(), error);
  if (error) return fail(ErrorKind::kIo, "{}: {}", folder(), error.message());
  return os::write_file_atomically(path(name), yaml);
}

}  // namespace hob::prompts
