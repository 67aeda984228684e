#include "cli/path_argument.h"

#include <fmt/format.h>

#include <filesystem>

#include "os/file.h"

namespace hob::cli {

CLI::Validator path_argument(PathRule rule) {
  const auto check = [rule](const std::string& path) -> std::string {
    if (rule.dash && path == "-") return {};
    std::error_code ignored;
    if (!rule.folder && std::filesystem::is_directory(path, ignored))
      return fmt::format("File '{}' is a directory.", path);
    if (!rule.missing && !os::file_exists(path))
      return fmt::format("{} '{}' does not exist.", rule.folder ? "Path" : "File", path);
    return {};
  };
  return CLI::Validator(check, "");
}

}  // namespace hob::cli
