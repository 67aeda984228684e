// The shell command in a model's reply, as far as it is safe to put under a person's cursor.
//
// Covers: a line break, which a terminal would take for the Enter that only the person may press;
// control characters and escape sequences; characters that make text read differently from what it
// is; a fence or a prompt mark around the command; back quotes, since prose has commands in them
// that a shell would run; what plainly is an English sentence. Does not cover: what the command
// does. The person reads it before it runs.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hob::cli {

// The one line that the reply is, without a fence around it, inline back quotes or a leading "$ ".
// An error, which names the reason, where it is no single line of plain text.
Result<std::string> suggested_command(std::string_view reply);

// What the model is told; `shell` and `system` say where the command is to run.
std::string command_instructions(std::string_view shell, std::string_view system);

}  // namespace hob::cli
