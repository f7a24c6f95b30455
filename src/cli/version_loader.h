// VersionLoader: brings versions of the catalog into memory when somebody first wants to run them, and decides which of
// those that are idle go when there are too many.
//
// Story of a load: a loop holds a request and calls `load` → the loader's thread reads modules, bindings and secrets,
// seals them as a bundle and looks up the image that the version's check made → `loaded` tells the loops. What cannot
// be read is refused for good: nobody waits for it twice. A store that does not answer is asked a few times more; then
// the version stays as it was, and the next request has it loaded anew. Where the image is gone (another engine, a full
// disk) the version starts from its source meanwhile, and its check is run again.
//
// Threads: `load` and `takeIdle` from any.
#pragma once

#include <chrono>
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
#include "control/version_bundle.h"
#include "sandbox/runnable_version.h"

namespace weir::cli {

// Why a version was not loaded.
struct LoadError {
  enum class Kind : uint8_t {
    kForNow,   // the store did not answer: it may the next time
    kForGood,  // it would fail again
    kMissing,  // there is no such version
  };
  Kind kind = Kind::kForGood;
  std::string message;
};

class VersionLoader {
 public:
  struct Options {
    std::function<catalog::Result<std::unique_ptr<catalog::Catalog>>()> openCatalog;
    catalog::Keyring& keys;                   // borrowed
    control::UploadChecks* checks = nullptr;  // likewise; null: no image is looked for
    uint32_t loops = 1;
    uint64_t residentBytesMax = 256u << 20;
    size_t residentMax = 4'096;
    size_t waitingMax = 4'096;
    // While the store does not answer; the pause grows by itself with each.
    uint32_t attemptsMax = 4;
    std::chrono::milliseconds retryAfter{50};
    // On the loader's thread: versions are loaded, or refused, or given up for now.
    std::function<void()> loaded = {};
  };
  explicit VersionLoader(Options options);
  ~VersionLoader();

  void load(const std::shared_ptr<const sandbox::RunnableVersion>& version);

  // Of the loaded versions, the least recently used above the bounds: whoever routes to them should do so to fresh
  // ones, so that these go as soon as nothing runs on them. Each is named once.
  std::vector<std::shared_ptr<const sandbox::RunnableVersion>> takeIdle();

 private:
  using Wanted = std::shared_ptr<const sandbox::RunnableVersion>;

  void work();
  // True: it is loaded or refused. `catalog` is opened when it is first needed.
  bool tryLoad(std::unique_ptr<catalog::Catalog>& catalog, const Wanted& version);
  base::Result<base::Nothing, LoadError> read(catalog::Catalog& catalog, const Wanted& version);
  void findImage(control::BundleSource source, const Wanted& version);
  void remember(const Wanted& version, uint64_t bytes);

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
