// A conversation to be read by people: who said what, with which model, when.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "store/log_reader.h"

namespace hob::logs {

struct Transcript {
  std::vector<store::LoggedTurn> turns;       // oldest first
  std::map<std::string, std::string> images;  // by attachment id: the bytes
};

// The conversation's name, or its id.
std::string title_of(const Transcript& transcript);
// "2026-08-04 17:05" of a time as the ledger holds it.
std::string minute_of(const std::string& time);
// "stopped", "failed: why"; empty where the turn is done.
std::string ending_of(const store::LoggedTurn& turn);
// What is said of an attachment that is not shown: "image/png, photo.png".
std::string attachment_line(const store::LoggedAttachment& attachment);

std::string markdown_text(const Transcript& transcript);

}  // namespace hob::logs
