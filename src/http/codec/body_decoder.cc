#include "http/codec/body_decoder.h"

#include <algorithm>
#include <limits>

#include "base/hex.h"
#include "http/codec/field_syntax.h"

namespace weir::http {
namespace {

constexpr size_t kChunkSizeDigitsMax = 15;  // below 2^60: sums cannot overflow

// chunk-size [ chunk-ext ], the extension unread but free of controls.
std::optional<uint64_t> parseChunkLine(std::string_view line) {
  size_t digits = 0;
  uint64_t size = 0;
  while (digits < line.size() && base::hexValue(line[digits]) >= 0) {
    if (digits == kChunkSizeDigitsMax) return std::nullopt;
    size = size * 16 + static_cast<uint64_t>(base::hexValue(line[digits++]));
  }
  if (digits == 0) return std::nullopt;
  const std::string_view extension = line.substr(digits);
  if (!extension.empty() && (extension.front() != ';' || !isFieldValue(extension))) return std::nullopt;
  return size;
}

}  // namespace

void BodyDecoder::start(Framing framing, uint64_t length, uint64_t bytesMax) {
  framing_ = framing;
  bytes_ = 0;
  bytesMax_ = bytesMax;
  trailerBytes_ = 0;
  trailerCount_ = 0;
  lines_.reset();
  switch (framing) {
    case Framing::kNone:
      remaining_ = 0;
      phase_ = Phase::kDone;
      break;
    case Framing::kLength:
      remaining_ = length;
      phase_ = length ? Phase::kContent : Phase::kDone;
      break;
    case Framing::kChunked:
      remaining_ = 0;
      phase_ = Phase::kChunkSize;
      break;
    case Framing::kUntilClose:
      remaining_ = std::numeric_limits<uint64_t>::max();
      phase_ = Phase::kContent;
      break;
  }
}

BodyDecoder::Step BodyDecoder::next(std::span<const std::byte> bytes, uint64_t contentMax) {
  constexpr Refusal kBadChunkEnd{400, "a chunk does not end with CRLF"};
  switch (phase_) {
    case Phase::kDone: return {};
    case Phase::kContent: {
      // Every length but an open one is known to be over the bound before its bytes arrive.
      if (framing_ != Framing::kUntilClose && remaining_ > bytesMax_ - std::min(bytesMax_, bytes_))
        return {0, {}, Refusal{413, "the body is larger than allowed"}};
      const uint64_t size = std::min({static_cast<uint64_t>(bytes.size()), remaining_, contentMax});
      if (framing_ == Framing::kUntilClose) {
        if (size > bytesMax_ - std::min(bytesMax_, bytes_))
          return {0, {}, Refusal{413, "the body is larger than allowed"}};
      } else {
        remaining_ -= size;
        if (remaining_ == 0) phase_ = framing_ == Framing::kChunked ? Phase::kChunkCr : Phase::kDone;
      }
      bytes_ += size;
      return {static_cast<size_t>(size), bytes.first(static_cast<size_t>(size)), {}};
    }
    case Phase::kChunkSize: return nextChunkSize(bytes);
    case Phase::kChunkCr:
      if (bytes.empty()) return {};
      if (bytes[0] != std::byte{'\r'}) return {0, {}, kBadChunkEnd};
      phase_ = Phase::kChunkLf;
      return {1, {}, {}};
    case Phase::kChunkLf:
      if (bytes.empty()) return {};
      if (bytes[0] != std::byte{'\n'}) return {0, {}, kBadChunkEnd};
      phase_ = Phase::kChunkSize;
      return {1, {}, {}};
    case Phase::kTrailers: return nextTrailer(bytes);
  }
  return {};
}

BodyDecoder::Step BodyDecoder::nextChunkSize(std::span<const std::byte> bytes) {
  const auto step = lines_.next(bytes, limits_.chunkLineBytesMax);
  switch (step.outcome) {
    case LineReader::Outcome::kMore: return {step.consumed, {}, {}};
    case LineReader::Outcome::kTooLong: return {0, {}, Refusal{400, "a chunk size line is too long"}};
    case LineReader::Outcome::kBareLf: return {0, {}, Refusal{400, "a chunk size line ends without CR"}};
    case LineReader::Outcome::kLine: break;
  }
  const auto size = parseChunkLine(step.line);
  if (!size) return {0, {}, Refusal{400, "a chunk size is not a hexadecimal number in range"}};
  remaining_ = *size;
  if (remaining_ == 0) {
    phase_ = Phase::kTrailers;
  } else if (remaining_ > bytesMax_ - std::min(bytesMax_, bytes_)) {
    return {0, {}, Refusal{413, "the body is larger than allowed"}};
  } else {
    phase_ = Phase::kContent;
  }
  return {step.consumed, {}, {}};
}

BodyDecoder::Step BodyDecoder::nextTrailer(std::span<const std::byte> bytes) {
  const auto step = lines_.next(bytes, limits_.headBytesMax - std::min<size_t>(limits_.headBytesMax, trailerBytes_));
  switch (step.outcome) {
    case LineReader::Outcome::kMore: return {step.consumed, {}, {}};
    case LineReader::Outcome::kTooLong: return {0, {}, Refusal{431, "the trailers are too large"}};
    case LineReader::Outcome::kBareLf: return {0, {}, Refusal{400, "a trailer line ends without CR"}};
    case LineReader::Outcome::kLine: break;
  }
  if (step.line.empty()) {
    phase_ = Phase::kDone;
    return {step.consumed, {}, {}};
  }
  if (!parseFieldLine(step.line)) return {0, {}, Refusal{400, "a trailer line is malformed"}};
  if (++trailerCount_ > limits_.headerCountMax) return {0, {}, Refusal{431, "too many trailers"}};
  trailerBytes_ += step.line.size() + 2;
  return {step.consumed, {}, {}};
}

bool BodyDecoder::finish() {
  if (framing_ == Framing::kUntilClose && phase_ == Phase::kContent) phase_ = Phase::kDone;
  return phase_ == Phase::kDone;
}

}  // namespace weir::http
