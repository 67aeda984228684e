// -a and --at: files, URLs and standard input that go with a prompt.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/io.h"
#include "store/message.h"

namespace hob::cli {

struct AttachmentFlags {
  std::vector<std::string> attachments;
  std::vector<std::pair<std::string, std::string>> typed;  // what, MIME type
  void declare(CLI::App& app);
  // -a's first, then --at's. What is wrong with one is kUsage, naming it.
  Result<std::vector<store::Attachment>> resolve(Io& io) const;
};

// A path, a URL or "-". Its type is told by its content, a URL's by its server.
Result<store::Attachment> resolve_attachment(Io& io, const std::string& value);
// The same with a type that is known: nothing is looked at.
Result<store::Attachment> resolve_attachment(Io& io, const std::string& value,
                                             const std::string& type);

// The MIME type that content shows by its first bytes; empty where it does not.
std::string_view sniffed_type(std::string_view content);

}  // namespace hob::cli
