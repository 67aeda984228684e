#include "os/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace hob::os {
namespace {

TEST(Terminal, PipeIsNone) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(is_terminal(ends[0]));
  EXPECT_FALSE(wants_colour(ends[1]));
  EXPECT_EQ(terminal_width(ends[1], 61), 61);
  ::close(ends[0]);
  ignore_broken_pipes();
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
}

TEST(Terminal, EnvironmentIsEmptyWhenUnset) {
  ::setenv("HOB_TERMINAL_TEST", "yes", 1);
  EXPECT_EQ(environment("HOB_TERMINAL_TEST"), "yes");
  ::unsetenv("HOB_TERMINAL_TEST");
  EXPECT_EQ(environment("HOB_TERMINAL_TEST"), "");
}

// A terminal of our own, so that the test needs none.
TEST(EchoGuard, HidesAndRestores) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  const auto echoes = [&] {
    termios state{};
    ::tcgetattr(terminal, &state);
    return (state.c_lflag & ECHO) != 0;
  };
  EXPECT_TRUE(echoes());
  {
    EchoGuard guard(terminal);
    EXPECT_FALSE(echoes());
  }
  EXPECT_TRUE(echoes());
  ::close(terminal);
  EchoGuard none(terminal);  // closed: nothing happens
}

TEST(Interrupt, SetsTheFlagAndRestoresTheOldHandling) {
  ::signal(SIGINT, SIG_IGN);
  {
    InterruptGuard guard;
    EXPECT_FALSE(InterruptGuard::requested());
    ::raise(SIGINT);
    EXPECT_TRUE(InterruptGuard::requested());
    EXPECT_TRUE(InterruptGuard::take());
    EXPECT_FALSE(InterruptGuard::take());
  }
  ::raise(SIGINT);  // ignored again
  EXPECT_FALSE(InterruptGuard::requested());
  ::signal(SIGINT, SIG_DFL);
}

TEST(InterruptDeathTest, UnansweredRequestsEndTheProcess) {
  EXPECT_EXIT(
      {
        InterruptGuard guard;
        for (int i = 0; i < 3; ++i) ::raise(SIGINT);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace hob::os
