// The program's version and build, as records name them.
#pragma once

#include <string>

namespace hob::chat {

// "0.1.0 3f2a...": the version, and the linker's id of the very program.
std::string build_name();

}  // namespace hob::chat
