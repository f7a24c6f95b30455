#include "base/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::base {

namespace {

struct File {
  explicit File(int opened) : fd(opened) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  const int fd;
};

Error systemError(const std::string& path) { return {path + ": " + std::strerror(errno)}; }

// The name, too, has to be on the disk.
Status syncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.fd < 0 || ::fsync(file.fd) != 0) return systemError(folder);
  return Nothing{};
}

Status writeAndSync(const std::string& path, std::span<const std::byte> bytes) {
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.fd < 0) return systemError(path);
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return systemError(path);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  if (::fsync(file.fd) != 0) return systemError(path);
  return Nothing{};
}

}  // namespace

Status writeWholeFile(const std::string& path, std::span<const std::byte> bytes) {
  const std::string unfinished = path + ".new";
  auto written = writeAndSync(unfinished, bytes);
  if (written.ok() && ::rename(unfinished.c_str(), path.c_str()) != 0) written = systemError(path);
  if (!written.ok()) {
    ::unlink(unfinished.c_str());
    return written;
  }
  return syncFolderOf(path);
}

Status writeWholeFile(const std::string& path, std::string_view text) {
  return writeWholeFile(path, std::as_bytes(std::span(text)));
}

Result<std::optional<std::string>> readWholeFile(const std::string& path, size_t bytesMax) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) {
    if (errno == ENOENT) return std::optional<std::string>();
    return systemError(path);
  }
  std::string text(bytesMax + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t length = ::read(file.fd, text.data() + size, text.size() - size);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return systemError(path);
    if (length == 0) break;
    size += static_cast<size_t>(length);
  }
  if (size > bytesMax) return Error{path + ": it is longer than " + std::to_string(bytesMax) + " bytes"};
  text.resize(size);
  return std::optional<std::string>(std::move(text));
}

}  // namespace weir::base
