#include "js/wasm_memory.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <string_view>

#include "js/protected_memory.h"

namespace weir::js {

namespace {

constexpr size_t kReservationMin = size_t{4} << 30;  // nothing else that V8 reserves inside a turn is as large
constexpr size_t kReservationCost = 256u << 10;      // address space is not free: there is room for some ten thousand

struct Reservation {
  size_t size = 0;
  uintptr_t opened = 0;  // what may be accessed ends here; 0: nothing may
  size_t counted = 0;
  std::shared_ptr<MemoryBudget> budget;
};

thread_local const std::shared_ptr<MemoryBudget>* current = nullptr;

std::mutex mutex;  // held for look-ups, and while a reservation is given back
std::map<uintptr_t, Reservation>& reservations() {
  static auto* map = new std::map<uintptr_t, Reservation>();  // isolates may go after statics have
  return *map;
}
std::atomic<size_t> reservationCount{0};

// The reservation that holds `address`, under the lock; end: none.
std::map<uintptr_t, Reservation>::iterator find(uintptr_t address) {
  auto at = reservations().upper_bound(address);
  if (at == reservations().begin()) return reservations().end();
  --at;
  return address < at->first + at->second.size ? at : reservations().end();
}

void* countedMmap(void* hint, size_t size, int protection, int flags, int descriptor, off_t offset) {
  const bool reserves = current != nullptr && protection == PROT_NONE && size >= kReservationMin && descriptor < 0;
  if (reserves && !(*current)->admit(kReservationCost, MemoryBudget::kAttempts)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  void* memory = ::mmap(hint, size, protection, flags, descriptor, offset);
  if (!reserves || memory == MAP_FAILED) return memory;
  (*current)->addWasm(kReservationCost);
  const std::lock_guard lock(mutex);
  reservations()[reinterpret_cast<uintptr_t>(memory)] = {size, 0, kReservationCost, *current};
  reservationCount.store(reservations().size(), std::memory_order_relaxed);
  return memory;
}

int countedMprotect(void* memory, size_t size, int protection) {
  if (reservationCount.load(std::memory_order_relaxed) == 0) return ::mprotect(memory, size, protection);
  const auto begin = reinterpret_cast<uintptr_t>(memory);
  std::shared_ptr<MemoryBudget> budget;
  size_t more = 0;
  bool grows = false;  // V8 does not ask again
  {
    const std::lock_guard lock(mutex);
    const auto at = find(begin);
    if (at != reservations().end() && (protection & PROT_WRITE) != 0) {
      const uintptr_t from = std::max(at->second.opened, begin);
      more = begin + size > from ? begin + size - from : 0;
      grows = at->second.opened != 0;
      budget = at->second.budget;
    }
  }
  if (more == 0) return ::mprotect(memory, size, protection);
  if (!budget->admit(more, grows ? 1 : MemoryBudget::kAttempts)) {
    errno = ENOMEM;
    return -1;
  }
  const int result = ::mprotect(memory, size, protection);
  if (result != 0) return result;
  const std::lock_guard lock(mutex);
  const auto at = find(begin);
  if (at == reservations().end()) return result;
  at->second.opened = std::max(at->second.opened, begin + size);
  at->second.counted += more;
  budget->addWasm(more);
  return result;
}

// V8 trims what it reserved to an aligned part first, and gives all of it back in the end.
int countedMunmap(void* memory, size_t size) {
  if (reservationCount.load(std::memory_order_relaxed) == 0) return ::munmap(memory, size);
  const auto begin = reinterpret_cast<uintptr_t>(memory);
  std::unique_lock lock(mutex);
  const auto at = find(begin);
  if (at == reservations().end()) {
    lock.unlock();
    return ::munmap(memory, size);
  }
  // Under the lock: from here on another isolate may be given these addresses, and must not be taken for this one.
  const int result = ::munmap(memory, size);
  if (result != 0) return result;
  const uintptr_t end = at->first + at->second.size;
  if (begin == at->first && begin + size < end) {
    auto node = reservations().extract(at);
    node.key() = begin + size;
    node.mapped().size -= size;
    reservations().insert(std::move(node));
  } else if (begin > at->first) {
    at->second.size = begin - at->first;
  } else {
    at->second.budget->removeWasm(at->second.counted);
    reservations().erase(at);
    reservationCount.store(reservations().size(), std::memory_order_relaxed);
  }
  return result;
}

struct Redirection {
  std::string_view name;
  void* to;
  int found = 0;
};

// The places where one loaded object keeps the addresses of functions it imports.
void redirect(const dl_phdr_info& info, Redirection* redirections, size_t count) {
  const ElfW(Dyn)* dynamic = nullptr;
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    if (info.dlpi_phdr[i].p_type == PT_DYNAMIC) {
      dynamic = reinterpret_cast<const ElfW(Dyn)*>(info.dlpi_addr + info.dlpi_phdr[i].p_vaddr);
    }
  }
  if (dynamic == nullptr) return;
  const ElfW(Sym)* symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Rela) * tables[2] = {};
  size_t bytes[2] = {};
  const auto in = [&](ElfW(Addr) address) {  // absolute or relative, by the loader's mood
    return address < info.dlpi_addr ? address + info.dlpi_addr : address;
  };
  for (; dynamic->d_tag != DT_NULL; ++dynamic) {
    switch (dynamic->d_tag) {
      case DT_SYMTAB: symbols = reinterpret_cast<const ElfW(Sym)*>(in(dynamic->d_un.d_ptr)); break;
      case DT_STRTAB: names = reinterpret_cast<const char*>(in(dynamic->d_un.d_ptr)); break;
      case DT_RELA: tables[0] = reinterpret_cast<const ElfW(Rela)*>(in(dynamic->d_un.d_ptr)); break;
      case DT_RELASZ: bytes[0] = dynamic->d_un.d_val; break;
      case DT_JMPREL: tables[1] = reinterpret_cast<const ElfW(Rela)*>(in(dynamic->d_un.d_ptr)); break;
      case DT_PLTRELSZ: bytes[1] = dynamic->d_un.d_val; break;
      default: break;
    }
  }
  if (symbols == nullptr || names == nullptr) return;
#if defined(__x86_64__)
  constexpr uint32_t kKinds[] = {R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT};
#else
  constexpr uint32_t kKinds[] = {R_AARCH64_GLOB_DAT, R_AARCH64_JUMP_SLOT};
#endif
  for (int table = 0; table < 2; ++table) {
    for (size_t i = 0; tables[table] != nullptr && i < bytes[table] / sizeof(ElfW(Rela)); ++i) {
      const ElfW(Rela)& entry = tables[table][i];
      const uint32_t kind = ELF64_R_TYPE(entry.r_info);
      if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds)) continue;
      const std::string_view name = names + symbols[ELF64_R_SYM(entry.r_info)].st_name;
      for (size_t each = 0; each < count; ++each) {
        if (redirections[each].name != name) continue;
        auto** const slot = reinterpret_cast<void**>(info.dlpi_addr + entry.r_offset);
        if (writeProtected(slot, redirections[each].to)) ++redirections[each].found;
      }
    }
  }
}

// The object that holds V8: the host executable, or a library of its own.
bool holds(const dl_phdr_info& info, uintptr_t address) {
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const auto& header = info.dlpi_phdr[i];
    const uintptr_t begin = info.dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && address >= begin && address < begin + header.p_memsz) return true;
  }
  return false;
}

}  // namespace

bool installWasmMemoryCount() {
  Redirection redirections[] = {{"mmap64", reinterpret_cast<void*>(&countedMmap)},
                                {"mmap", reinterpret_cast<void*>(&countedMmap)},
                                {"mprotect", reinterpret_cast<void*>(&countedMprotect)},
                                {"munmap", reinterpret_cast<void*>(&countedMunmap)}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        // V8's own code, not this addon's way to it.
        const void* v8 = dlsym(RTLD_DEFAULT, "_ZN2v87Isolate7DisposeEv");
        if (v8 == nullptr || !holds(*info, reinterpret_cast<uintptr_t>(v8))) return 0;
        redirect(*info, static_cast<Redirection*>(data), 4);
        return 1;
      },
      redirections);
  return redirections[0].found + redirections[1].found > 0 && redirections[2].found > 0 && redirections[3].found > 0;
}

WasmMemoryScope::WasmMemoryScope(const std::shared_ptr<MemoryBudget>& budget) : before_(current) { current = &budget; }

WasmMemoryScope::~WasmMemoryScope() { current = before_; }

}  // namespace weir::js
