// Which build of the program this is.
#pragma once

#include <string>

namespace hob::os {

// The identifier that the linker gave the running program (its GNU build id, in hexadecimal): equal
// for equal code, different for any other. Empty where the program carries none.
std::string build_id();

}  // namespace hob::os
