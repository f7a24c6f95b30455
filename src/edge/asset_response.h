// AssetResponse: one request that is answered with a version's static assets: the head that its Site decided on, and
// the file's pieces as fast as the client takes them. No engine is concerned.
//
// Pieces come from the cache; one that is not there is waited for. At most one piece at a time is held, and only until
// the connection has taken it, so slow readers of large files cost no memory.
//
// Threads: its loop's.
#pragma once

#include <memory>

#include "assets/site.h"
#include "edge/asset_cache.h"
#include "http/server.h"
#include "net/loop.h"

namespace weir::edge {

class AssetResponse;

class AssetResponseOwner {
 public:
  // It has written its last byte, or the client is gone: to be let go of.
  virtual void onAssetOver(AssetResponse& response) = 0;
  // Nothing of the file can be had just now, and nothing was sent: a page says so. The exchange is dead afterwards.
  virtual void onAssetFailed(AssetResponse& response, http::Exchange& exchange) = 0;

 protected:
  ~AssetResponseOwner() = default;
};

class AssetResponse final : public std::enable_shared_from_this<AssetResponse>, private http::ExchangeEvents {
 public:
  // Borrowed but for `site`, which the answer is of; they outlive this.
  // `coding` is what `chooseCoding` said.
  AssetResponse(AssetResponseOwner& owner, net::Loop& loop, AssetCache& cache, std::shared_ptr<const assets::Site> site,
                assets::SiteAnswer answer, http::ContentCoding coding)
      : owner_(owner),
        loop_(loop),
        cache_(cache),
        site_(std::move(site)),
        answer_(std::move(answer)),
        coding_(coding) {}

  // The coding that the answer is to be sent under, for a client that says so; its headers are made to tell that there
  // are several.
  static http::ContentCoding chooseCoding(std::string_view acceptEncoding, assets::SiteAnswer& answer);
  // Whether the first that is sent of the file, if anything is, is in memory.
  static bool isAtHand(AssetCache& cache, const assets::SiteAnswer& answer, http::ContentCoding coding);
  // Answers without any of this where all that is sent is at hand; false: nothing happened, `start` is needed.
  static bool respondAtOnce(http::Exchange& exchange, AssetCache& cache, assets::SiteAnswer& answer,
                            http::ContentCoding coding);

  // Once, from within onRequest or while the exchange is open. May be over when it returns.
  void start(http::Exchange& exchange);

 private:
  static constexpr size_t kPauseBytes = 128u << 10;  // waiting for the client; above it, it gets no more

  void onDrained() override { pump(); }
  void onGone() override;
  void pump();
  AssetCache::Piece findPiece() const;
  void await();
  bool fetch(AssetCache::Then then);
  void fail();
  void end();

  AssetResponseOwner& owner_;
  net::Loop& loop_;
  AssetCache& cache_;
  const std::shared_ptr<const assets::Site> site_;
  assets::SiteAnswer answer_;
  http::ContentCoding coding_;
  http::Exchange* exchange_ = nullptr;  // null once it is dead
  uint64_t at_ = 0;                     // of the file, or of what it is coded as: what is sent next
  bool started_ = false;
  bool awaits_ = false;  // a piece
  AssetCache::Piece arrived_;
  AssetCache::Piece coded_;  // held to the end: its client can only go on with this very one
};

}  // namespace weir::edge
