#include "tensor/storage.h"

namespace hob {

Result<Storage> Storage::allocate(size_t bytes, const char* purpose, os::Pages pages) {
  Storage storage;
  if (bytes == 0) return storage;
  HOB_TRY(storage.data_, os::reserve_pages(bytes, purpose, pages));
  storage.size_ = bytes;
  return storage;
}

Storage::~Storage() { os::release_pages(data_, size_); }

}  // namespace hob
