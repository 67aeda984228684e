// What the program may assume about a terminal, and the two signals a command line tool must treat
// with care.
//
// Interrupts: Ctrl-C sets a flag that long work looks at, so that a reply ends between two tokens
// and nothing is torn. Broken pipes: `hob ... | head` must end quietly, so writes fail with an
// error instead of killing the process, and the caller decides.
#pragma once

#include <atomic>
#include <string>

namespace hob::os {

bool is_terminal(int fd);
// Columns of the terminal behind fd; `fallback` when it is none.
int terminal_width(int fd, int fallback = 80);
// A terminal, and neither NO_COLOR nor TERM=dumb ask for plain text.
bool wants_colour(int fd);
// The variable's value; empty when it is unset.
std::string environment(const char* name);

// From here on a write to a closed pipe fails with EPIPE.
void ignore_broken_pipes();

// While one lives, Ctrl-C sets requested() instead of ending the process; a third Ctrl-C that
// nobody answered ends it after all. Nests; restores the previous handling.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static std::atomic<bool>& requested();
  // Takes the request: returns it and clears it.
  static bool take();

 private:
  struct Saved;
  Saved* saved_;
};

// While one lives, what is typed at the terminal behind `fd` waits unseen instead of appearing amid
// the output. No effect where `fd` is no terminal. Restores the terminal as it was.
class EchoGuard {
 public:
  explicit EchoGuard(int fd);
  ~EchoGuard();
  EchoGuard(const EchoGuard&) = delete;
  EchoGuard& operator=(const EchoGuard&) = delete;

 private:
  struct Saved;
  int fd_;
  Saved* saved_ = nullptr;
};

}  // namespace hob::os
