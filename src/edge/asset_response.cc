#include "edge/asset_response.h"

#include <algorithm>
#include <utility>

namespace weir::edge {

namespace {

constexpr uint64_t kPiece = catalog::kAssetPieceBytes;
constexpr uint64_t kCodedBytesMin = 256;  // less fits a packet whatever its coding

// The bytes [from, to) of a file, as far as they lie in this piece; empty when the piece is not what it should be.
std::span<const std::byte> partOf(const catalog::Bytes& piece, uint64_t from, uint64_t to) {
  const uint64_t start = from % kPiece;
  const uint64_t size = std::min(to - from, kPiece - start);
  if (piece.size() < start + size) return {};
  return std::span(piece).subspan(start, size);
}

// A tag of the file's bytes is no strong one of what they are coded as (RFC 9110 §8.8.1).
void weakenTag(http::HeaderList& headers) {
  const auto tag = headers.find("etag");
  if (tag && !tag->starts_with("W/")) headers.set("etag", "W/" + std::string(*tag));
}

// The answer is that of `size` bytes that the file is coded as.
void useCoding(assets::SiteAnswer& answer, http::ContentCoding coding, uint64_t size) {
  answer.headers.set("content-encoding", http::nameOf(coding));
  weakenTag(answer.headers);
  answer.to = size;
}

}  // namespace

http::ContentCoding AssetResponse::chooseCoding(std::string_view acceptEncoding, assets::SiteAnswer& answer) {
  const auto type = answer.headers.find("content-type");
  if (!answer.ofFile || !type || !http::isCompressible(*type) || answer.headers.find("content-encoding") ||
      answer.headers.containsToken("cache-control", "no-transform")) {
    return http::ContentCoding::kIdentity;
  }
  answer.headers.add("vary", "accept-encoding");
  const auto coding = http::acceptedCoding(acceptEncoding);
  // What is not sent now was coded when it was, or will be.
  if (coding != http::ContentCoding::kIdentity && answer.status == 304) weakenTag(answer.headers);
  const bool whole = answer.file && answer.from == 0 && answer.to == answer.file->size;
  return whole && answer.to >= kCodedBytesMin && answer.to <= AssetCache::kCodedBytesMax
             ? coding
             : http::ContentCoding::kIdentity;
}

bool AssetResponse::isAtHand(AssetCache& cache, const assets::SiteAnswer& answer, http::ContentCoding coding) {
  if (coding != http::ContentCoding::kIdentity) return cache.findCoded(answer.file->content, coding) != nullptr;
  if (!answer.file || answer.headOnly || answer.from == answer.to) return true;
  return cache.find(answer.file->content, static_cast<uint32_t>(answer.from / kPiece)) != nullptr;
}

bool AssetResponse::respondAtOnce(http::Exchange& exchange, AssetCache& cache, assets::SiteAnswer& answer,
                                  http::ContentCoding coding) {
  if (coding != http::ContentCoding::kIdentity) {
    const auto coded = cache.findCoded(answer.file->content, coding);
    if (!coded || coded->size() > kPiece) return false;
    if (!coded->empty()) {
      useCoding(answer, coding, coded->size());
      const std::string_view body(reinterpret_cast<const char*>(coded->data()), coded->size());
      if (!exchange.respond(answer.status, answer.headers, body)) exchange.abort();
      return true;
    }
  }
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

// Of what is sent next. Null: it is not in memory.
AssetCache::Piece AssetResponse::findPiece() const {
  if (coding_ != http::ContentCoding::kIdentity) return cache_.findCoded(answer_.file->content, coding_);
  return cache_.find(answer_.file->content, static_cast<uint32_t>(at_ / kPiece));
}

bool AssetResponse::fetch(AssetCache::Then then) {
  const uint64_t content = answer_.file->content;
  if (coding_ != http::ContentCoding::kIdentity)
    return cache_.fetchCoded(content, coding_, answer_.file->size, std::move(then));
  return cache_.fetch(content, static_cast<uint32_t>(at_ / kPiece), std::move(then));
}

void AssetResponse::await() {
  awaits_ = true;
  // The cache ends before its loops do, so whoever posts finds one.
  const bool waits = fetch([weak = weak_from_this(), loop = &loop_](AssetCache::Piece piece) {
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
    auto piece = std::exchange(arrived_, nullptr);
    if (!piece) piece = coded_ ? coded_ : findPiece();
    if (!piece) return await();
    if (coding_ != http::ContentCoding::kIdentity && !coded_) {
      if (piece->empty()) {
        coding_ = http::ContentCoding::kIdentity;  // it is sent as it is
        continue;
      }
      useCoding(answer_, coding_, piece->size());
      coded_ = piece;
    }
    const auto part =
        coded_ ? std::span(*coded_).subspan(at_, std::min(answer_.to - at_, kPiece)) : partOf(*piece, at_, answer_.to);
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
