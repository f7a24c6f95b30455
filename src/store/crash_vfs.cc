#include "store/crash_vfs.h"

#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/check.h"

namespace weir::store {

struct CrashVfs::File {
  sqlite3_file base;
  CrashVfs* vfs;
  Image* image;  // null for files that do not outlive the process
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

namespace {

std::string contentOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void apply(std::string& content, int64_t offset, const std::string& bytes, bool truncates) {
  if (truncates) {
    content.resize(std::min(content.size(), static_cast<size_t>(offset)));
    return;
  }
  const size_t end = static_cast<size_t>(offset) + bytes.size();
  if (content.size() < end) content.resize(end);
  std::memcpy(content.data() + offset, bytes.data(), bytes.size());
}

}  // namespace

struct CrashVfs::Methods {
  static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
  static sqlite3_file* real(sqlite3_file* file) { return of(file).real(); }
  static CrashVfs& of(sqlite3_vfs* vfs) { return *static_cast<CrashVfs*>(vfs->pAppData); }

  static int close(sqlite3_file* file) { return real(file)->pMethods->xClose(real(file)); }
  static int read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
    return real(file)->pMethods->xRead(real(file), out, size, offset);
  }
  static int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    bool dying = false;
    if (of(file).image == nullptr) return real(file)->pMethods->xWrite(real(file), data, size, offset);
    if (!of(file).vfs->live(dying) && !dying) return SQLITE_IOERR_WRITE;
    if (dying) size /= 2;
    of(file).image->pending.push_back(
        {offset, std::string(static_cast<const char*>(data), static_cast<size_t>(size)), false});
    const int outcome = real(file)->pMethods->xWrite(real(file), data, size, offset);
    return dying ? SQLITE_IOERR_WRITE : outcome;
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    bool dying = false;
    if (of(file).image != nullptr) {
      if (!of(file).vfs->live(dying)) return SQLITE_IOERR_TRUNCATE;
      of(file).image->pending.push_back({size, {}, true});
    }
    return real(file)->pMethods->xTruncate(real(file), size);
  }
  static int sync(sqlite3_file* file, int flags) {
    bool dying = false;
    if (of(file).image != nullptr) {
      if (!of(file).vfs->live(dying)) return SQLITE_IOERR_FSYNC;
      for (const auto& w : of(file).image->pending) apply(of(file).image->durable, w.offset, w.bytes, w.truncates);
      of(file).image->pending.clear();
    }
    return SQLITE_OK;  // the real one would only cost the test its time
  }
  static int fileSize(sqlite3_file* file, sqlite3_int64* size) {
    return real(file)->pMethods->xFileSize(real(file), size);
  }
  static int lock(sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); }
  static int unlock(sqlite3_file* file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
  static int checkReserved(sqlite3_file* file, int* out) {
    return real(file)->pMethods->xCheckReservedLock(real(file), out);
  }
  static int control(sqlite3_file* file, int what, void* argument) {
    return real(file)->pMethods->xFileControl(real(file), what, argument);
  }
  static int sectorSize(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
  // No promise about what a disk does to writes: the strictest reading.
  static int characteristics(sqlite3_file*) { return 0; }
  static int shmMap(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
  }
  static int shmLock(sqlite3_file* file, int offset, int count, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
  }
  static void shmBarrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
  static int shmUnmap(sqlite3_file* file, int remove) { return real(file)->pMethods->xShmUnmap(real(file), remove); }

  static constexpr sqlite3_io_methods kTable = {
      2,        close,         read,    write,      truncate,        sync,   fileSize, lock,
      unlock,   checkReserved, control, sectorSize, characteristics, shmMap, shmLock,  shmBarrier,
      shmUnmap, nullptr,       nullptr};

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* outFlags) {
    auto& self = of(vfs);
    auto& crash = of(file);
    file->pMethods = nullptr;
    crash.vfs = &self;
    crash.image = nullptr;
    const bool lasts =
        path != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
    if (lasts) {
      const auto [at, fresh] = self.images_.try_emplace(path);
      if (fresh) at->second.durable = contentOf(path);
      crash.image = &at->second;
    }
    const int outcome = self.real_->xOpen(self.real_, path, crash.real(), flags, outFlags);
    if (outcome == SQLITE_OK) file->pMethods = &kTable;
    return outcome;
  }
  static int remove(sqlite3_vfs* vfs, const char* path, int syncDirectory) {
    auto& self = of(vfs);
    bool dying = false;
    if (!self.live(dying)) return SQLITE_IOERR_DELETE;
    const auto at = self.images_.find(path);
    if (at != self.images_.end()) at->second = {};
    return self.real_->xDelete(self.real_, path, syncDirectory);
  }
};

CrashVfs::CrashVfs(Death death, uint64_t dieAt, uint64_t seed)
    : real_(sqlite3_vfs_find(nullptr)), death_(death), dieAt_(dieAt), random_(seed) {
  static std::atomic<uint64_t> made{0};
  name_ = "crash-" + std::to_string(++made);
  vfs_ = std::make_unique<sqlite3_vfs>(*real_);
  vfs_->szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->xOpen = Methods::open;
  vfs_->xDelete = Methods::remove;
  CHECK(sqlite3_vfs_register(vfs_.get(), 0) == SQLITE_OK);
}

CrashVfs::~CrashVfs() { sqlite3_vfs_unregister(vfs_.get()); }

bool CrashVfs::live(bool& dying) {
  if (dead_) return false;
  dying = ++operations_ == dieAt_;
  dead_ = dying;
  return !dead_;
}

void CrashVfs::settle() {
  if (death_ == Death::kProcess) return;
  for (auto& [path, image] : images_) {
    if (::access(path.c_str(), F_OK) != 0) continue;
    for (auto& write : image.pending) {
      const uint64_t fate = random_() % 3;
      if (fate == 0) continue;
      if (fate == 1) write.bytes.resize(random_() % (write.bytes.size() + 1));
      apply(image.durable, write.offset, write.bytes, write.truncates);
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(image.durable.data(), static_cast<std::streamsize>(image.durable.size()));
  }
}

}  // namespace weir::store
