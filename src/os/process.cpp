#include "os/process.h"

#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "os/terminal.h"

namespace hob::os {
namespace {

constexpr int kSignalBase = 128;

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

bool is_there(const std::string& program) {
  const std::string path = environment("PATH");
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    const std::string candidate = path.substr(begin, end - begin) + '/' + program;
    if (::access(candidate.c_str(), X_OK) == 0) return true;
    begin = end + 1;
  }
  return false;
}

std::string editor() {
  for (const char* name : {"VISUAL", "EDITOR"}) {
    if (std::string named = environment(name); !named.empty()) return named;
  }
  for (const char* usual : {"sensible-editor", "vim", "nano"}) {
    if (is_there(usual)) return usual;
  }
  return "vi";
}

}  // namespace

Result<int> run_shell(const std::string& command) {
  const int status = std::system(command.c_str());
  if (status == -1) {
    return fail(ErrorKind::kIo, "cannot run a command: {}", std::strerror(errno));
  }
  if (WIFSIGNALED(status)) return kSignalBase + WTERMSIG(status);
  return WEXITSTATUS(status);
}

Result<> edit_file(const std::string& path) {
  const std::string program = editor();
  HOB_TRY(const int status, run_shell(program + ' ' + quoted(path)));
  if (status != 0) return fail(ErrorKind::kIo, "{}: Editing failed", program);
  return {};
}

void discard_typed(int fd) { ::tcflush(fd, TCIFLUSH); }

}  // namespace hob::os
