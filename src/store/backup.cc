// Connection::backup.
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "store/connection.h"

namespace weir::store {

namespace {

Error systemError(const std::string& path) {
  const int code = errno;
  const Problem problem = code == ENOSPC || code == EDQUOT ? Problem::kFull : Problem::kOther;
  return {problem, path + ": " + std::strerror(code)};
}

Error exists(const std::string& path) { return {Problem::kExists, path + ": there is a file already; name another"}; }

// A file that comes to be whole or not at all. It is written as PATH.partial, by one process at a time; what a killed
// one left there is written over.
class NewFile {
 public:
  static Result<NewFile> open(const std::string& path) {
    if (::access(path.c_str(), F_OK) == 0) return exists(path);
    NewFile file(path);
    const std::string& partial = file.partial_;
    file.descriptor_ = ::open(partial.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file.descriptor_ < 0) return systemError(partial);
    // Whoever held it may have finished, and the file may have its other name by now.
    struct stat held {};
    struct stat named {};
    if (::flock(file.descriptor_, LOCK_EX | LOCK_NB) != 0 || ::fstat(file.descriptor_, &held) != 0 ||
        ::stat(partial.c_str(), &named) != 0 || held.st_ino != named.st_ino || held.st_dev != named.st_dev) {
      file.keep_ = true;
      return Error{Problem::kBusy, partial + ": another process writes it; wait for it, or name another file"};
    }
    if (::fchmod(file.descriptor_, 0600) != 0 || ::ftruncate(file.descriptor_, 0) != 0) return systemError(partial);
    return file;
  }
  NewFile(NewFile&& other) noexcept
      : path_(std::move(other.path_)),
        partial_(std::move(other.partial_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        keep_(other.keep_) {}
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile() {
    if (descriptor_ < 0) return;
    if (!keep_) ::unlink(partial_.c_str());
    ::close(descriptor_);
  }

  const std::string& partial() const { return partial_; }

  // Durable under its name when this returns.
  Status finish() {
    if (::fsync(descriptor_) != 0) return systemError(partial_);
    // Where the file system cannot refuse to replace, `open` has looked.
    if (::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0) {
      if (errno == EEXIST) return exists(path_);
      if ((errno != EINVAL && errno != ENOSYS) || ::rename(partial_.c_str(), path_.c_str()) != 0)
        return systemError(path_);
    }
    keep_ = true;
    const size_t slash = path_.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = opened >= 0 && ::fsync(opened) == 0;
    const Error problem = systemError(folder);
    if (opened >= 0) ::close(opened);
    if (!synced) return problem;
    return base::Nothing{};
  }

 private:
  explicit NewFile(const std::string& path) : path_(path), partial_(path + ".partial") {}

  std::string path_;
  std::string partial_;
  int descriptor_ = -1;
  bool keep_ = false;  // what is under the partial name is not ours to remove
};

}  // namespace

Status Connection::backup(const std::string& path) {
  auto file = NewFile::open(path);
  if (!file.ok()) return file.error();
  // Reads in one transaction, beside which others write.
  auto row = execute("VACUUM INTO ?", file->partial());
  if (!row.ok()) return row.error();
  return file->finish();
}

}  // namespace weir::store
