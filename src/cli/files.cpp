// hob files: files and folders as one text for a prompt. Flags, output and rules are those of
// simonw's files-to-prompt 0.6, byte for byte, whose ignore rules are simpler than git's: a pattern
// is held against names, not paths, and counts for all that comes after it. (Fragments of dir: have
// git's own rules.) --budget and --sort are hob's; the file that -o names comes into being at the
// end and is none of those below a folder.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>

#include "cli/command.h"
#include "cli/model_flags.h"
#include "cli/path_argument.h"
#include "cli/repeatable.h"
#include "cli/safe_text.h"
#include "cli/tokenizer_of.h"
#include "os/file.h"
#include "prompts/fragment.h"
#include "text/fenced_code.h"
#include "text/glob.h"
#include "text/python_text.h"
#include "text/utf8.h"

namespace hob::cli {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

constexpr std::pair<std::string_view, std::string_view> kLanguages[] = {
    {"py", "python"},     {"c", "c"},       {"cpp", "cpp"}, {"java", "java"}, {"js", "javascript"},
    {"ts", "typescript"}, {"html", "html"}, {"css", "css"}, {"xml", "xml"},   {"json", "json"},
    {"yaml", "yaml"},     {"yml", "yaml"},  {"sh", "bash"}, {"rb", "ruby"},
};

struct FilesFlags {
  Strings paths, extensions, ignore;
  bool include_hidden = false, ignore_files_only = false, ignore_gitignore = false;
  bool cxml = false, markdown = false, line_numbers = false, null = false, sort = false;
  std::string output, model;
  std::optional<size_t> budget;
};

std::string_view last_part(std::string_view path, char separator) {
  return path.substr(path.rfind(separator) == path.npos ? 0 : path.rfind(separator) + 1);
}

std::string numbered(std::string_view content) {
  const auto lines = text::unicode_lines(content);
  const size_t width = fmt::format("{}", lines.size()).size();
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    out += fmt::format("{}{:>{}}  {}", i > 0 ? "\n" : "", i + 1, width,
                       text::without_line_end(lines[i]));
  }
  return out;
}

class Collector {
 public:
  using Sink = std::function<Result<>(std::string_view)>;
  Collector(const FilesFlags& flags, Io& io, Sink sink)
      : flags_(flags), io_(io), sink_(std::move(sink)) {}

  Result<> run(const Strings& paths) {
    for (const std::string& path : paths) {
      std::error_code ignored;
      if (!fs::exists(path, ignored)) {
        return fail(ErrorKind::kUsage, "Path does not exist: {}", path);
      }
      if (!flags_.ignore_gitignore) adopt(path.substr(0, folder_length(path)));
      if (flags_.cxml && path == paths.front()) HOB_TRY_VOID(sink_("<documents>\n"));
      if (fs::is_regular_file(path, ignored)) {
        HOB_TRY_VOID(show(path));
      } else if (fs::is_directory(path, ignored)) {
        HOB_TRY_VOID(walk(path));
      }
    }
    return flags_.cxml ? sink_("</documents>\n") : Result<>();
  }

 private:
  static size_t folder_length(std::string_view path) {
    const size_t slash = path.rfind('/');
    return slash == path.npos ? 0 : slash == 0 ? 1 : slash;
  }
  static std::string joined(const std::string& folder, const std::string& name) {
    return folder.empty() || folder.ends_with('/') ? folder + name : folder + '/' + name;
  }

  // The lines of a folder's .gitignore, for the rest of the run.
  void adopt(const std::string& folder) {
    const std::string path = joined(folder, ".gitignore");
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) return;
    const auto bytes = os::read_file(path);
    if (!bytes) return;
    const std::string text = text::with_plain_newlines(*bytes);
    for (std::string_view rest = text; !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      constexpr std::string_view kBlanks = " \t\v\f";
      const size_t first = line.find_first_not_of(kBlanks);
      if (first == line.npos || line[0] == '#') continue;
      rules_.emplace_back(line.substr(first, line.find_last_not_of(kBlanks) - first + 1));
    }
  }

  bool git_ignores(const std::string& name, bool is_folder) const {
    return std::any_of(rules_.begin(), rules_.end(), [&](const std::string& rule) {
      return text::name_matches(name, rule) ||
             (is_folder && text::name_matches(name + '/', rule));
    });
  }

  bool leaves_out(const std::string& name, bool is_folder) const {
    if (!flags_.include_hidden && name.starts_with('.')) return true;
    if (!flags_.ignore_gitignore && git_ignores(name, is_folder)) return true;
    if (is_folder && flags_.ignore_files_only) return false;
    return std::any_of(flags_.ignore.begin(), flags_.ignore.end(), [&](const std::string& pattern) {
      return text::name_matches(name, pattern);
    });
  }

  // Folders in the file system's order, unless --sort asks for one that is the same everywhere.
  Result<> walk(const std::string& folder) {
    Strings files;
    std::vector<std::pair<std::string, bool>> inner;  // and whether it is a link
    std::error_code error;
    for (auto entry = fs::directory_iterator(folder, error);
         !error && entry != fs::directory_iterator(); entry.increment(error)) {
      std::error_code ignored;
      const std::string name = entry->path().filename().string();
      if (entry->is_directory(ignored)) {
        inner.emplace_back(name, entry->is_symlink(ignored));
      } else {
        files.push_back(name);
      }
    }
    if (!flags_.ignore_gitignore) adopt(folder);
    std::sort(files.begin(), files.end());
    if (flags_.sort) std::sort(inner.begin(), inner.end());
    // Now, not on the way: rules of one inner folder say nothing about its neighbours' names.
    std::erase_if(inner,
                  [&](const auto& one) { return one.second || leaves_out(one.first, true); });
    for (const std::string& name : files) {
      if (leaves_out(name, false) || !has_extension(name)) continue;
      const std::string path = joined(folder, name);
      std::error_code ignored;
      if (!flags_.output.empty() && fs::equivalent(path, flags_.output, ignored)) continue;
      HOB_TRY_VOID(show(path));
    }
    for (const auto& [name, is_link] : inner) {
      HOB_TRY_VOID(walk(joined(folder, name)));
    }
    return {};
  }

  bool has_extension(const std::string& name) const {
    return flags_.extensions.empty() ||
           std::any_of(flags_.extensions.begin(), flags_.extensions.end(),
                       [&](const std::string& extension) { return name.ends_with(extension); });
  }

  Result<> show(const std::string& path) {
    HOB_TRY(const std::string bytes, os::read_file(path));
    if (!text::is_utf8(bytes)) {
      const Style style = Style::when(io_.err_colour);
      io_.note(fmt::format("{}Warning: Skipping file {} due to UnicodeDecodeError{}\n", style.red,
                           safe_line(path), style.reset));
      return {};
    }
    const std::string text = text::with_plain_newlines(bytes);
    const std::string body = flags_.line_numbers ? numbered(text) : text;
    if (flags_.cxml) {
      return sink_(fmt::format(
          "<document index=\"{}\">\n<source>{}</source>\n<document_content>\n{}\n"
          "</document_content>\n</document>\n",
          ++index_, path, body));
    }
    if (flags_.markdown) {
      const std::string fence = text::fence_for(text);
      return sink_(fmt::format("{}\n{}{}\n{}\n{}\n", path, fence, language(path), body, fence));
    }
    return sink_(fmt::format("{}\n---\n{}\n\n---\n", path, body));
  }

  static std::string_view language(std::string_view path) {
    const std::string_view extension = last_part(path, '.');
    for (const auto& [known, name] : kLanguages) {
      if (known == extension) return name;
    }
    return {};
  }

  const FilesFlags& flags_;
  Io& io_;
  Sink sink_;
  Strings rules_;
  size_t index_ = 0;
};

Result<Strings> all_paths(Io& io, const FilesFlags& flags) {
  Strings paths = flags.paths;
  if (io.in_terminal) return paths;
  HOB_TRY(const std::string text, read_input(io));
  const std::string_view separators = flags.null ? std::string_view("\0", 1) : " \t\n\r\v\f";
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = std::min(rest.find_first_of(separators), rest.size());
    if (end > 0) paths.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return paths;
}

// Everything, within the budget where there is one.
Result<std::string> gathered(Io& io, const FilesFlags& flags, const Strings& paths) {
  std::string whole;
  Collector collector(flags, io, [&](std::string_view text) -> Result<> {
    whole += text;
    return {};
  });
  HOB_TRY_VOID(collector.run(paths));
  if (!flags.budget) return whole;
  HOB_TRY(const auto tokenizer, tokenizer_of(flags.model));
  const size_t tokens = tokenizer.encode(whole).size();
  if (tokens > *flags.budget) {
    return fail(ErrorKind::kTooLarge, "the files take {} tokens, the budget is {}", tokens,
                *flags.budget);
  }
  return whole;
}

Result<> print_files(Io& io, const FilesFlags& flags) {
  HOB_TRY(const Strings paths, all_paths(io, flags));
  const auto write = [&](std::string_view text) -> Result<> {
    // Where nobody reads on, run() says why.
    return io.show(text) ? Result<>() : fail(ErrorKind::kIo, "cannot write");
  };
  // What is refused writes nothing.
  if (!flags.budget && flags.output.empty()) return Collector(flags, io, write).run(paths);
  HOB_TRY(const std::string whole, gathered(io, flags, paths));
  return flags.output.empty() ? write(whole) : os::write_file_atomically(flags.output, whole);
}

}  // namespace

Action define_files(CLI::App& app, Io& io) {
  auto flags = std::make_shared<FilesFlags>();
  app.add_option("PATH", flags->paths, "Files and folders; more are read from standard input")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(path_argument({.folder = true}));
  add_repeatable(app, "-e,--extension", flags->extensions,
                 "Only files whose name ends so; repeatable")
      ->option_text("TEXT");
  app.add_flag("--include-hidden", flags->include_hidden,
               "Also files and folders whose name begins with a dot");
  app.add_flag("--ignore-files-only", flags->ignore_files_only, "--ignore leaves folders alone");
  app.add_flag("--ignore-gitignore", flags->ignore_gitignore, "Take no notice of .gitignore files");
  add_repeatable(app, "--ignore", flags->ignore,
                 "Leave out names that match this pattern; repeatable")
      ->option_text("PATTERN");
  app.add_option("-o,--output", flags->output, "Write to this file")->option_text("FILE");
  app.add_flag("-c,--cxml", flags->cxml, "As XML documents, which Claude was trained on");
  app.add_flag("-m,--markdown", flags->markdown, "As Markdown with fenced code blocks");
  app.add_flag("-n,--line-numbers", flags->line_numbers, "Number the lines");
  app.add_flag("-0,--null", flags->null, "Paths on standard input end with a NUL character");
  app.add_flag("--sort", flags->sort, "Folders in the order of their names, not the file system's");
  app.add_option("--budget", flags->budget, "Refuse, and write nothing, where it takes more tokens")
      ->option_text("TOKENS")
      ->transform(whole_number(0, kMostTokens));
  app.add_option("--model", flags->model, "Whose tokens --budget counts (default: as for a prompt)")
      ->option_text("NAME|PATH");
  return [flags, &io] { return print_files(io, *flags); };
}

}  // namespace hob::cli
