// VersionLoader: brings versions of the catalog into memory when somebody first wants to run them, and decides which of
// those that are idle go when there are too many.
//
// Story of a load: a loop holds a request and calls `load` → the loader's thread reads modules, bindings and secrets,
// seals them as a bundle and looks up the image that the version's check made → `loaded` tells the loops. What cannot
// be read is refused for good: nobody waits for it twice. Where the image is gone (another engine, a full disk) the
// version starts from its source meanwhile, and its check is run again.
//
// Threads: `load` and `takeIdle` from any.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/keyring.h"
#include "control/upload_checks.h"
#include "sandbox/runnable_version.h"

namespace weir::cli {

class VersionLoader {
 public:
  struct Options {
    std::function<catalog::Result<std::unique_ptr<catalog::Catalog>>()> openCatalog;
    control::UploadChecks& checks;  // borrowed, as `keys`
    catalog::Keyring& keys;
    bool useImages = true;
    uint32_t loops = 1;
    uint64_t residentBytesMax = 256u << 20;
    size_t residentMax = 4'096;
    size_t waitingMax = 4'096;
    // On the loader's thread: versions are loaded, or refused.
    std::function<void()> loaded = {};
  };
  explicit VersionLoader(Options options);
  ~VersionLoader();

  void load(const std::shared_ptr<const sandbox::RunnableVersion>& version);

  // Of the loaded versions, the least recently used above the bounds: whoever routes to them should do so to fresh
  // ones, so that these go as soon as nothing runs on them. Each is named once.
  std::vector<std::shared_ptr<const sandbox::RunnableVersion>> takeIdle();

 private:
  void work();
  void loadOne(catalog::Catalog& catalog, const std::shared_ptr<const sandbox::RunnableVersion>& version);

  struct Resident {
    std::weak_ptr<const sandbox::RunnableVersion> version;
    uint64_t bytes;
  };

  const Options options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<const sandbox::RunnableVersion>> queue_;
  std::unordered_set<const sandbox::RunnableVersion*> waiting_;
  std::vector<Resident> residents_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::cli
