#include "cli/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/whole_file.h"

namespace weir::cli {

std::string controlAddressPath(const std::string& data) { return data + "/control.address"; }

std::optional<std::string> firstLineOf(const std::string& path) {
  const auto text = base::readWholeFile(path, 1'024);
  if (!text.ok() || !*text || (*text)->empty()) return std::nullopt;
  return (*text)->substr(0, (*text)->find('\n'));
}

namespace {

constexpr std::chrono::milliseconds kLockWaitMax{1000};
constexpr std::chrono::milliseconds kLockPause{10};

base::Error problem(const std::string& path, const std::string& what) { return {"--data " + path + ": " + what}; }

base::Error systemProblem(const std::string& path, const std::string& what) {
  return problem(path, what + ": " + std::strerror(errno) + "; name a directory that can be written");
}

}  // namespace

base::Result<DataDirectory> DataDirectory::open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return problem(path, error.message() + "; name a directory that can be written");
  wire::Descriptor lock(::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return systemProblem(path, "cannot open its lock");
  // One that was killed may leave a child that has not executed its engine yet, and holds the lock until it does.
  const auto deadline = std::chrono::steady_clock::now() + kLockWaitMax;
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return systemProblem(path, "cannot lock it");
    if (std::chrono::steady_clock::now() >= deadline)
      return problem(path, "another weir uses it; stop that one, or name another directory");
    std::this_thread::sleep_for(kLockPause);
  }
  const wire::Descriptor format(::open((path + "/format").c_str(), O_RDONLY | O_CLOEXEC));
  if (!format) {
    if (errno != ENOENT) return systemProblem(path, "cannot read its format");
    if (auto written = base::writeWholeFile(path + "/format", std::to_string(kFormat) + "\n"); !written.ok())
      return problem(path,
                     "cannot write its format: " + written.error().message + "; name a directory that can be written");
    return DataDirectory(std::move(lock));
  }
  char text[32] = {};
  const ssize_t size = ::read(format.get(), text, sizeof text - 1);
  if (size < 0) return systemProblem(path, "cannot read its format");
  int found = 0;
  const auto parsed = std::from_chars(text, text + size, found);
  if (parsed.ec != std::errc() || found < 1 || std::string_view(parsed.ptr, text + size) != "\n") {
    return problem(path, "its file `format` is damaged; restore the directory from a backup, or name another");
  }
  if (found > kFormat) {
    return problem(path, "a newer weir wrote it (format " + std::to_string(found) + ", this one knows " +
                             std::to_string(kFormat) + "); run that one, or name another directory");
  }
  return DataDirectory(std::move(lock));
}

}  // namespace weir::cli
