#include "hub/repository.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <thread>

#include "base/ascii.h"
#include "hub/digest.h"
#include "os/file.h"
#include "os/terminal.h"

namespace hob::hub {
namespace {

using Json = nlohmann::json;

constexpr size_t kLongestAnswer = size_t{64} << 20;
constexpr int kMostAttempts = 8;
constexpr size_t kMostNamed = 40;      // files in an error
constexpr size_t kLongestName = 1024;  // of a file or of what a person asks for; systems allow 4096

std::string trimmed_line(std::string text) {
  text.erase(std::min(text.find_first_of("\r\n"), text.size()));
  return text;
}

// What may stand in a URL's path as it is.
std::string escaped(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return out;
}

// A path that stays inside the folder it is put under.
bool is_inside(const std::string& path) {
  if (path.empty() || path[0] == '/' || path.find('\\') != path.npos) return false;
  if (std::any_of(path.begin(), path.end(), [](char c) { return c >= 0 && c < ' '; })) return false;
  const std::filesystem::path parts(path);
  return std::none_of(parts.begin(), parts.end(),
                      [](const auto& part) { return part == ".." || part == "."; });
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

uint64_t number_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

Result<RemoteFile> read_file_entry(const Json& entry, const std::string& source) {
  RemoteFile file{text_of(entry, "rfilename"), number_of(entry, "size"), text_of(entry, "blobId")};
  if (const auto lfs = entry.find("lfs"); lfs != entry.end() && lfs->is_object()) {
    file.checksum = text_of(*lfs, "sha256");
    file.size = number_of(*lfs, "size");
  }
  if (file.path.size() > kLongestName)
    return fail(ErrorKind::kCorrupt, "{}: a file's name has {} bytes", source, file.path.size());
  if (!is_inside(file.path)) {
    return fail(ErrorKind::kCorrupt, "{}: a file's name '{}' leads elsewhere", source, file.path);
  }
  if (!Digest::is_known(file.checksum)) {
    return fail(ErrorKind::kCorrupt, "{}: no checksum of '{}'", source, file.path);
  }
  return file;
}

Result<Repository> parse_repository(const std::string& answer, const std::string& name,
                                    const std::string& source) {
  const Json json = Json::parse(answer, nullptr, false);
  if (!json.is_object() || !json.contains("siblings") || !json["siblings"].is_array()) {
    return fail(ErrorKind::kCorrupt, "{}: not a list of files", source);
  }
  Repository repository{name, text_of(json, "sha"), {}};
  const bool is_commit =
      repository.commit.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (repository.commit.empty() || !is_commit) {
    return fail(ErrorKind::kCorrupt, "{}: no commit", source);
  }
  for (const Json& entry : json["siblings"]) {
    HOB_TRY(auto file, read_file_entry(entry, source));
    repository.files.push_back(std::move(file));
  }
  return repository;
}

bool ends_with_any(const std::string& name, std::initializer_list<const char*> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](const char* e) { return name.ends_with(e); });
}

// "model-00001-of-00003.gguf" -> "model.gguf".
std::string without_part_number(const std::string& path) {
  constexpr std::string_view kShape = "-00000-of-00000";  // a zero stands for any digit
  const size_t dot = path.rfind('.');
  if (dot == path.npos || dot < kShape.size()) return path;
  const size_t begin = dot - kShape.size();
  for (size_t i = 0; i < kShape.size(); ++i) {
    const char c = path[begin + i];
    if (kShape[i] == '0' ? c < '0' || c > '9' : c != kShape[i]) return path;
  }
  return path.substr(0, begin) + path.substr(dot);
}

using Files = std::vector<RemoteFile>;

// Whether the files are one, or the parts of one.
bool is_one(const Files& files) {
  return !files.empty() && std::all_of(files.begin(), files.end(), [&](const RemoteFile& f) {
    return without_part_number(f.path) == without_part_number(files.front().path);
  });
}

Files those(const Files& files, const std::function<bool(const RemoteFile&)>& which) {
  Files out;
  std::copy_if(files.begin(), files.end(), std::back_inserter(out), which);
  return out;
}

tl::unexpected<Error> ambiguous(const Repository& repository, const Files& files,
                                std::string_view why) {
  std::vector<std::string> names;
  for (const RemoteFile& file : files) {
    if (names.size() < kMostNamed) names.push_back(file.path);
  }
  return fail(
      ErrorKind::kInvalid, "{}: {}; name one as {}:FILE: {}{}", repository.name, why,
      repository.name, fmt::join(names, ", "),
      files.size() > names.size() ? fmt::format(", and {} more", files.size() - names.size()) : "");
}

}  // namespace

Hub Hub::standard() {
  Hub hub;
  if (std::string endpoint = os::environment("HF_ENDPOINT"); !endpoint.empty()) {
    while (endpoint.ends_with('/')) endpoint.pop_back();
    hub.endpoint = std::move(endpoint);
  }
  hub.token = os::environment("HF_TOKEN");
  if (hub.token.empty()) {
    const std::string home = os::environment("HF_HOME");
    const std::string folder =
        home.empty() ? os::environment("HOME") + "/.cache/huggingface" : home;
    if (auto file = os::read_file(folder + "/token")) hub.token = *std::move(file);
  }
  hub.token = trimmed_line(std::move(hub.token));
  return hub;
}

std::vector<std::string> Hub::headers() const {
  if (token.empty()) return {};
  return {"Authorization: Bearer " + token};
}

Result<Wanted> parse_wanted(std::string_view text) {
  static const std::regex shape(
      "([A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+)(?:@([A-Za-z0-9._/-]+))?(?::(.+))?");
  std::string whole(text);
  for (const char* prefix : {"https://huggingface.co/", "hf.co/", "hf:"}) {
    if (whole.starts_with(prefix)) whole.erase(0, std::string_view(prefix).size());
  }
  std::smatch match;
  if (whole.size() > kLongestName || !std::regex_match(whole, match, shape) ||
      whole.find("..") != whole.npos) {
    return fail(ErrorKind::kInvalid,
                "'{}' is no repository: write OWNER/NAME, OWNER/NAME:FILE or OWNER/NAME@REVISION",
                text);
  }
  Wanted wanted{match[1], "main", match[3]};
  if (match[2].matched) wanted.revision = match[2];
  return wanted;
}

bool is_passing(const HttpReply& reply) {
  if (!reply.problem.empty()) return reply.lost;
  return reply.status == 408 || reply.status == 429 || reply.status >= 500;
}

Error refusal(const HttpReply& reply, const std::string& what, bool has_token) {
  if (reply.status == 401 || reply.status == 403) {
    return {ErrorKind::kInvalid,
            fmt::format("{}: the hub wants to know who asks (status {}): {}", what, reply.status,
                        has_token ? "the token in HF_TOKEN has no access to it"
                                  : "set HF_TOKEN to a token that has access; a name that does not "
                                    "exist is answered so too")};
  }
  if (reply.status == 404)
    return {ErrorKind::kNotFound, fmt::format("{}: the hub does not have it (status 404)", what)};
  if (reply.status == 429)
    return {ErrorKind::kIo, fmt::format("{}: the hub asks for a pause (status 429)", what)};
  if (!reply.problem.empty()) return {ErrorKind::kIo, fmt::format("{}: {}", what, reply.problem)};
  return {ErrorKind::kIo, fmt::format("{}: the hub answered with status {}", what, reply.status)};
}

bool wait_before(int attempt, const HttpReply& reply, const std::function<bool()>& goes_on) {
  using namespace std::chrono;
  constexpr int kLongestWait = 60;     // seconds
  constexpr double kFirstWait = 0.25;  // doubled with each attempt
  double seconds = std::min<double>(kFirstWait * (1 << std::min(attempt, 10)), kLongestWait);
  if (const auto asked = reply.headers.find("retry-after"); asked != reply.headers.end()) {
    seconds = std::clamp(std::atoi(asked->second.c_str()), 0, kLongestWait);
  }
  const auto until = steady_clock::now() + duration<double>(seconds);
  while (steady_clock::now() < until) {
    if (!goes_on()) return false;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return goes_on();
}

Result<Repository> read_repository(const Hub& hub, const Wanted& wanted,
                                   const std::function<bool()>& goes_on) {
  const HttpRequest request{fmt::format("{}/api/models/{}/revision/{}?blobs=true", hub.endpoint,
                                        escaped(wanted.repository), escaped(wanted.revision)),
                            hub.headers()};
  for (int attempt = 0;; ++attempt) {
    std::string answer;
    bool too_long = false;
    HttpHandlers handlers;
    handlers.goes_on = goes_on;
    handlers.on_body = [&](std::string_view piece) {
      too_long = answer.size() + piece.size() > kLongestAnswer;
      if (!too_long) answer += piece;
      return !too_long;
    };
    const HttpReply reply = http_get(request, handlers);
    if (too_long) {
      return fail(ErrorKind::kTooLarge, "{}: the answer is longer than {} bytes", request.url,
                  kLongestAnswer);
    }
    if (reply.stopped) return fail(ErrorKind::kCancelled, "stopped");
    if (reply.problem.empty() && reply.status == 200) {
      return parse_repository(answer, wanted.repository, request.url);
    }
    if (!is_passing(reply) || attempt + 1 == kMostAttempts) {
      const std::string what = fmt::format("{} at {}", wanted.repository, hub.endpoint);
      return tl::unexpected<Error>(refusal(reply, what, !hub.token.empty()));
    }
    if (!wait_before(attempt, reply, goes_on)) return fail(ErrorKind::kCancelled, "stopped");
  }
}

std::string file_url(const Hub& hub, const Repository& repository, const RemoteFile& file) {
  return fmt::format("{}/{}/resolve/{}/{}", hub.endpoint, escaped(repository.name),
                     repository.commit, escaped(file.path));
}

Result<Files> choose_files(const Repository& repository, const Wanted& wanted) {
  const auto& files = repository.files;
  const Files ggufs = those(files, [](const RemoteFile& f) {
    const std::string name = ascii_lower(std::filesystem::path(f.path).filename().string());
    return name.ends_with(".gguf") && !name.starts_with("mmproj");
  });
  if (!wanted.file.empty()) {
    const Files exact = those(files, [&](const RemoteFile& f) { return f.path == wanted.file; });
    if (!exact.empty()) return exact;
    const Files near = those(ggufs, [&](const RemoteFile& f) {
      return ascii_lower(f.path).find(ascii_lower(wanted.file)) != std::string::npos;
    });
    if (is_one(near)) return near;
    const auto why = near.empty() ? fmt::format("no file is named '{}'", wanted.file)
                                  : fmt::format("'{}' could be several files", wanted.file);
    return ambiguous(repository, near.empty() ? files : near, why);
  }
  if (is_one(ggufs)) return ggufs;
  if (!ggufs.empty()) {
    const Files usual = those(ggufs, [](const RemoteFile& f) {
      return ascii_lower(f.path).find("q4_k_m") != std::string::npos;
    });
    if (is_one(usual)) return usual;
    return ambiguous(repository, ggufs, "there are several GGUF files");
  }
  // Of a model in parts that lie in folders, hob knows no whole.
  const Files top =
      those(files, [](const RemoteFile& f) { return f.path.find('/') == std::string::npos; });
  const auto is_tensors = [](const RemoteFile& f) { return f.path.ends_with(".safetensors"); };
  if (std::none_of(top.begin(), top.end(), is_tensors)) {
    const Files tensors = those(files, is_tensors);
    return ambiguous(repository, tensors.empty() ? files : tensors,
                     "there is no GGUF or safetensors file outside of folders");
  }
  return those(top, [](const RemoteFile& f) {
    return ends_with_any(f.path,
                         {".safetensors", ".json", ".jinja", ".model", "merges.txt", "vocab.txt"});
  });
}

}  // namespace hob::hub
