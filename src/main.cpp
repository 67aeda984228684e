// The hob program: the process's streams, the command line, the exit status.
#include "cli/io.h"
#include "cli/run.h"
#include "os/terminal.h"

int main(int argc, char** argv) {
  hob::os::ignore_broken_pipes();
  auto io = hob::cli::Io::process();
  return hob::cli::run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), io);
}
