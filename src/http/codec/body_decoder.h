// The body of one message, from framed bytes to content (RFC 9112 §6, §7). No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "http/codec/line_reader.h"
#include "http/limits.h"
#include "http/message.h"

namespace weir::http {

class BodyDecoder {
 public:
  explicit BodyDecoder(const HttpLimits& limits) : limits_(limits) {}

  // Begins a body. `bytesMax` bounds its content; what passes it is refused with 413.
  void start(Framing framing, uint64_t length, uint64_t bytesMax);
  void setBytesMax(uint64_t bytesMax) { bytesMax_ = bytesMax; }

  bool done() const { return phase_ == Phase::kDone; }
  // Content delivered so far.
  uint64_t bytes() const { return bytes_; }

  struct Step {
    size_t consumed = 0;
    std::span<const std::byte> content;  // a view of the input; empty when only framing was consumed
    std::optional<Refusal> refusal;
  };
  // Consumes a prefix of `bytes` up to the end of one run of content, or up to where more input is needed. At most
  // `contentMax` bytes of content. Nothing consumed and nothing refused: more input, or more `contentMax`, is needed.
  Step next(std::span<const std::byte> bytes, uint64_t contentMax);

  // The connection ended. True when that is a proper end of this body, which is then done.
  bool finish();

 private:
  enum class Phase { kContent, kChunkSize, kChunkCr, kChunkLf, kTrailers, kDone };

  Step nextChunkSize(std::span<const std::byte> bytes);
  Step nextTrailer(std::span<const std::byte> bytes);

  HttpLimits limits_;
  Framing framing_ = Framing::kNone;
  Phase phase_ = Phase::kDone;
  uint64_t remaining_ = 0;  // of the body or of the chunk
  uint64_t bytes_ = 0;
  uint64_t bytesMax_ = 0;
  size_t trailerBytes_ = 0;
  uint32_t trailerCount_ = 0;
  LineReader lines_;
};

}  // namespace weir::http
