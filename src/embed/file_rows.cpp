// Files as rows: which ones a pattern means, and their bytes as text.
#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/ascii.h"
#include "embed/rows.h"
#include "text/glob.h"
#include "text/python_text.h"
#include "text/utf8.h"

namespace hob::embed {
namespace {

namespace fs = std::filesystem;

// Python's names of encodings that iconv spells another way.
constexpr std::pair<std::string_view, std::string_view> kSpellings[] = {
    {"latin-1", "ISO-8859-1"}, {"latin1", "ISO-8859-1"}, {"utf-8-sig", "UTF-8"},
    {"utf8", "UTF-8"},         {"ascii", "ASCII"},       {"mac_roman", "MACINTOSH"}};

std::vector<std::string> parts_of(const std::string& pattern) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= pattern.size();) {
    const size_t end = std::min(pattern.find('/', at), pattern.size());
    if (end > at && pattern.substr(at, end - at) != ".")
      parts.push_back(pattern.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    entries.push_back(*it);
  }
  std::ranges::sort(entries, {}, [](const fs::directory_entry& e) { return e.path(); });
  return entries;
}

// Adds the files below `folder` that parts[at...] mean, as paths relative to `base`.
void gather(const fs::path& base, const fs::path& folder, std::span<const std::string> parts,
            std::vector<std::string>& found) {
  if (parts.empty()) return;
  const bool last = parts.size() == 1;
  if (parts[0] == "**") {
    gather(base, folder, parts.subspan(1), found);
    std::error_code error;
    for (const auto& entry : entries_of(folder)) {
      if (entry.is_directory(error) && !entry.is_symlink(error))
        gather(base, entry.path(), parts, found);
    }
    return;
  }
  for (const auto& entry : entries_of(folder)) {
    std::error_code error;
    if (!text::name_matches(entry.path().filename().string(), parts[0])) continue;
    if (!last && entry.is_directory(error)) {
      gather(base, entry.path(), parts.subspan(1), found);
    } else if (last && entry.is_regular_file(error)) {
      found.push_back(entry.path().lexically_relative(base).string());
    }
  }
}

struct Converter {
  explicit Converter(const std::string& from) : handle(::iconv_open("UTF-8", from.c_str())) {}
  ~Converter() {
    if (known()) ::iconv_close(handle);
  }
  Converter(const Converter&) = delete;
  bool known() const { return handle != reinterpret_cast<iconv_t>(-1); }
  iconv_t handle;
};

// Nothing where the bytes are not in that encoding.
std::optional<std::string> converted(std::string_view bytes, iconv_t handle) {
  std::string in(bytes), out;
  char *from = in.data(), buffer[4096];
  size_t left = in.size();
  while (true) {
    char* to = buffer;
    size_t room = sizeof buffer;
    const bool flush = left == 0;
    const size_t done =
        ::iconv(handle, flush ? nullptr : &from, flush ? nullptr : &left, &to, &room);
    out.append(buffer, sizeof buffer - room);
    if (done == static_cast<size_t>(-1) && errno != E2BIG) return {};
    if (flush && done != static_cast<size_t>(-1)) return out;
  }
}

}  // namespace

Result<std::vector<std::string>> matching_files(const FileRows& rows) {
  std::error_code error;
  if (!fs::is_directory(rows.folder, error))
    return fail(ErrorKind::kInvalid, "Invalid directory: {}", rows.folder);
  std::vector<std::string> found;
  const auto parts = parts_of(rows.pattern);
  gather(rows.folder, rows.folder, parts, found);
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

Result<std::optional<std::string>> decoded(std::string_view bytes,
                                           std::span<const std::string> encodings) {
  for (const std::string& encoding : encodings) {
    std::string name = ascii_lower(encoding);
    for (const auto& [python, spelling] : kSpellings) {
      if (name == python) name = spelling;
    }
    const Converter converter(name);
    if (!converter.known())
      return fail(ErrorKind::kInvalid, "--encoding {}: unknown encoding", encoding);
    if (name == "UTF-8" || name == "utf-8") {
      if (!text::is_utf8(bytes)) continue;
      if (encoding.ends_with("sig") && bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
      return std::optional(text::with_plain_newlines(bytes));
    }
    if (const auto text = converted(bytes, converter.handle))
      return std::optional(text::with_plain_newlines(*text));
  }
  return std::optional<std::string>{};
}

}  // namespace hob::embed
