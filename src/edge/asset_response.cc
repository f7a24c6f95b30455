#include "edge/asset_response.h"

#include <algorithm>
#include <utility>

namespace weir::edge {

namespace {

constexpr uint64_t kPiece = catalog::kAssetPieceBytes;

// The bytes [from, to) of a file, as far as they lie in this piece; empty when the piece is not what it should be.
std::span<const std::byte> partOf(const catalog::Bytes& piece, uint64_t from, uint64_t to) {
  const uint64_t start = from % kPiece;
  const uint64_t size = std::min(to - from, kPiece - start);
  if (piece.size() < start + size) return {};
  return std::span(piece).subspan(start, size);
}

}  // namespace

bool AssetResponse::isAtHand(AssetCache& cache, const assets::SiteAnswer& answer) {
  if (!answer.file || answer.headOnly || answer.from == answer.to) return true;
  return cache.find(answer.file->content, static_cast<uint32_t>(answer.from / kPiece)) != nullptr;
}

bool AssetResponse::respondAtOnce(http::Exchange& exchange, AssetCache& cache, const assets::SiteAnswer& answer) {
  const bool empty = !answer.file || answer.from == answer.to;
  if (answer.headOnly && !empty) {
    if (!exchange.startResponse(answer.status, answer.headers, answer.to - answer.from)) exchange.abort();
    else (void)exchange.finish();
    return true;
  }
  if (empty) {
    if (!exchange.respond(answer.status, answer.headers, {})) exchange.abort();
    return true;
  }
  if (answer.from / kPiece != (answer.to - 1) / kPiece) return false;
  const auto piece = cache.find(answer.file->content, static_cast<uint32_t>(answer.from / kPiece));
  if (!piece) return false;
  const auto part = partOf(*piece, answer.from, answer.to);
  if (part.size() != answer.to - answer.from) return false;
  const std::string_view body(reinterpret_cast<const char*>(part.data()), part.size());
  if (!exchange.respond(answer.status, answer.headers, body)) exchange.abort();
  return true;
}

void AssetResponse::start(http::Exchange& exchange) {
  exchange_ = &exchange;
  exchange.setEvents(*this);
  at_ = answer_.from;
  pump();
}

void AssetResponse::onGone() {
  exchange_ = nullptr;
  end();
}

void AssetResponse::await(uint64_t content, uint32_t number) {
  awaits_ = true;
  // The cache ends before its loops do, so whoever posts finds one.
  const bool waits = cache_.fetch(content, number, [weak = weak_from_this(), loop = &loop_](AssetCache::Piece piece) {
    loop->post([weak, piece = std::move(piece)] {
      const auto self = weak.lock();
      if (!self) return;
      self->awaits_ = false;
      if (self->exchange_ == nullptr) return;
      if (!piece) return self->fail();
      self->arrived_ = piece;
      self->pump();
    });
  });
  if (!waits) {
    awaits_ = false;
    fail();
  }
}

void AssetResponse::pump() {
  while (exchange_ != nullptr && !awaits_) {
    if (at_ == answer_.to) {
      (void)std::exchange(exchange_, nullptr)->finish();
      return end();
    }
    if (started_ && exchange_->pendingBytes() > kPauseBytes) return;
    const auto number = static_cast<uint32_t>(at_ / kPiece);
    auto piece = std::exchange(arrived_, nullptr);
    if (!piece) piece = cache_.find(answer_.file->content, number);
    if (!piece) return await(answer_.file->content, number);
    const auto part = partOf(*piece, at_, answer_.to);
    if (part.empty()) return fail();
    if (!started_) {
      if (!exchange_->startResponse(answer_.status, answer_.headers, answer_.to - answer_.from)) return fail();
      started_ = true;
    }
    switch (exchange_->write(part)) {
      case http::WriteOutcome::kTaken: at_ += part.size(); break;
      case http::WriteOutcome::kTooMuch:
        // What others hold can make it too much even where nothing of this waits: then nobody would call again.
        if (exchange_->pendingBytes() == 0) fail();
        return;
      case http::WriteOutcome::kAborted: exchange_ = nullptr; return end();
    }
  }
}

void AssetResponse::fail() {
  http::Exchange& exchange = *std::exchange(exchange_, nullptr);
  if (started_) exchange.abort();
  else owner_.onAssetFailed(*this, exchange);
  end();
}

void AssetResponse::end() { owner_.onAssetOver(*this); }

}  // namespace weir::edge
