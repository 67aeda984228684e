#include "tensor/storage.h"

#include "os/memory.h"

namespace hob {

Result<Storage> Storage::allocate(size_t bytes, const char* purpose) {
  Storage storage;
  if (bytes == 0) return storage;
  HOB_TRY(storage.data_, os::reserve_pages(bytes, purpose));
  storage.size_ = bytes;
  return storage;
}

Storage::~Storage() { os::release_pages(data_, size_); }

}  // namespace hob
