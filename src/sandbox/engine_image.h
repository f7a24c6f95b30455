// What every engine process of this platform is made from, found out once: the files its root holds and the
// libraries among them. Immutable; shared by all spawns.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace weir::sandbox {

// Trusted files, absolute paths. As root they must be readable by everybody: the engine runs as nobody.
struct EngineFiles {
  std::string node;      // the Node executable
  std::string addon;     // the native module, ends in ".node"
  std::string launcher;  // the script that loads it: `node launcher addon …`
};

class EngineImage {
 public:
  // Checks the files and asks the dynamic loader for the libraries. Reads disk and waits for processes: some
  // 10 ms.
  static base::Result<EngineImage> load(const EngineFiles& files);

  struct File {
    std::string outside;
    std::string inside;
  };
  // Everything the engine's root holds. The first three are node, addon and launcher.
  const std::vector<File>& files() const { return files_; }
  // The directories those need inside, parents first.
  const std::vector<std::string>& directories() const { return directories_; }

  const File& node() const { return files_[0]; }
  const File& addon() const { return files_[1]; }
  const File& launcher() const { return files_[2]; }

 private:
  void add(const std::string& outside, const std::string& inside);

  std::vector<File> files_;
  std::vector<std::string> directories_;
};

// Inside: where the libraries are, and the empty mount that the lock-down makes its root.
inline constexpr const char* kEngineLibraryDirectory = "/lib";
inline constexpr const char* kEngineEmptyDirectory = "/empty";

}  // namespace weir::sandbox
