#include "cli/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace weir::cli {

namespace {

base::Error problem(const std::string& path, const std::string& what) { return {"--data " + path + ": " + what}; }

base::Error systemProblem(const std::string& path, const std::string& what) {
  return problem(path, what + ": " + std::strerror(errno) + "; name a directory that can be written");
}

// Whole or not at all, whenever the machine stops.
bool writeAtomically(const std::string& directory, const std::string& name, const std::string& text) {
  const std::string temporary = directory + "/" + name + ".new";
  {
    const wire::Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(file.get()) != 0)
      return false;
  }
  if (::rename(temporary.c_str(), (directory + "/" + name).c_str()) != 0) return false;
  const wire::Descriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder && ::fsync(folder.get()) == 0;
}

}  // namespace

base::Result<DataDirectory> DataDirectory::open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return problem(path, error.message() + "; name a directory that can be written");
  wire::Descriptor lock(::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return systemProblem(path, "cannot open its lock");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return systemProblem(path, "cannot lock it");
    return problem(path, "another weir uses it; stop that one, or name another directory");
  }
  const wire::Descriptor format(::open((path + "/format").c_str(), O_RDONLY | O_CLOEXEC));
  if (!format) {
    if (errno != ENOENT) return systemProblem(path, "cannot read its format");
    if (!writeAtomically(path, "format", std::to_string(kFormat) + "\n"))
      return systemProblem(path, "cannot write its format");
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
