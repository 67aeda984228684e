// Flags of llm that change nothing here: taken, so that command lines written for llm run as they
// are.
#pragma once

#include <CLI/CLI.hpp>

namespace hob::cli {

// --key. No model of hob's needs one; what is given is dropped at once, and no message, file or
// record has it.
void accept_key(CLI::App& app);
// --async: llm calls the model another way then and prints the same reply.
void accept_async(CLI::App& app);

}  // namespace hob::cli
