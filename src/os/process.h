// Programs that a person runs from within hob: a command line for the shell, an editor.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hob::os {

// Runs `command` by /bin/sh with this process's streams and waits for it; Ctrl-C goes to the
// command. Its exit status, or 128 and the signal's number where a signal ended it, as shells
// count. An error where it could not be started.
Result<int> run_shell(const std::string& command);

// The person's editor on `path`: $VISUAL, else $EDITOR, else the first of the usual ones that is
// there. An error where it fails.
Result<> edit_file(const std::string& path);

// Forgets what was typed at the terminal behind `fd` and not read yet.
void discard_typed(int fd);

}  // namespace hob::os
