#include "sandbox/engine_image.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sandbox/shared_libraries.h"

namespace weir::sandbox {
namespace {

constexpr size_t kFilesMax = 64;

std::string baseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

base::Status checkFile(const std::string& path, mode_t needed) {
  if (path.empty() || path[0] != '/') return base::Error{"\"" + path + "\": an absolute path is needed"};
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return base::Error{path + ": " + std::strerror(errno)};
  if (!S_ISREG(found.st_mode)) return base::Error{path + ": not a regular file"};
  if (::geteuid() == 0 && (found.st_mode & needed) != needed) {
    return base::Error{path + ": the engine runs as an unprivileged user and may not use it; chmod o+" +
                       ((needed & S_IXOTH) != 0 ? "rx" : "r")};
  }
  return base::Nothing{};
}

}  // namespace

base::Result<EngineImage> EngineImage::load(const EngineFiles& files) {
  for (const auto& [path, needed] :
       {std::pair(&files.node, mode_t{S_IROTH | S_IXOTH}), std::pair(&files.addon, mode_t{S_IROTH}),
        std::pair(&files.launcher, mode_t{S_IROTH})}) {
    if (auto checked = checkFile(*path, needed); !checked.ok()) return checked.error();
  }
  auto libraries = findSharedLibraries(files.node, {files.addon});
  if (!libraries.ok()) return libraries.error();
  EngineImage image;
  image.add(files.node, "/bin/node");
  image.add(files.addon, "/engine/" + baseName(files.addon));
  image.add(files.launcher, "/engine/" + baseName(files.launcher));
  image.add(libraries->interpreter, libraries->interpreter);
  for (const std::string& library : libraries->libraries) {
    const std::string inside = std::string(kEngineLibraryDirectory) + "/" + baseName(library);
    const bool taken =
        std::any_of(image.files_.begin(), image.files_.end(), [&](const File& file) { return file.inside == inside; });
    if (!taken) image.add(library, inside);
  }
  if (image.files_.size() > kFilesMax) return base::Error{files.node + ": needs too many libraries"};
  if (image.files_[1].inside == image.files_[2].inside) return base::Error{"addon and launcher have the same name"};
  return image;
}

void EngineImage::add(const std::string& outside, const std::string& inside) {
  for (size_t slash = inside.find('/', 1); slash != std::string::npos; slash = inside.find('/', slash + 1)) {
    const std::string directory = inside.substr(0, slash);
    if (std::find(directories_.begin(), directories_.end(), directory) == directories_.end()) {
      directories_.push_back(directory);
    }
  }
  files_.push_back({outside, inside});
}

}  // namespace weir::sandbox
