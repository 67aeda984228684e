// hob templates: the stored prompt templates.
#include <algorithm>
#include <filesystem>
#include <memory>

#include "cli/command.h"
#include "cli/listing.h"
#include "os/file.h"
#include "os/process.h"
#include "prompts/templates.h"
#include "text/yaml.h"

namespace hob::cli {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kFreshTemplate = "prompt: ";

std::string one_line(const prompts::Template& source) {
  std::string line = source.prompt.value_or("");
  if (source.system && !source.system->empty()) {
    line = "system: " + *source.system;
    if (source.prompt && !source.prompt->empty()) line += " prompt: " + *source.prompt;
  }
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

Result<> list_templates(Io& io) {
  const auto templates = prompts::TemplateStore::standard().list();
  size_t longest = 0;
  for (const auto& one : templates) longest = std::max(longest, character_count(one.name));
  const auto width = static_cast<size_t>(listing_width(io));
  for (const auto& one : templates) {
    io.show(cut_to(padded(one.name, longest) + " : " + one_line(one), width) + "\n");
  }
  return {};
}

Result<> show_template(Io& io, const std::string& name) {
  const auto found = prompts::TemplateStore::standard().load(name);
  if (!found) {
    const bool absent = found.error().kind == ErrorKind::kNotFound;
    return fail(found.error().kind, "Template '{}' not found or invalid{}", name,
                absent ? "" : ": " + found.error().message);
  }
  HOB_TRY(const std::string yaml,
          text::to_yaml(found->to_json(), {.indent = 4, .sort_keys = true}));
  io.write(yaml + "\n");
  return {};
}

Result<> make_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(ErrorKind::kIo, "{}: {}", folder, error.message());
  return {};
}

// One that only llm's folder has is copied first: that folder is never written.
Result<> edit_template(const std::string& name) {
  const auto store = prompts::TemplateStore::standard();
  HOB_TRY_VOID(make_folder(store.folder()));
  const std::string path = store.path(name);
  if (!os::file_exists(path)) {
    std::string content(kFreshTemplate);
    if (const std::string elsewhere = store.find(name); !elsewhere.empty()) {
      HOB_TRY(content, os::read_file(elsewhere));
    }
    HOB_TRY_VOID(os::write_file_atomically(path, content));
  }
  HOB_TRY_VOID(os::edit_file(path));
  HOB_TRY_VOID(store.load(path));
  return {};
}

Result<> show_path(Io& io) {
  const std::string folder = prompts::TemplateStore::standard().folder();
  HOB_TRY_VOID(make_folder(folder));
  io.print("{}\n", folder);
  return {};
}

}  // namespace

Action define_templates_list(CLI::App&, Io& io) {
  return [&io] { return list_templates(io); };
}

Action define_templates_show(CLI::App& app, Io& io) {
  auto name = std::make_shared<std::string>();
  app.add_option("NAME", *name, "A saved name, a path, a URL, or prefix:name")->required();
  return [name, &io] { return show_template(io, *name); };
}

Action define_templates_edit(CLI::App& app, Io&) {
  auto name = std::make_shared<std::string>();
  app.add_option("NAME", *name, "The template's name; a new one comes into being")->required();
  return [name] { return edit_template(*name); };
}

Action define_templates_path(CLI::App&, Io& io) {
  return [&io] { return show_path(io); };
}

Action define_templates_loaders(CLI::App&, Io& io) {
  return [&io]() -> Result<> {
    for (const auto& loader : prompts::template_loaders())
      io.print("{}:\n{}", loader.prefix, indented_by(loader.help, 2));
    return {};
  };
}

}  // namespace hob::cli
