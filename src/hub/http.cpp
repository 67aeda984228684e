#include "hub/http.h"

#include <curl/curl.h>

#include <memory>
#include <mutex>

#include "base/ascii.h"
#include "base/check.h"

namespace hob::hub {
namespace {

constexpr long kConnectSeconds = 20;
// A transfer slower than this for so long has been lost without a word.
constexpr long kLeastBytesPerSecond = 100, kSilentSeconds = 30;

struct FreeCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Transfer {
  CURL* curl;
  const HttpHandlers& handlers;
  HttpReply reply;
  bool body_begun = false;

  bool is_success() const { return reply.status >= 200 && reply.status < 300; }
};

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

size_t on_header(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size * count);
  // A new answer: what the last one said of its own body is over.
  if (line.starts_with("HTTP/")) {
    std::erase_if(transfer.reply.headers, [](const auto& h) { return !h.first.starts_with("x-"); });
    return size * count;
  }
  if (const size_t colon = line.find(':'); colon != line.npos) {
    transfer.reply.headers[ascii_lower(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
  }
  return size * count;
}

size_t on_data(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const size_t bytes = size * count;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &transfer.reply.status);
  if (!transfer.is_success()) return bytes;  // the page of an error
  const auto& handlers = transfer.handlers;
  if (!transfer.body_begun && handlers.on_headers && !handlers.on_headers(transfer.reply)) {
    transfer.reply.stopped = true;
    return 0;
  }
  transfer.body_begun = true;
  if (handlers.on_body && !handlers.on_body({data, bytes})) {
    transfer.reply.stopped = true;
    return 0;
  }
  return bytes;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!transfer.handlers.goes_on || transfer.handlers.goes_on()) return 0;
  transfer.reply.stopped = true;
  return 1;
}

bool is_loss(CURLcode code) {
  switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

template <class Value>
void set(CURL* curl, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(curl, option, value);
  HOB_CHECK(code == CURLE_OK, "libcurl option {}: {}", static_cast<int>(option),
            curl_easy_strerror(code));
}

}  // namespace

HttpReply http_get(const HttpRequest& request, const HttpHandlers& handlers) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::unique_ptr<CURL, FreeCurl> curl(curl_easy_init());
  HOB_CHECK(curl != nullptr);
  Transfer transfer{curl.get(), handlers, {}};
  std::unique_ptr<curl_slist, FreeList> headers;
  for (const std::string& header : request.headers) {
    curl_slist* longer = curl_slist_append(headers.get(), header.c_str());
    HOB_CHECK(longer != nullptr);
    (void)headers.release();
    headers.reset(longer);
  }
  const bool secure = request.url.starts_with("https://");
  char problem[CURL_ERROR_SIZE] = "";
  CURL* c = curl.get();
  set(c, CURLOPT_URL, request.url.c_str());
  set(c, CURLOPT_HTTPHEADER, headers.get());
  set(c, CURLOPT_USERAGENT, "hob");
  set(c, CURLOPT_FOLLOWLOCATION, 1L);
  set(c, CURLOPT_MAXREDIRS, static_cast<long>(request.redirects));
  set(c, CURLOPT_PROTOCOLS_STR, "http,https");
  set(c, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  set(c, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set(c, CURLOPT_LOW_SPEED_LIMIT, kLeastBytesPerSecond);
  set(c, CURLOPT_LOW_SPEED_TIME, kSilentSeconds);
  set(c, CURLOPT_NOSIGNAL, 1L);
  set(c, CURLOPT_ERRORBUFFER, problem);
  set(c, CURLOPT_HEADERFUNCTION, &on_header);
  set(c, CURLOPT_HEADERDATA, &transfer);
  set(c, CURLOPT_WRITEFUNCTION, &on_data);
  set(c, CURLOPT_WRITEDATA, &transfer);
  set(c, CURLOPT_NOPROGRESS, 0L);
  set(c, CURLOPT_XFERINFOFUNCTION, &on_progress);
  set(c, CURLOPT_XFERINFODATA, &transfer);
  const std::string range = fmt::format("{}-", request.from);
  if (request.from > 0) set(c, CURLOPT_RANGE, range.c_str());

  const CURLcode code = curl_easy_perform(c);
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &transfer.reply.status);
  if (code != CURLE_OK && !transfer.reply.stopped) {
    transfer.reply.problem = *problem ? problem : curl_easy_strerror(code);
    transfer.reply.lost = is_loss(code);
  }
  return std::move(transfer.reply);
}

}  // namespace hob::hub
