#include "hub/pull.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "hub/download.h"

namespace hob::hub {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Bytes against time, over the last few seconds.
class Rate {
 public:
  double add(uint64_t done) {
    constexpr auto kWindow = std::chrono::seconds(8);
    const auto now = Clock::now();
    samples_.push_back({now, done});
    while (samples_.size() > 2 && now - samples_[1].at >= kWindow) samples_.pop_front();
    const double seconds = std::chrono::duration<double>(now - samples_.front().at).count();
    if (seconds < 0.3 || done < samples_.front().done) return 0;
    return static_cast<double>(done - samples_.front().done) / seconds;
  }

 private:
  struct Sample {
    Clock::time_point at;
    uint64_t done;
  };
  std::deque<Sample> samples_;
};

std::string mebibytes(uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

Result<> make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return fail(ErrorKind::kIo, "{}: cannot create the folder: {}", folder.string(),
                error.message());
  }
  return {};
}

Result<> check_room(const std::string& folder, uint64_t bytes) {
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (error) return {};  // writing will tell
  constexpr uint64_t kSpare = uint64_t{64} << 20;
  if (space.available >= bytes && space.available - bytes >= kSpare) return {};
  return fail(ErrorKind::kTooLarge, "{}: {} are to be fetched, but only {} are free", folder,
              mebibytes(bytes), mebibytes(space.available));
}

}  // namespace

Result<Pulled> pull(const Hub& hub, const Repository& repository,
                    const std::vector<RemoteFile>& files, const PullOptions& options) {
  const fs::path base = fs::path(options.folder) / repository.name;
  Pulled pulled;
  std::vector<Download> downloads;
  uint64_t total = 0, here = 0;
  for (const RemoteFile& file : files) {
    Download download{.url = file_url(hub, repository, file),
                      .headers = hub.headers(),
                      .path = (base / file.path).string(),
                      .size = file.size,
                      .checksum = file.checksum,
                      .has_token = !hub.token.empty()};
    pulled.paths.push_back(download.path);
    if (holds(download.path, download.size, download.checksum)) continue;
    HOB_TRY_VOID(make_folder(fs::path(download.path).parent_path()));
    total += download.size;
    here += bytes_here(download);
    downloads.push_back(std::move(download));
  }
  if (downloads.empty()) return pulled;
  HOB_TRY_VOID(check_room(base.string(), total - here));

  std::atomic<uint64_t> done = here;
  std::atomic<size_t> next = 0, running = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  Result<> first_error;
  const auto goes_on = [&] { return !failed && (!options.goes_on || options.goes_on()); };
  const auto work = [&] {
    for (size_t i; goes_on() && (i = next++) < downloads.size();) {
      const auto fetched = fetch(
          downloads[i], [&](int64_t bytes) { done += static_cast<uint64_t>(bytes); }, goes_on);
      if (fetched) continue;
      const std::lock_guard lock(mutex);
      if (!failed) first_error = fetched;
      failed = true;
    }
    --running;
  };
  running = std::min(downloads.size(), static_cast<size_t>(std::max(options.parallel, 1)));
  std::vector<std::jthread> threads;
  for (size_t i = running; i > 0; --i) threads.emplace_back(work);
  Rate rate;
  const auto report = [&] {
    if (!options.on_progress) return;
    PullProgress progress{.done = done, .total = total, .bytes_per_second = rate.add(done)};
    if (progress.bytes_per_second > 0 && progress.done <= total) {
      progress.seconds_left =
          static_cast<double>(total - progress.done) / progress.bytes_per_second;
    }
    options.on_progress(progress);
  };
  while (running > 0) {
    for (int i = 0; running > 0 && i < 10; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    report();
  }
  threads.clear();
  if (failed) return tl::unexpected<Error>(first_error.error());
  if (!goes_on()) return fail(ErrorKind::kCancelled, "stopped");
  pulled.fetched_bytes = total - here;
  return pulled;
}

}  // namespace hob::hub
