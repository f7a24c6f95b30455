#include "edge/asset_cache.h"

#include <cstdio>

#include "base/check.h"
#include "base/this_thread.h"

namespace weir::edge {

namespace {

// What a piece costs beside its bytes.
constexpr uint64_t kPieceCost = 192;
// A round of collecting is a short transaction; others get their turn between them.
constexpr std::chrono::milliseconds kCollectPause{20};
constexpr uint64_t kCodings = 3;

uint64_t keyOf(uint64_t content, uint32_t number, http::ContentCoding coding = http::ContentCoding::kIdentity) {
  return (content * catalog::kAssetPiecesMax + number) * kCodings + static_cast<uint64_t>(coding);
}

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

AssetCache::Piece AssetCache::find(uint64_t content, uint32_t number) { return find(keyOf(content, number)); }

AssetCache::Piece AssetCache::findCoded(uint64_t content, http::ContentCoding coding) {
  return find(keyOf(content, 0, coding));
}

AssetCache::Piece AssetCache::find(Key key) {
  const std::lock_guard lock(mutex_);
  const auto at = byKey_.find(key);
  if (at == byKey_.end()) return nullptr;
  if (at->second != kept_.begin()) kept_.splice(kept_.begin(), kept_, at->second);
  return at->second->piece;
}

bool AssetCache::fetch(uint64_t content, uint32_t number, Then then) {
  return fetch({keyOf(content, number), 0}, std::move(then));
}

bool AssetCache::fetchCoded(uint64_t content, http::ContentCoding coding, uint64_t bytes, Then then) {
  CHECK(bytes <= kCodedBytesMax);
  return fetch({keyOf(content, 0, coding), bytes}, std::move(then));
}

bool AssetCache::fetch(const Read& read, Then then) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || waitingCount_ >= options_.waitingMax) return false;
    ++waitingCount_;
    auto& waiting = waiting_[read.key];
    waiting.push_back(std::move(then));
    if (waiting.size() > 1) return true;  // somebody wants it already
    queue_.push_back(read);
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

// Null: it cannot be read.
AssetCache::Piece AssetCache::read(catalog::AssetStore& store, const Read& wanted) const {
  const auto coding = static_cast<http::ContentCoding>(wanted.key % kCodings);
  const uint64_t place = wanted.key / kCodings;
  const uint64_t content = place / catalog::kAssetPiecesMax;
  auto number = static_cast<uint32_t>(place % catalog::kAssetPiecesMax);
  catalog::Bytes bytes;
  do {
    auto piece = store.piece(content, number++);
    if (!piece.ok()) {
      std::fprintf(stderr, "weir: a static asset cannot be read: %s\n", piece.error().message.c_str());
      return nullptr;
    }
    if (coding == http::ContentCoding::kIdentity) return std::make_shared<const catalog::Bytes>(std::move(*piece));
    bytes.insert(bytes.end(), piece->begin(), piece->end());
    if (piece->empty()) break;
  } while (bytes.size() < wanted.bytes);
  if (bytes.size() != wanted.bytes) return nullptr;
  return std::make_shared<const catalog::Bytes>(http::encodeBody(coding, bytes));
}

void AssetCache::work(bool collects) {
  base::nameThisThread("assets");
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
    const Read wanted = queue_.front();
    queue_.pop_front();
    lock.unlock();
    const Piece piece = open() ? read(catalog->assets(), wanted) : nullptr;
    lock.lock();
    ++reads_;
    if (piece) keep(wanted.key, piece);
    const auto at = waiting_.find(wanted.key);
    std::vector<Then> told = std::move(at->second);
    waiting_.erase(at);
    waitingCount_ -= told.size();
    lock.unlock();
    for (const auto& then : told) then(piece);
    lock.lock();
  }
}

}  // namespace weir::edge
