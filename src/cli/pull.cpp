// hob pull: models from the Hugging Face hub.
#include "hub/pull.h"

#include <filesystem>
#include <memory>

#include "chat/model_store.h"
#include "cli/command.h"
#include "cli/model_flags.h"
#include "cli/safe_text.h"
#include "hub/caches.h"
#include "hub/download.h"
#include "os/file.h"
#include "os/terminal.h"

namespace hob::cli {
namespace {

struct PullFlags {
  std::string repository;
  int parallel = 4;
};

std::string progress_line(const hub::PullProgress& p) {
  std::string line = fmt::format("{} of {}", bytes_text(p.done), bytes_text(p.total));
  if (p.total > 0)
    line +=
        fmt::format(", {:.0f} %", 100 * static_cast<double>(p.done) / static_cast<double>(p.total));
  if (p.bytes_per_second > 0) {
    line += fmt::format(", {}/s, {} left", bytes_text(static_cast<uint64_t>(p.bytes_per_second)),
                        seconds_text(p.seconds_left));
  }
  return line;
}

// What `hob models` calls it: its path below the folder, without the extension.
std::string model_name(const std::string& folder, const std::string& path) {
  return std::filesystem::path(path).lexically_relative(folder).replace_extension().string();
}

// The copy of the file in another program's cache, or "".
std::string cached_copy(const hub::Repository& repository, const hub::RemoteFile& file) {
  const std::string name =
      (std::filesystem::path(repository.name) / file.path).replace_extension().string();
  for (const auto& model : hub::cached_models(hub::CacheFolders::standard())) {
    if (model.name == name && hub::holds(model.path, file.size, file.checksum)) return model.path;
  }
  return {};
}

Result<> pull_files(Io& io, const PullFlags& flags) {
  HOB_TRY(const auto wanted, hub::parse_wanted(flags.repository));
  const auto hub = hub::Hub::standard();
  const os::InterruptGuard guard;
  const auto goes_on = [] { return !os::InterruptGuard::requested(); };
  HOB_TRY(const auto repository, hub::read_repository(hub, wanted, goes_on));
  HOB_TRY(auto files, hub::choose_files(repository, wanted));
  std::erase_if(files, [&](const hub::RemoteFile& file) {
    const std::string copy = cached_copy(repository, file);
    if (copy.empty()) return false;
    io.show(fmt::format("{} is here already: {}\n", file.path, copy));
    return true;
  });
  if (files.empty()) return {};

  hub::PullOptions options{.folder = os::data_dir() + "/models",
                           .parallel = flags.parallel,
                           .on_progress = {},
                           .goes_on = goes_on};
  if (io.err_terminal) {
    options.on_progress = [&](const auto& p) { io.note("\r\x1b[K" + progress_line(p)); };
  }
  const auto pulled = hub::pull(hub, repository, files, options);
  if (io.err_terminal) io.note("\r\x1b[K");
  if (!pulled) {
    if (pulled.error().kind == ErrorKind::kCancelled)
      io.note("What came so far is kept; the same command goes on from there.\n");
    return tl::unexpected<Error>(pulled.error());
  }
  for (const std::string& path : pulled->paths) {
    io.show(path + "\n");
    if (path.ends_with(".gguf"))
      io.note(fmt::format("Use it with -m {}\n", safe_line(model_name(options.folder, path))));
  }
  return {};
}

}  // namespace

Action define_pull(CLI::App& app, Io& io) {
  auto flags = std::make_shared<PullFlags>();
  app.add_option("REPO[:FILE]", flags->repository,
                 "OWNER/NAME on the hub; FILE is a file's name or a part of one, as Q4_K_M; "
                 "OWNER/NAME@REVISION for another branch or commit")
      ->required();
  app.add_option("--parallel", flags->parallel, "Files to fetch at once (default: 4)")
      ->option_text("N")
      ->transform(whole_number(1, 16));
  return [flags, &io] { return pull_files(io, *flags); };
}

}  // namespace hob::cli
