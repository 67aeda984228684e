// The table of fragment loaders, and what they share.
#include "prompts/loaders.h"

#include "text/utf8.h"

namespace hob::prompts {
namespace {

constexpr FragmentLoader kLoaders[] = {
    {"dir",
     "The text files below a folder, one fragment each: dir:src, dir:'src/**/*.h'.\n"
     "Without hidden names, links, binary files and what .gitignore and .ignore leave out.",
     load_folder},
    {"git",
     "The text files of a commit of a repository on this machine, HEAD by default:\n"
     "git:., git:path/to/repo@v1.2, git:.@main:'docs/*.md'.",
     load_repository},
};

}  // namespace

std::span<const FragmentLoader> fragment_loaders() { return kLoaders; }

std::string one_line(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const text::Utf8Sequence next = text::next_utf8(name);
    const auto length = static_cast<size_t>(next.length);
    const char32_t c = next.code_point;
    const bool control = c < ' ' || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
    const bool shown = next.head == text::Utf8Head::kWhole && !control;
    out += shown ? name.substr(0, length) : "\xEF\xBF\xBD";
    name.remove_prefix(length);
  }
  return out;
}

std::string titled(std::string_view path, std::string_view text) {
  return fmt::format("{}\n---\n{}{}---\n", one_line(path), text, text.ends_with('\n') ? "" : "\n");
}

bool is_text(std::string_view bytes) {
  return bytes.find('\0') == bytes.npos && text::is_utf8(bytes);
}

Result<> LoadBudget::add(uint64_t bytes) {
  bytes_ += bytes;
  ++files_;
  if (bytes_ > kMostLoadedBytes) {
    return fail(ErrorKind::kTooLarge, "{}: {} bytes so far, more than the {} that it may bring in",
                name_, bytes_, kMostLoadedBytes);
  }
  if (files_ > kMostLoadedFiles) {
    return fail(ErrorKind::kTooLarge, "{}: more than the {} files that it may bring in", name_,
                kMostLoadedFiles);
  }
  return {};
}

}  // namespace hob::prompts
