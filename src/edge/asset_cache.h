// AssetCache: pieces of the content of static assets in memory, the most recently used ones. What is not there is read
// from the catalog by threads of this, so that no loop waits for a disk. One for all loops.
//
// It also removes what the catalog keeps for nothing any more, now and then, because it has a thread and a catalog to
// do so.
//
// Threads: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "catalog/catalog.h"

namespace weir::edge {

class AssetCache {
 public:
  using Piece = std::shared_ptr<const catalog::Bytes>;
  using Then = std::function<void(Piece piece)>;

  struct Options {
    // On the threads of this, each for itself.
    std::function<catalog::Result<std::unique_ptr<catalog::Catalog>>()> openCatalog;
    uint64_t bytesMax = 128u << 20;  // of pieces that are kept
    size_t waitingMax = 4'096;       // reads that wait or run
    uint32_t threads = 2;
    std::chrono::milliseconds collectEvery{10 * 60 * 1'000};  // 0: never
  };
  explicit AssetCache(Options options);
  ~AssetCache() { stop(); }
  // What waits is given up: `then` is not called any more. For whoever owns what it would call.
  void stop();

  AssetCache(const AssetCache&) = delete;
  AssetCache& operator=(const AssetCache&) = delete;

  // Null: it is not in memory.
  Piece find(uint64_t content, uint32_t number);
  // Reads it; `then` is called once, on a thread of this: with null when it cannot be read. False: too many wait, and
  // it is not called.
  [[nodiscard]] bool fetch(uint64_t content, uint32_t number, Then then);

  struct Figures {
    uint64_t bytes = 0;  // of pieces in memory
    uint64_t reads = 0;  // of the catalog
  };
  Figures figures() const;

 private:
  using Key = uint64_t;
  struct Kept {
    Key key;
    Piece piece;
  };

  void work(bool collects);
  void keep(Key key, const Piece& piece);

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Kept> kept_;  // most recently used first
  std::unordered_map<Key, std::list<Kept>::iterator> byKey_;
  std::unordered_map<Key, std::vector<Then>> waiting_;  // being read, or about to be
  std::deque<Key> queue_;
  size_t waitingCount_ = 0;
  uint64_t bytes_ = 0;
  uint64_t reads_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::edge
