// POSIX implementation of os/terminal.h.
#include "os/terminal.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace hob::os {
namespace {

// Signal handlers reach only globals; these are the process's Ctrl-C state, of which there is one.
std::atomic<bool> interrupt_requested{false};
std::atomic<int> interrupts_unanswered{0};
constexpr int kPatience = 3;

void on_interrupt(int) {
  interrupt_requested.store(true);
  if (interrupts_unanswered.fetch_add(1) + 1 >= kPatience) {
    ::signal(SIGINT, SIG_DFL);
    ::raise(SIGINT);
  }
}

}  // namespace

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

int terminal_width(int fd, int fallback) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return fallback;
  return size.ws_col;
}

bool wants_colour(int fd) {
  return is_terminal(fd) && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void ignore_broken_pipes() { ::signal(SIGPIPE, SIG_IGN); }

struct InterruptGuard::Saved {
  struct sigaction action;
};

InterruptGuard::InterruptGuard() : saved_(new Saved) {
  struct sigaction action {};
  action.sa_handler =
      on_interrupt;  // without SA_RESTART: a blocked read returns, so that it can be left
  sigemptyset(&action.sa_mask);
  take();
  ::sigaction(SIGINT, &action, &saved_->action);
}

InterruptGuard::~InterruptGuard() {
  ::sigaction(SIGINT, &saved_->action, nullptr);
  delete saved_;
}

std::atomic<bool>& InterruptGuard::requested() { return interrupt_requested; }

bool InterruptGuard::take() {
  interrupts_unanswered.store(0);
  return interrupt_requested.exchange(false);
}

struct EchoGuard::Saved {
  termios state;
};

EchoGuard::EchoGuard(int fd) : fd_(fd) {
  termios state;
  if (::tcgetattr(fd, &state) != 0) return;
  saved_ = new Saved{state};
  state.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(fd, TCSANOW, &state);
}

EchoGuard::~EchoGuard() {
  if (saved_) ::tcsetattr(fd_, TCSANOW, &saved_->state);
  delete saved_;
}

}  // namespace hob::os
