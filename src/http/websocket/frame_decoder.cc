#include "http/websocket/frame_decoder.h"

#include <algorithm>
#include <cstring>

#include "base/byte_text.h"

namespace weir::http::websocket {
namespace {

using base::asBytes;
using base::asText;

constexpr uint8_t kContinuation = 0x0;
constexpr uint8_t kText = 0x1;
constexpr uint8_t kBinary = 0x2;
constexpr uint8_t kClose = 0x8;
constexpr uint8_t kPing = 0x9;
constexpr uint8_t kPong = 0xa;

constexpr size_t kStackBytes = 32 * 1024;  // one piece on the stack, unmasked or inflated

}  // namespace

FrameDecoder::FrameDecoder(Role role, const Limits& limits, const std::optional<DeflateParameters>& deflate,
                           Unmasked unmasked)
    : role_(role),
      unmasked_(unmasked),
      messageBytesMax_(limits.messageBytesMax),
      pieceBytesMax_(std::min(limits.pieceBytesMax, kStackBytes)) {
  if (!deflate) return;
  inflater_.emplace(role == Role::kServer ? deflate->clientNoContextTakeover : deflate->serverNoContextTakeover);
}

base::Result<size_t, Failure> FrameDecoder::fail(uint16_t code, const char* reason) {
  phase_ = Phase::kFailed;
  failure_ = {code, reason};
  held_.clear();
  moreDue_ = endDue_ = false;
  return failure_;
}

base::Result<size_t, Failure> FrameDecoder::feed(std::span<const std::byte> bytes, MessageSink& sink) {
  if (phase_ == Phase::kFailed) return failure_;
  size_t consumed = 0;
  for (;;) {
    if (moreDue_) {
      if (const auto failure = inflateHeld(sink)) return fail(failure->code, failure->reason);
      if (moreDue_) return consumed;
      if (payloadAt_ == payloadSize_) phase_ = Phase::kHeader;
    }
    const auto rest = bytes.subspan(consumed);
    switch (phase_) {
      case Phase::kFailed: return failure_;
      case Phase::kClosed: return bytes.size();
      case Phase::kHeader: {
        if (rest.empty()) return consumed;
        const size_t take = std::min(rest.size(), headerBytes() - headerSize_);
        std::memcpy(header_.data() + headerSize_, rest.data(), take);
        headerSize_ += take;
        consumed += take;
        if (headerSize_ < headerBytes()) continue;
        headerSize_ = 0;
        if (const auto failure = takeHeader()) return fail(failure->code, failure->reason);
        continue;
      }
      case Phase::kControl: {
        const size_t take = std::min<uint64_t>(rest.size(), payloadSize_ - payloadAt_);
        unmask(rest.first(take), {control_.data() + payloadAt_, take});
        consumed += take;
        if (payloadAt_ < payloadSize_) return consumed;
        phase_ = Phase::kHeader;
        if (const auto failure = takeControl(sink)) return fail(failure->code, failure->reason);
        continue;
      }
      case Phase::kData: {
        const uint64_t left = payloadSize_ - payloadAt_;
        if (left == 0 && !final_) {
          phase_ = Phase::kHeader;
          continue;
        }
        if (left > 0 && rest.empty()) return consumed;
        // An empty last frame has no byte that could be left unconsumed to say that it is still to come.
        endDue_ = left == 0 && !sink.takesPieces();
        if (endDue_ || (left > 0 && !sink.takesPieces())) return consumed;
        if (compressed_) {
          const size_t take = std::min<uint64_t>({rest.size(), left, kInflateBytes});
          held_.resize(take);
          unmask(rest.first(take), {reinterpret_cast<std::byte*>(held_.data()), take});
          heldAt_ = 0;
          consumed += take;
          heldEnds_ = final_ && payloadAt_ == payloadSize_;
          if (heldEnds_) held_ += Inflater::kTail;
          moreDue_ = true;
          continue;
        }
        std::byte piece[kStackBytes];
        const size_t take = std::min<uint64_t>({rest.size(), left, pieceBytesMax_});
        std::span<const std::byte> plain = rest.first(take);
        if (masked_) {
          unmask(plain, {piece, take});
          plain = {piece, take};
        } else {
          payloadAt_ += take;
        }
        consumed += take;
        const bool ends = payloadAt_ == payloadSize_;
        if (const auto failure = emit(plain, ends && final_, sink)) return fail(failure->code, failure->reason);
        if (ends) phase_ = Phase::kHeader;
        continue;
      }
    }
  }
}

// Of the current frame, as far as what has arrived tells.
size_t FrameDecoder::headerBytes() const {
  if (headerSize_ < 2) return 2;
  const uint8_t size = header_[1] & 0x7f;
  return 2 + (size == 126 ? 2u : size == 127 ? 8u : 0u) + ((header_[1] & 0x80) != 0 ? 4u : 0u);
}

std::optional<Failure> FrameDecoder::takeHeader() {
  const uint8_t first = header_[0];
  const uint8_t second = header_[1];
  opcode_ = first & 0x0f;
  final_ = (first & 0x80) != 0;
  masked_ = (second & 0x80) != 0;
  const bool compressed = (first & 0x40) != 0;
  if ((first & 0x30) != 0) return Failure{kProtocolError, "a reserved bit is set"};
  if (role_ == Role::kServer && !masked_ && unmasked_ == Unmasked::kRefused) {
    return Failure{kProtocolError, "a client's frame is not masked"};
  }
  if (role_ == Role::kClient && masked_) return Failure{kProtocolError, "a server's frame is masked"};
  payloadSize_ = second & 0x7f;
  payloadAt_ = 0;
  size_t at = 2;
  const size_t lengthBytes = payloadSize_ == 126 ? 2 : payloadSize_ == 127 ? 8 : 0;
  if (lengthBytes > 0) {
    payloadSize_ = 0;
    for (size_t i = 0; i < lengthBytes; ++i) payloadSize_ = payloadSize_ << 8 | header_[at++];
    if ((payloadSize_ >> 63) != 0) return Failure{kProtocolError, "a frame's length is out of range"};
  }
  if (masked_) std::memcpy(mask_.data(), header_.data() + at, mask_.size());

  switch (opcode_) {
    case kText:
    case kBinary:
      if (inMessage_) return Failure{kProtocolError, "a message begins within another one"};
      if (compressed && !inflater_) return Failure{kProtocolError, "a compressed frame, and no compression was agreed"};
      inMessage_ = true;
      compressed_ = compressed;
      kind_ = opcode_ == kText ? MessageKind::kText : MessageKind::kBinary;
      messageBytes_ = 0;
      text_.reset();
      break;
    case kContinuation:
      if (!inMessage_) return Failure{kProtocolError, "a continuation without a message"};
      if (compressed) return Failure{kProtocolError, "a continuation is marked as compressed"};
      break;
    case kClose:
    case kPing:
    case kPong:
      if (compressed) return Failure{kProtocolError, "a control frame is marked as compressed"};
      if (!final_) return Failure{kProtocolError, "a control frame is fragmented"};
      if (payloadSize_ > kControlBytesMax) return Failure{kProtocolError, "a control frame is too long"};
      phase_ = Phase::kControl;
      return std::nullopt;
    default: return Failure{kProtocolError, "a frame's kind is not known"};
  }
  if (payloadSize_ > messageBytesMax_ || (!compressed_ && messageBytes_ + payloadSize_ > messageBytesMax_)) {
    return Failure{kTooBig, "a message is too large"};
  }
  phase_ = Phase::kData;
  return std::nullopt;
}

std::optional<Failure> FrameDecoder::takeControl(MessageSink& sink) {
  const std::span<const std::byte> payload(control_.data(), payloadSize_);
  if (opcode_ == kPing) {
    sink.onPing(payload);
    return std::nullopt;
  }
  if (opcode_ == kPong) {
    sink.onPong();
    return std::nullopt;
  }
  uint16_t code = kNoStatus;
  if (payload.size() == 1) return Failure{kProtocolError, "a close frame has half a code"};
  if (payload.size() >= 2) {
    code = static_cast<uint16_t>(std::to_integer<unsigned>(payload[0]) << 8 | std::to_integer<unsigned>(payload[1]));
    if (!isCloseCode(code)) return Failure{kProtocolError, "a close code is not one"};
    if (!isUtf8(payload.subspan(2))) return Failure{kInvalidPayload, "a close reason is not UTF-8"};
  }
  phase_ = Phase::kClosed;
  sink.onClose(code, payload.size() > 2 ? asText(payload.subspan(2)) : std::string_view());
  return std::nullopt;
}

// Copies payload of the current frame, unmasked.
void FrameDecoder::unmask(std::span<const std::byte> from, std::span<std::byte> into) {
  size_t i = 0;
  if (masked_) {
    uint8_t turned[8];
    for (size_t k = 0; k < 8; ++k) turned[k] = mask_[(payloadAt_ + k) % 4];
    uint64_t mask;
    std::memcpy(&mask, turned, sizeof mask);
    for (; i + 8 <= from.size(); i += 8) {
      uint64_t word;
      std::memcpy(&word, from.data() + i, sizeof word);
      word ^= mask;
      std::memcpy(into.data() + i, &word, sizeof word);
    }
    for (; i < from.size(); ++i) into[i] = from[i] ^ std::byte{turned[i % 8]};
  } else if (!from.empty()) {
    std::memcpy(into.data(), from.data(), from.size());
  }
  payloadAt_ += from.size();
}

std::optional<Failure> FrameDecoder::emit(std::span<const std::byte> bytes, bool last, MessageSink& sink) {
  messageBytes_ += bytes.size();
  if (messageBytes_ > messageBytesMax_) return Failure{kTooBig, "a message is too large"};
  if (kind_ == MessageKind::kText) {
    if (!text_.feed(bytes) || (last && !text_.complete()))
      return Failure{kInvalidPayload, "a text message is not UTF-8"};
  }
  if (last) inMessage_ = false;
  if (last || !bytes.empty()) sink.onPiece(kind_, bytes, last);
  return std::nullopt;
}

std::optional<Failure> FrameDecoder::inflateHeld(MessageSink& sink) {
  std::byte output[kStackBytes];
  const std::span<std::byte> into(output, pieceBytesMax_);
  while (moreDue_) {
    if (!sink.takesPieces()) return std::nullopt;
    const auto step = inflater_->step(asBytes(held_).subspan(heldAt_), into);
    if (!step.valid) {
      // What came before the fault counts, so that the verdict does not depend on how the bytes were cut.
      if (const auto failure = emit(into.first(step.produced), false, sink)) return failure;
      return Failure{kInvalidPayload, "a compressed message cannot be inflated"};
    }
    heldAt_ += step.consumed;
    const bool exhausted = heldAt_ == held_.size() && step.produced < into.size();
    if (exhausted) {
      held_.clear();
      heldAt_ = 0;
      moreDue_ = false;
    }
    const bool last = exhausted && heldEnds_;
    if (last) inflater_->endMessage();
    if (const auto failure = emit(into.first(step.produced), last, sink)) return failure;
  }
  return std::nullopt;
}

}  // namespace weir::http::websocket
