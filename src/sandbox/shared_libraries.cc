#include "sandbox/shared_libraries.h"

#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "wire/descriptor.h"

namespace weir::sandbox {
namespace {

constexpr size_t kListingBytesMax = 64 * 1024;
constexpr size_t kProgramHeadersMax = 64;
constexpr size_t kPathBytesMax = 4096;

base::Result<std::string> readInterpreter(const std::string& program) {
  const base::Error malformed{program + ": not a dynamically linked 64-bit ELF program"};
  const wire::Descriptor file(::open(program.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return base::Error{program + ": " + std::strerror(errno)};
  Elf64_Ehdr header;
  if (::pread(file.get(), &header, sizeof(header), 0) != sizeof(header)) return malformed;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) return malformed;
  for (size_t i = 0; i < std::min<size_t>(header.e_phnum, kProgramHeadersMax); ++i) {
    Elf64_Phdr segment;
    const auto offset = static_cast<off_t>(header.e_phoff + i * sizeof(segment));
    if (::pread(file.get(), &segment, sizeof(segment), offset) != sizeof(segment)) return malformed;
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_filesz < 2 || segment.p_filesz > kPathBytesMax) return malformed;
    std::string path(segment.p_filesz - 1, '\0');
    const auto length = static_cast<ssize_t>(path.size());
    if (::pread(file.get(), path.data(), path.size(), static_cast<off_t>(segment.p_offset)) != length) return malformed;
    if (path[0] != '/') return malformed;
    return path;
  }
  return malformed;
}

base::Result<std::string> listWith(const std::string& interpreter, const std::string& object) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return base::Error{std::string("pipe: ") + std::strerror(errno)};
  wire::Descriptor reading(ends[0]);
  wire::Descriptor writing(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDERR_FILENO);
  std::string list = "--list";
  std::string loader = interpreter;
  std::string target = object;
  char* const arguments[] = {loader.data(), list.data(), target.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t child = -1;
  const int failed = ::posix_spawn(&child, interpreter.c_str(), &actions, nullptr, arguments, environment);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return base::Error{interpreter + ": " + std::strerror(failed)};
  writing.reset();
  std::string listing;
  char chunk[4096];
  for (;;) {
    const ssize_t length = ::read(reading.get(), chunk, sizeof(chunk));
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;
    if (listing.size() < kListingBytesMax) listing.append(chunk, static_cast<size_t>(length));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return base::Error{std::string("waitpid: ") + std::strerror(errno)};
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return base::Error{"the dynamic loader cannot load it: " + listing.substr(0, listing.find('\n'))};
  }
  return listing;
}

// Lines: "\tlibm.so.6 => /lib/libm.so.6 (0x7f…)", "\tlinux-vdso.so.1 (0x7f…)", "\t/lib64/ld.so (0x7f…)".
void collect(std::string_view listing, const std::string& interpreter, std::vector<std::string>& libraries) {
  while (!listing.empty()) {
    const size_t end = std::min(listing.find('\n'), listing.size());
    std::string_view line = listing.substr(0, end);
    listing.remove_prefix(std::min(end + 1, listing.size()));
    if (const size_t arrow = line.find("=> "); arrow != std::string_view::npos) line.remove_prefix(arrow + 3);
    while (!line.empty() && (line.front() == '\t' || line.front() == ' ')) line.remove_prefix(1);
    line = line.substr(0, line.find(" ("));
    if (line.empty() || line.front() != '/' || line == interpreter) continue;
    if (std::find(libraries.begin(), libraries.end(), line) == libraries.end()) libraries.emplace_back(line);
  }
}

}  // namespace

base::Result<SharedLibraries> findSharedLibraries(const std::string& program, const std::vector<std::string>& plugins) {
  auto interpreter = readInterpreter(program);
  if (!interpreter.ok()) return interpreter.error();
  SharedLibraries result{.interpreter = *interpreter, .libraries = {}};
  std::vector<std::string> objects = {program};
  objects.insert(objects.end(), plugins.begin(), plugins.end());
  for (const std::string& object : objects) {
    auto listing = listWith(*interpreter, object);
    if (!listing.ok()) return listing.error();
    collect(*listing, *interpreter, result.libraries);
  }
  return result;
}

}  // namespace weir::sandbox
