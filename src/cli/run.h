// The program as a function: from arguments to an exit status.
//
// Conventions of simonw's `llm` (Click): the first argument that is no command begins a prompt;
// flags stand anywhere, are spelled in full, and the last one wins; exit status 0, 1 with one line
// "Error: ...", or 2 for a wrong command line.
#pragma once

#include <string>
#include <vector>

#include "cli/io.h"

namespace hob::cli {

// `arguments` without the program's name. Never throws, never exits.
int run(std::vector<std::string> arguments, Io& io);

}  // namespace hob::cli
