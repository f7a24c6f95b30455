// Frames from bytes (RFC 6455 §5), their messages inflated and checked: UTF-8, bounds, and everything a peer may get
// wrong. Messages come out in pieces, so that memory does not grow with them.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/websocket/deflate.h"
#include "http/websocket/frame.h"
#include "http/websocket/utf8.h"

namespace weir::http::websocket {

// Views die with the call.
class MessageSink {
 public:
  // Asked before each piece; false: `feed` returns, to be called again once pieces are taken.
  virtual bool takesPieces() = 0;
  // `bytes` is unmasked, inflated and, in text, valid so far. Empty only for the last piece of a message.
  virtual void onPiece(MessageKind kind, std::span<const std::byte> bytes, bool last) = 0;
  virtual void onPing(std::span<const std::byte> payload) = 0;
  virtual void onPong() = 0;
  // The peer's close frame: nothing is reported after it. kNoStatus when it has no code.
  virtual void onClose(uint16_t code, std::string_view reason) = 0;

 protected:
  ~MessageSink() = default;
};

// What a server makes of frames without a mask: a client must mask, but some do not.
enum class Unmasked : uint8_t { kRefused, kTaken };

class FrameDecoder {
 public:
  FrameDecoder(Role role, const Limits& limits, const std::optional<DeflateParameters>& deflate,
               Unmasked unmasked = Unmasked::kRefused);

  // Consumes a prefix of `bytes` and returns its length: all of it unless the sink takes no pieces. `bytes` is not
  // kept. After a failure every later call returns the same one. What follows a close frame is swallowed.
  base::Result<size_t, Failure> feed(std::span<const std::byte> bytes, MessageSink& sink);

  // Whether a piece is due without further bytes: the sink took none when `feed` was last called.
  bool due() const { return moreDue_ || endDue_; }
  // Between the first and the last piece of a message.
  bool inMessage() const { return inMessage_; }

 private:
  enum class Phase : uint8_t { kHeader, kData, kControl, kClosed, kFailed };
  static constexpr size_t kHeaderBytesMax = 14;
  static constexpr size_t kInflateBytes = 4096;  // compressed bytes taken at a time

  base::Result<size_t, Failure> fail(uint16_t code, const char* reason);
  size_t headerBytes() const;
  std::optional<Failure> takeHeader();
  std::optional<Failure> takeControl(MessageSink& sink);
  void unmask(std::span<const std::byte> from, std::span<std::byte> into);
  std::optional<Failure> emit(std::span<const std::byte> bytes, bool last, MessageSink& sink);
  std::optional<Failure> inflateHeld(MessageSink& sink);

  const Role role_;
  const Unmasked unmasked_;
  const uint64_t messageBytesMax_;
  const size_t pieceBytesMax_;
  std::optional<Inflater> inflater_;

  Phase phase_ = Phase::kHeader;
  Failure failure_{};
  std::array<uint8_t, kHeaderBytesMax> header_{};
  size_t headerSize_ = 0;

  // The current frame
  uint8_t opcode_ = 0;
  bool final_ = false;
  bool masked_ = false;
  std::array<uint8_t, 4> mask_{};
  uint64_t payloadAt_ = 0;
  uint64_t payloadSize_ = 0;

  // The current message
  bool inMessage_ = false;
  bool compressed_ = false;
  MessageKind kind_ = MessageKind::kText;
  uint64_t messageBytes_ = 0;
  Utf8Validator text_;
  std::string held_;  // compressed bytes that wait for the sink
  size_t heldAt_ = 0;
  bool heldEnds_ = false;  // the message ends with them
  bool moreDue_ = false;   // `held_`, or output of the inflater, waits
  bool endDue_ = false;    // an empty last frame waits

  std::array<std::byte, kControlBytesMax> control_{};
};

}  // namespace weir::http::websocket
