#include "cli/batch_output.h"

#include <cstring>
#include <span>

namespace hob::cli {

Result<BatchOutput> BatchOutput::open(Io& io, const std::string& path) {
  BatchOutput output(io);
  if (path.empty()) return output;
  HOB_TRY(auto file, os::AtomicFile::create(path));
  output.file_.emplace(std::move(file));
  return output;
}

Result<> BatchOutput::add(std::string_view text) {
  if (file_) return file_->append(std::as_bytes(std::span(text)));
  if (text.empty() || io_->show(text)) return {};
  return fail(ErrorKind::kIo, "standard output: cannot write: {}",
              std::strerror(io_->write_errno));
}

Result<> BatchOutput::close() {
  if (file_) return file_->commit();
  return {};
}

}  // namespace hob::cli
