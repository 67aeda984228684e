#include "chat/build_name.h"

#include <fmt/format.h>

#include "os/build_id.h"

namespace hob::chat {

std::string build_name() { return fmt::format("{} {}", HOB_VERSION, os::build_id()); }

}  // namespace hob::chat
