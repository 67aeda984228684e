#include "prompts/settings.h"

#include <filesystem>

#include "os/file.h"
#include "store/user_folder.h"

namespace hob::prompts {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string stripped(std::string text) {
  constexpr const char* kBlanks = " \t\r\n";
  text.erase(text.find_last_not_of(kBlanks) + 1);
  return text.erase(0, text.find_first_not_of(kBlanks));
}

Result<std::string> make_folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(ErrorKind::kIo, "{}: {}", folder, error.message());
  return folder;
}

Result<> write_file(const std::string& path, std::string_view content) {
  HOB_TRY_VOID(make_folder_of(path));
  return os::write_file_atomically(path, content);
}

// `change` says whether there is something to write. Nobody else changes the file meanwhile.
template <class Change>
Result<> update(const std::string& path, int indent, std::string_view end, const Change& change) {
  HOB_TRY(const std::string folder, make_folder_of(path));
  const os::FolderLock turn(folder);
  HOB_TRY(auto value, read_settings(path));
  HOB_TRY(const bool changed, change(value));
  return changed ? write_settings(path, value, indent, end) : Result<>();
}

// An alias file's pairs of texts; others in it are somebody else's and stay unread.
Result<ordered_json> read_aliases(const std::string& path) {
  HOB_TRY(const auto all, read_settings(path));
  auto out = ordered_json::object();
  for (const auto& [alias, model] : all.items()) {
    if (model.is_string()) out[alias] = model;
  }
  return out;
}

}  // namespace

Result<ordered_json> read_settings(const std::string& path) {
  if (path.empty() || !os::file_exists(path)) return ordered_json::object();
  HOB_TRY(const std::string text, os::read_file(path));
  auto value = ordered_json::parse(text, nullptr, false);
  if (!value.is_object()) {
    return fail(ErrorKind::kCorrupt, "{}: it is not a JSON object", path);
  }
  return value;
}

Result<> write_settings(const std::string& path, const ordered_json& value, int indent,
                        std::string_view end) {
  return write_file(path, value.dump(indent, ' ', true, ordered_json::error_handler_t::replace)
                              .append(end));
}

Aliases Aliases::standard() {
  const std::string llm = store::llm_folder();
  return Aliases(store::aliases_file(), llm.empty() ? "" : llm + "/aliases.json");
}

Result<ordered_json> Aliases::all() const {
  HOB_TRY(auto out, read_aliases(own_));
  // Another program's broken file is not this one's problem.
  if (const auto more = read_aliases(other_)) {
    for (const auto& [alias, model] : more->items()) {
      if (!out.contains(alias)) out[alias] = model;
    }
  }
  return out;
}

Result<std::optional<std::string>> Aliases::find(const std::string& alias) const {
  HOB_TRY(const auto known, all());
  if (!known.contains(alias)) return std::optional<std::string>();
  return std::optional<std::string>(known[alias].get<std::string>());
}

Result<> Aliases::set(const std::string& alias, const std::string& model) {
  return update(own_, 4, "\n", [&](ordered_json& aliases) -> Result<bool> {
    aliases[alias] = model;
    return true;
  });
}

Result<> Aliases::remove(const std::string& alias) {
  if (!os::file_exists(own_)) return fail(ErrorKind::kNotFound, "No aliases.json file exists");
  return update(own_, 4, "\n", [&](ordered_json& aliases) -> Result<bool> {
    if (aliases.erase(alias) == 0) return fail(ErrorKind::kNotFound, "No such alias: {}", alias);
    return true;
  });
}

ModelOptions ModelOptions::standard() { return ModelOptions(store::model_options_file()); }

Result<ordered_json> ModelOptions::all() const { return read_settings(path_); }

Result<ordered_json> ModelOptions::of(const std::string& model) const {
  HOB_TRY(const auto every, all());
  return of(every, model);
}

Result<ordered_json> ModelOptions::of(const ordered_json& every, const std::string& model) const {
  const auto found = every.find(model);
  if (found == every.end()) return ordered_json::object();
  if (!found->is_object()) {
    return fail(ErrorKind::kCorrupt, "{}: the options of '{}' are not an object", path_, model);
  }
  return *found;
}

Result<> ModelOptions::set(const std::string& model, const std::string& key,
                           const std::string& value) {
  return update(path_, 2, "", [&](ordered_json& every) -> Result<bool> {
    HOB_TRY(auto options, of(every, model));
    options[key] = value;
    every[model] = std::move(options);
    return true;
  });
}

Result<> ModelOptions::clear(const std::string& model, const std::string& key) {
  return update(path_, 2, "", [&](ordered_json& every) -> Result<bool> {
    HOB_TRY(auto options, of(every, model));
    if (options.erase(key) == 0) return false;
    if (options.empty()) return every.erase(model) > 0;
    every[model] = std::move(options);
    return true;
  });
}

Result<std::optional<std::string>> saved_default(const std::string& path) {
  if (!os::file_exists(path)) return std::optional<std::string>();
  HOB_TRY(std::string text, os::read_file(path));
  text = stripped(std::move(text));
  if (text.empty()) return std::optional<std::string>();
  return std::optional<std::string>(std::move(text));
}

Result<> save_default(const std::string& path, const std::string& model) {
  return write_file(path, model);
}

}  // namespace hob::prompts
