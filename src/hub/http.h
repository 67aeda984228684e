// One HTTP request at a time, by libcurl.
//
// Redirects are followed, from https to https only; headers that name a person (a token) go to the
// first host and port and to no other. Certificates are checked. Nothing is retried here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hob::hub {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  uint64_t from = 0;                 // asks for the bytes from here on, where not 0
  int redirects = 10;                // followed at most
};

struct HttpReply {
  long status = 0;  // of the last answer; 0 where there was none
  // Names in lower case. Of redirects those that begin with "x-" stay.
  std::map<std::string, std::string> headers;
  std::string problem;   // why the transfer did not end as it should; empty where it did
  bool lost = false;     // that is because a connection broke that had been made
  bool stopped = false;  // by the sink or by `goes_on`
};

struct HttpHandlers {
  // Before the body's first byte; false ends the transfer.
  std::function<bool(const HttpReply&)> on_headers;
  // The body of a 2xx answer, in pieces; false ends the transfer.
  std::function<bool(std::string_view)> on_body;
  // Asked several times a second; false ends the transfer.
  std::function<bool()> goes_on;
};

// May be called from several threads.
HttpReply http_get(const HttpRequest& request, const HttpHandlers& handlers);

}  // namespace hob::hub
