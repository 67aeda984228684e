// Help texts and suggestions. The help is made from the same table and flags that parse the command
// line, and docs/commands.md is made from the help (tests/cli_test.cpp compares them).
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace hob::cli {

std::string usage_line(const Command& command, const CLI::App& app);
std::string command_help(const Command& command, const CLI::App& app);
// `hob --help`; with a group ("template"), only its commands.
std::string overview(std::string_view group = {});
// docs/commands.md.
std::string command_reference();

// Every long and short flag of a command, with its dashes.
std::vector<std::string> flag_names(const CLI::App& app);

}  // namespace hob::cli
