// libedit behind line_editor.h. Its reader is replaced by one that Ctrl-C can leave: libedit's own
// retries an interrupted read, so the first Ctrl-C would seem to do nothing.
#include "cli/line_editor.h"

#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "cli/safe_text.h"
#include "os/process.h"
#include "os/terminal.h"
#include "text/utf8.h"

namespace hob::cli {
namespace {

constexpr int kHistorySize = 1000;

// One byte from the terminal; false at end of file or when Ctrl-C came.
bool read_byte(int fd, char& byte) {
  for (;;) {
    if (os::InterruptGuard::requested()) return false;  // it came while the line was being drawn
    const ssize_t n = ::read(fd, &byte, 1);
    if (n == 1) return true;
    if (n < 0 && errno == EINTR && !os::InterruptGuard::requested()) continue;
    return false;
  }
}

size_t sequence_length(unsigned char lead) {
  return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// libedit measures and encodes by locale; without a UTF-8 one it would garble what is typed.
void choose_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX < 4) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct LineEditor::Impl {
  std::string mark;
  std::string path;
  EditLine* editor = nullptr;
  History* history = nullptr;
  HistEvent event{};
  bool forget_typed = false;  // what was typed before the next character is asked for

  static Impl& of(EditLine* editor) {
    Impl* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return *self;
  }
  static char* prompt(EditLine* editor) { return of(editor).mark.data(); }

  // libedit's contract: 1 and a character, 0 at the end.
  static int read_character(EditLine* editor, wchar_t* character) {
    FILE* in = nullptr;
    el_get(editor, EL_GETFP, 0, &in);
    if (std::exchange(of(editor).forget_typed, false)) os::discard_typed(fileno(in));
    std::string bytes(1, '\0');
    if (!read_byte(fileno(in), bytes[0])) return 0;
    const size_t length = sequence_length(static_cast<unsigned char>(bytes[0]));
    while (bytes.size() < length) {
      char next;
      if (!read_byte(fileno(in), next)) return 0;
      bytes.push_back(next);
    }
    const text::Utf8Sequence decoded = text::next_utf8(bytes);
    const bool whole = decoded.head == text::Utf8Head::kWhole;
    *character = static_cast<wchar_t>(whole ? decoded.code_point : 0xFFFD);
    return 1;
  }

  Impl(Io& io, std::string history_path) : path(std::move(history_path)) {
    choose_utf8();
    history = history_init();
    ::history(history, &event, H_SETSIZE, kHistorySize);
    ::history(history, &event, H_SETUNIQUE, 1);
    if (!path.empty()) ::history(history, &event, H_LOAD, path.c_str());
    editor = el_init("hob", io.in, io.out, io.err);
    el_set(editor, EL_CLIENTDATA, this);
    el_set(editor, EL_PROMPT, &Impl::prompt);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_HIST, ::history, history);
    el_set(editor, EL_GETCFN, &Impl::read_character);
    el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_source(editor, nullptr);  // the person's own ~/.editrc
  }

  ~Impl() {
    el_end(editor);
    save();
    history_end(history);
  }

  void save() {
    if (path.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
    const mode_t previous = ::umask(0077);  // prompts are private
    ::history(history, &event, H_SAVE, path.c_str());
    ::umask(previous);
    ::chmod(path.c_str(), 0600);
  }
};

LineEditor::LineEditor(Io& io, std::string history) : io_(io) {
  if (io.in_terminal && io.out_terminal) impl_ = std::make_unique<Impl>(io, std::move(history));
}
LineEditor::~LineEditor() = default;

LineEditor::Outcome LineEditor::read(const char* mark, std::string& line) {
  if (!impl_) {
    if (read_line(io_, line)) return Outcome::kLine;
    return os::InterruptGuard::take() ? Outcome::kInterrupted : Outcome::kEnd;
  }
  impl_->mark = mark;
  os::InterruptGuard::take();
  int count = 0;
  const char* text = el_gets(impl_->editor, &count);
  if (os::InterruptGuard::take()) {
    el_reset(impl_->editor);
    return Outcome::kInterrupted;
  }
  if (!text || count <= 0) return Outcome::kEnd;
  line.assign(text, static_cast<size_t>(count));
  if (line.ends_with('\n')) line.pop_back();
  return Outcome::kLine;
}

LineEditor::Outcome LineEditor::edit(const char* mark, const std::string& text,
                                     std::string& line) {
  HOB_CHECK(impl_ != nullptr, "a line is edited on a terminal only");
  HOB_CHECK(safe_line(text) == text, "a text that could act as keys");
  // libedit takes the terminal out of its line mode only when it asks for a key, after it has drawn
  // the line: an Enter from before then was pressed on a line that nobody had seen.
  impl_->forget_typed = true;
  el_push(impl_->editor, text.c_str());
  return read(mark, line);
}

void LineEditor::remember(const std::string& text) {
  if (!impl_) return;
  history(impl_->history, &impl_->event, H_ENTER, text.c_str());
}

}  // namespace hob::cli
