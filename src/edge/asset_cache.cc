#include "edge/asset_cache.h"

#include <cstdio>

namespace weir::edge {

namespace {

// What a piece costs beside its bytes.
constexpr uint64_t kPieceCost = 192;
// A round of collecting is a short transaction; others get their turn between them.
constexpr std::chrono::milliseconds kCollectPause{20};

}  // namespace

AssetCache::AssetCache(Options options) : options_(std::move(options)) {
  for (uint32_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this, i] { work(i == 0); });
}

void AssetCache::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

AssetCache::Piece AssetCache::find(uint64_t content, uint32_t number) {
  const std::lock_guard lock(mutex_);
  const auto at = byKey_.find(content * catalog::kAssetPiecesMax + number);
  if (at == byKey_.end()) return nullptr;
  if (at->second != kept_.begin()) kept_.splice(kept_.begin(), kept_, at->second);
  return at->second->piece;
}

bool AssetCache::fetch(uint64_t content, uint32_t number, Then then) {
  const Key key = content * catalog::kAssetPiecesMax + number;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || waitingCount_ >= options_.waitingMax) return false;
    ++waitingCount_;
    auto& waiting = waiting_[key];
    waiting.push_back(std::move(then));
    if (waiting.size() > 1) return true;  // somebody wants it already
    queue_.push_back(key);
  }
  wake_.notify_one();
  return true;
}

AssetCache::Figures AssetCache::figures() const {
  const std::lock_guard lock(mutex_);
  return {bytes_, reads_};
}

void AssetCache::keep(Key key, const Piece& piece) {
  if (byKey_.contains(key)) return;
  kept_.push_front({key, piece});
  byKey_[key] = kept_.begin();
  bytes_ += piece->size() + kPieceCost;
  while (bytes_ > options_.bytesMax && !kept_.empty()) {
    bytes_ -= kept_.back().piece->size() + kPieceCost;
    byKey_.erase(kept_.back().key);
    kept_.pop_back();
  }
}

void AssetCache::work(bool collects) {
  const bool collecting = collects && options_.collectEvery.count() > 0;
  auto collectAt = std::chrono::steady_clock::now() + options_.collectEvery;
  std::unique_ptr<catalog::Catalog> catalog;
  const auto open = [&] {
    if (catalog) return true;
    auto opened = options_.openCatalog();
    if (opened.ok()) catalog = std::move(opened).value();
    else std::fprintf(stderr, "weir: static assets cannot be read: %s\n", opened.error().message.c_str());
    return catalog != nullptr;
  };
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto due = [&] { return stopping_ || !queue_.empty(); };
    if (!collecting) wake_.wait(lock, due);
    else wake_.wait_until(lock, collectAt, due);
    if (stopping_) return;
    if (queue_.empty()) {
      if (!collecting || std::chrono::steady_clock::now() < collectAt) continue;
      lock.unlock();
      bool more = false;
      if (open()) {
        auto collected = catalog->assets().collect();
        if (collected.ok()) more = *collected;
        else
          std::fprintf(stderr, "weir: unused static assets are not removed: %s\n", collected.error().message.c_str());
      }
      lock.lock();
      collectAt = std::chrono::steady_clock::now() + (more ? kCollectPause : options_.collectEvery);
      continue;
    }
    const Key key = queue_.front();
    queue_.pop_front();
    lock.unlock();
    Piece piece;
    if (open()) {
      auto read = catalog->assets().piece(key / catalog::kAssetPiecesMax,
                                          static_cast<uint32_t>(key % catalog::kAssetPiecesMax));
      if (read.ok()) piece = std::make_shared<const catalog::Bytes>(std::move(read).value());
      else std::fprintf(stderr, "weir: a static asset cannot be read: %s\n", read.error().message.c_str());
    }
    lock.lock();
    ++reads_;
    if (piece) keep(key, piece);
    const auto at = waiting_.find(key);
    std::vector<Then> told = std::move(at->second);
    waiting_.erase(at);
    waitingCount_ -= told.size();
    lock.unlock();
    for (const auto& then : told) then(piece);
    lock.lock();
  }
}

}  // namespace weir::edge
