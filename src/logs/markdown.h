// Logged turns as Markdown, byte for byte as llm prints them. A turn that was stopped or failed
// says so in a section of its own.
#pragma once

#include <set>
#include <string>

#include "store/log_reader.h"

namespace hob::logs {

struct MarkdownOptions {
  bool one_conversation = false;  // its id and the model only once
  bool expand = false;            // fragments with their text
  bool truncate = false;
  bool usage = false;
};

// Remembers what earlier turns have told: the system prompt, the tools.
class MarkdownLog {
 public:
  explicit MarkdownLog(const MarkdownOptions& options) : options_(options) {}
  std::string entry(const store::LoggedTurn& turn);

 private:
  void head(const store::LoggedTurn& turn);
  void prompt(const store::LoggedTurn& turn);
  void tools(const store::LoggedTurn& turn);
  void results(const store::LoggedTurn& turn, bool server_executed);
  void attachments(const store::LoggedTurn& turn);
  void response(const store::LoggedTurn& turn);
  void usage(const store::LoggedTurn& turn);
  void fragments(const std::vector<store::LoggedFragment>& fragments, std::string_view title);
  std::string tool(const store::LoggedTool& tool);

  MarkdownOptions options_;
  bool show_conversation_ = true;
  store::Text system_;
  std::set<std::string> seen_tools_;
  std::string out_;
};

}  // namespace hob::logs
