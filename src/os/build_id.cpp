#include "os/build_id.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cstdint>
#include <cstring>

namespace hob::os {
namespace {

constexpr size_t kNoteAlignment = 4;

size_t aligned(size_t size) {
  return (size + kNoteAlignment - 1) / kNoteAlignment * kNoteAlignment;
}

// The build id among the notes in [at, end); empty where there is none.
std::string find_build_id(const char* at, const char* end) {
  while (end - at >= static_cast<std::ptrdiff_t>(sizeof(ElfW(Nhdr)))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    const char* name = at + sizeof note;
    const char* content = name + aligned(note.n_namesz);
    if (content > end || note.n_descsz > static_cast<size_t>(end - content)) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
      std::string text;
      for (size_t i = 0; i < note.n_descsz; ++i)
        text += fmt::format("{:02x}", static_cast<unsigned char>(content[i]));
      return text;
    }
    at = content + aligned(note.n_descsz);
  }
  return {};
}

// The first object listed is the program itself; one look is enough.
int look(dl_phdr_info* info, size_t, void* found) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const auto* notes = reinterpret_cast<const char*>(info->dlpi_addr + header.p_vaddr);
    std::string id = find_build_id(notes, notes + header.p_memsz);
    if (!id.empty()) {
      *static_cast<std::string*>(found) = std::move(id);
      break;
    }
  }
  return 1;
}

}  // namespace

std::string build_id() {
  std::string found;
  ::dl_iterate_phdr(look, &found);
  return found;
}

}  // namespace hob::os
