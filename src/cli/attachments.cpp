#include "cli/attachments.h"

#include <filesystem>
#include <fstream>

#include "cli/repeatable.h"
#include "hub/http.h"
#include "os/file.h"

namespace hob::cli {
namespace {

struct Magic {
  std::string_view type, bytes;
  size_t offset = 0;
  std::string_view also = {};  // and these bytes at `also_offset`
  size_t also_offset = 0;
};

using namespace std::string_view_literals;

constexpr Magic kMagic[] = {
    {"image/png", "\x89PNG\r\n\x1a\n"sv},
    {"image/jpeg", "\xff\xd8\xff"sv},
    {"image/gif", "GIF87a"sv},
    {"image/gif", "GIF89a"sv},
    {"image/webp", "RIFF"sv, 0, "WEBP"sv, 8},
    {"audio/wav", "RIFF"sv, 0, "WAVE"sv, 8},
    {"video/x-msvideo", "RIFF"sv, 0, "AVI "sv, 8},
    {"image/bmp", "BM"sv, 0, "\0\0\0\0"sv, 6},
    {"image/tiff", "II*\0"sv},
    {"image/tiff", "MM\0*"sv},
    {"image/avif", "ftypavif"sv, 4},
    {"image/heic", "ftypheic"sv, 4},
    {"audio/mp4", "ftypM4A"sv, 4},
    {"video/quicktime", "ftypqt"sv, 4},
    {"video/mp4", "ftyp"sv, 4},
    {"video/webm", "\x1a\x45\xdf\xa3"sv},
    {"application/pdf", "%PDF-"sv},
    {"audio/mpeg", "ID3"sv},
    {"audio/mpeg", "\xff\xfb"sv},
    {"audio/mpeg", "\xff\xf3"sv},
    {"audio/ogg", "OggS"sv},
    {"audio/flac", "fLaC"sv},
    {"application/zip", "PK\x03\x04"sv},
    {"application/gzip", "\x1f\x8b"sv},
    {"image/svg+xml", "<svg"sv},
    {"text/html", "<html"sv},
    {"text/html", "<!DOCTYPE html"sv},
};

// Files that tell nothing by their content.
constexpr std::pair<std::string_view, std::string_view> kExtensions[] = {
    {".txt", "text/plain"},        {".md", "text/plain"},   {".json", "application/json"},
    {".py", "text/x-python"},      {".html", "text/html"},  {".svg", "image/svg+xml"},
};

constexpr size_t kHead = 64;  // bytes that tell a type

bool has_at(std::string_view content, size_t offset, std::string_view bytes) {
  return content.size() >= offset && content.substr(offset).starts_with(bytes);
}

Result<std::string> head_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(kHead, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (file.bad()) return fail(ErrorKind::kUsage, "File {} cannot be read", path);
  head.resize(static_cast<size_t>(file.gcount()));
  return head;
}

Result<std::string> type_of_url(const std::string& url) {
  hub::HttpHandlers handlers;
  handlers.on_headers = [](const hub::HttpReply&) { return false; };  // they are all that is wanted
  const hub::HttpReply reply = hub::http_get({.url = url}, handlers);
  if (reply.status == 0) return fail(ErrorKind::kUsage, "{}: {}", url, reply.problem);
  if (reply.status >= 400)
    return fail(ErrorKind::kUsage, "{}: the server answers {}", url, reply.status);
  const auto type = reply.headers.find("content-type");
  if (type == reply.headers.end())
    return fail(ErrorKind::kUsage, "{}: the server states no type; --at names one", url);
  return type->second;
}

Result<std::string> existing_path(const std::string& value) {
  std::error_code error;
  const auto path = std::filesystem::canonical(value, error);
  if (error) return fail(ErrorKind::kUsage, "File {} does not exist", value);
  if (std::filesystem::is_directory(path)) return fail(ErrorKind::kUsage, "{} is a folder", value);
  return path.string();
}

Result<std::string> type_of_file(const std::string& value, const std::string& path) {
  HOB_TRY(const std::string head, head_of(path));
  if (const auto type = sniffed_type(head); !type.empty()) return std::string(type);
  const std::string extension = std::filesystem::path(path).extension().string();
  for (const auto& [known, type] : kExtensions) {
    if (extension == known) return std::string(type);
  }
  return fail(ErrorKind::kUsage, "Could not determine mimetype of {}", value);
}

bool is_url(const std::string& value) { return value.find("://") != value.npos; }

}  // namespace

std::string_view sniffed_type(std::string_view content) {
  for (const Magic& magic : kMagic) {
    if (has_at(content, magic.offset, magic.bytes) &&
        has_at(content, magic.also_offset, magic.also)) {
      return magic.type;
    }
  }
  return {};
}

Result<store::Attachment> resolve_attachment(Io& io, const std::string& value) {
  if (value == "-") {
    HOB_TRY(std::string content, read_input(io));
    const auto type = sniffed_type(content);
    if (type.empty()) return fail(ErrorKind::kUsage, "Could not determine mimetype of stdin");
    return store::Attachment{.type = std::string(type), .content = std::move(content)};
  }
  if (is_url(value)) {
    HOB_TRY(std::string type, type_of_url(value));
    return store::Attachment{.type = std::move(type), .url = value};
  }
  HOB_TRY(std::string path, existing_path(value));
  HOB_TRY(std::string type, type_of_file(value, path));
  return store::Attachment{.type = std::move(type), .path = std::move(path)};
}

Result<store::Attachment> resolve_attachment(Io& io, const std::string& value,
                                             const std::string& type) {
  if (value == "-") {
    HOB_TRY(std::string content, read_input(io));
    return store::Attachment{.type = type, .content = std::move(content)};
  }
  if (is_url(value)) return store::Attachment{.type = type, .url = value};
  HOB_TRY(std::string path, existing_path(value));
  return store::Attachment{.type = type, .path = std::move(path)};
}

void AttachmentFlags::declare(CLI::App& app) {
  add_repeatable(app, "-a,--attachment", attachments,
                 "A file, a URL or - (standard input) to send along; repeatable")
      ->option_text("PATH|URL|-");
  add_repeatable(app, "--at,--attachment-type", typed,
                 "As -a, with its MIME type instead of a look at it; repeatable")
      ->option_text("PATH|URL|- TYPE");
}

Result<std::vector<store::Attachment>> AttachmentFlags::resolve(Io& io) const {
  std::vector<store::Attachment> out;
  for (const std::string& value : attachments) {
    HOB_TRY(out.emplace_back(), resolve_attachment(io, value));
  }
  for (const auto& [value, type] : typed) {
    HOB_TRY(out.emplace_back(), resolve_attachment(io, value, type));
  }
  return out;
}

}  // namespace hob::cli
