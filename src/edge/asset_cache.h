// AssetCache: pieces of the content of static assets in memory, and whole contents under a content coding, the most
// recently used ones. What is not there is read from the catalog, and coded, by threads of this, so that no loop waits
// for a disk or for that. One for all loops.
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
#include "http/content_coding.h"

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

  // The same of the whole of a content of `bytes` bytes, at most kCodedBytesMax, under a coding; the piece is empty
  // when that does not make it smaller.
  static constexpr uint64_t kCodedBytesMax = 2u << 20;
  Piece findCoded(uint64_t content, http::ContentCoding coding);
  [[nodiscard]] bool fetchCoded(uint64_t content, http::ContentCoding coding, uint64_t bytes, Then then);

  struct Figures {
    uint64_t bytes = 0;  // of pieces in memory
    uint64_t reads = 0;  // of the catalog
  };
  Figures figures() const;

 private:
  using Key = uint64_t;  // of content, number and coding
  struct Read {
    Key key;
    uint64_t bytes;  // of what is coded
  };
  struct Kept {
    Key key;
    Piece piece;
  };

  Piece find(Key key);
  bool fetch(const Read& read, Then then);
  Piece read(catalog::AssetStore& store, const Read& wanted) const;
  void work(bool collects);
  void keep(Key key, const Piece& piece);

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Kept> kept_;  // most recently used first
  std::unordered_map<Key, std::list<Kept>::iterator> byKey_;
  std::unordered_map<Key, std::vector<Then>> waiting_;  // being read, or about to be
  std::deque<Read> queue_;
  size_t waitingCount_ = 0;
  uint64_t bytes_ = 0;
  uint64_t reads_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::edge
